"""Those who wait for their turn at a pace: first come, first served; only the first looks at the clock."""

import asyncio
from collections import deque


class Ticket:
    """A place in a line."""

    __slots__ = ("first",)

    def __init__(self) -> None:
        self.first: asyncio.Future[None] | None = None  # while it waits to be the first


class Line:
    """A line within one event loop."""

    def __init__(self) -> None:
        self._tickets: deque[Ticket] = deque()  # bounded by who may wait: the lanes' workers

    def join(self) -> Ticket:
        """A place at the end."""
        ticket = Ticket()
        self._tickets.append(ticket)
        return ticket

    def leads(self, ticket: Ticket) -> bool:
        """Whether it is this one's turn."""
        return self._tickets[0] is ticket

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        """Until the ticket is the first one, or for so many seconds."""
        ticket.first = asyncio.get_running_loop().create_future()
        await asyncio.wait([ticket.first], timeout=seconds)

    def leave(self, ticket: Ticket) -> None:
        """Has had its turn, or gives it up: the next one is told."""
        led = self.leads(ticket)
        self._tickets.remove(ticket)
        if led and self._tickets:
            first = self._tickets[0].first
            if first is not None and not first.done():
                first.set_result(None)
