"""News that are no case → the customer, where consent allows: a profile that nobody has read yet is read first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from gridwire.records import BrazeCommand, Customer
from streams.flow import CancelTimer, Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.rules import braze, consent
from streams.rules.dates import arrived_at


class Held(Protocol):
    """State of a fold that announces: news that wait until the profile has been read, and names of what was said."""

    @property
    def waiting(self) -> Sequence[Any]: ...
    @property
    def said(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Announcing:
    """message: from news and the customer to what is sent. holding: makes the fold's state of what waits and was said.

    read_ms: how long news wait at most. waiting_max: per customer. once: the name of news that are said once; None: of
    news that may come again. said_max names are remembered, for keep_ms after the latest.
    """

    flow: str
    message: Callable[[Any, Customer], BrazeCommand | Filtered]
    holding: Callable[[tuple[Any, ...], tuple[str, ...]], msgspec.Struct]
    read_ms: int
    waiting_max: int
    once: Callable[[Any], str | None] = lambda _news: None
    said_max: int = 0
    keep_ms: int = 0

    def hear(self, news: Any, held: Held | None, customer: Customer) -> Effects:
        """At once, behind what waits, unless nobody knows yet what the customer consents to."""
        waiting = tuple(held.waiting) if held else ()
        said = tuple(held.said) if held else ()
        name = self.once(news)
        why_not = consent.unreachable(customer)
        if name is not None and name in {*said, *map(self.once, waiting)}:
            yield Filtered("said already")
        elif why_not:
            yield Filtered(why_not)
        elif not consent.is_unread(customer):
            yield from self._say((*waiting, news), said, customer)
            yield from self._remember(said, (*waiting, news), arrived_at(news))
        elif len(waiting) >= self.waiting_max:
            yield Filtered("too much news at once")
        else:
            yield Keep(self.holding((*waiting, news), said))
            if not waiting:
                yield SetTimer("read", arrived_at(news) + self.read_ms)
                yield self.refresh(news)

    def due(self, fired: Fired[Any], customer: Customer | None) -> Effects:
        """The profile has been read, or Braze must judge by itself; or what was said has long been."""
        if fired.name == "forget":
            yield Forget()
            return
        waiting, said = tuple(fired.state.waiting), tuple(fired.state.said)
        why_not = consent.unreachable(customer) if customer else "customer not known"
        if customer is None or why_not:
            yield from (Filtered(why_not) for _ in waiting)
            yield from self._remember(said, (), fired.now_ms)
            return
        yield from self._say(waiting, said, customer)
        yield from self._remember(said, waiting, fired.now_ms)

    def _say(self, news: Sequence[Any], said: Sequence[str], customer: Customer) -> Effects:
        names = set(said)
        for one in news:
            name = self.once(one)
            yield Filtered("said already") if name in names else self.message(one, customer)
            if name is not None:
                names.add(name)

    def _remember(self, said: Sequence[str], news: Sequence[Any], now_ms: int) -> Effects:
        """Nothing waits any more; what was said is known, as far as there is room for it."""
        names = (*said, *(name for one in news if (name := self.once(one)) is not None))
        kept = tuple(dict.fromkeys(names))[-self.said_max :] if self.said_max else ()
        yield CancelTimer("read")
        if not kept:
            yield Forget()
            return
        yield Keep(self.holding((), kept))
        yield SetTimer("forget", now_ms + self.keep_ms)

    def refresh(self, news: Any) -> BrazeCommand:
        """Asks Braze what the customer consents to."""
        return braze.refresh_profile(self.flow, news.customer_ref)
