"""News that are no case → the customer, where consent allows: a profile that nobody has read yet is read first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from gridwire.records import BrazeCommand, Customer
from streams.flow import Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.rules import braze, consent
from streams.rules.dates import arrived_at


class Held(Protocol):
    """State of a fold that announces: news that wait until the profile has been read."""

    @property
    def waiting(self) -> Sequence[Any]: ...


@dataclass(frozen=True, slots=True)
class Announcing:
    """message: from news and the customer to what is sent. holding: makes the fold's state of news that wait.

    read_ms: how long they wait at most. waiting_max: per customer.
    """

    flow: str
    message: Callable[[Any, Customer], BrazeCommand | Filtered]
    holding: Callable[[tuple[Any, ...]], msgspec.Struct]
    read_ms: int
    waiting_max: int

    def hear(self, news: Any, held: Held | None, customer: Customer) -> Effects:
        """At once, unless nobody knows yet what the customer consents to."""
        why_not = consent.unreachable(customer)
        if why_not:
            yield Filtered(why_not)
        elif not consent.is_unread(customer):
            yield self.message(news, customer)
        elif held is not None and len(held.waiting) >= self.waiting_max:
            yield Filtered("too much news at once")
        else:
            now_ms = arrived_at(news)
            yield Keep(self.holding((*(held.waiting if held else ()), news)))
            if held is None:
                yield SetTimer("read", now_ms + self.read_ms)
                yield self.refresh(news)

    def due(self, fired: Fired[Any], customer: Customer | None) -> Effects:
        """The profile has been read, or Braze must judge by itself."""
        why_not = consent.unreachable(customer) if customer else "customer not known"
        for news in fired.state.waiting:
            if customer is None or why_not:
                yield Filtered(why_not)
            else:
                yield self.message(news, customer)
        yield Forget()

    def refresh(self, news: Any) -> BrazeCommand:
        """Asks Braze what the customer consents to."""
        return braze.refresh_profile(self.flow, news.customer_ref)
