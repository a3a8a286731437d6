"""What a story may do: seed and trigger the simulated platforms, wait for the world to change, send rough input."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.demo.calls import asked, call
from sandbox.demo.story import Cast
from sandbox.demo.world import World

WAIT_S_MAX = 40.0


class StoryError(Exception):
    """A story cannot go on; the text says what it waited for or what was refused."""


class Platforms:
    """The control API of the sandbox."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def configure(self, platform: str, settings: Mapping[str, Any]) -> Any:
        return await asked("POST", f"{self.url}/_sandbox/{platform}/configure", settings)

    async def set_clock(self, offset_s: float) -> Any:
        """All platforms are so far ahead of the wall clock."""
        return await asked("POST", f"{self.url}/_sandbox/clock", {"offset_s": offset_s})

    async def seed(self, platform: str, rows: Mapping[str, Any]) -> Any:
        return await asked("POST", f"{self.url}/_sandbox/{platform}/seed", rows)

    async def trigger(self, platform: str, event: str, body: Mapping[str, Any]) -> Any:
        return await asked("POST", f"{self.url}/_sandbox/{platform}/trigger/{event}", body)

    async def state(self, platform: str) -> Any:
        return await asked("GET", f"{self.url}/_sandbox/{platform}/state")


class Watch:
    """The latest look at the world, shared by all stories; whoever waits is woken by each new look."""

    def __init__(self) -> None:
        self._world: World | None = None
        self._changed = asyncio.Condition()

    @property
    def world(self) -> World:
        """Raises StoryError before the first look."""
        if self._world is None:
            raise StoryError("nobody has looked at the world yet")
        return self._world

    async def show(self, world: World) -> None:
        async with self._changed:
            self._world = world
            self._changed.notify_all()

    async def until(self, holds: Callable[[World], object], cast: Cast) -> None:
        """Returns at the first look at which `holds`."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._world is not None and holds(as_seen_by(self._world, cast))
            )


def as_seen_by(world: World, cast: Cast) -> World:
    """The same world with a story's own names."""
    return replace(world, cast=cast)


@dataclass(frozen=True, slots=True)
class Stage:
    """One story's hands. `gateway`: where webhooks go; `secrets`: what senders sign with, by name."""

    cast: Cast
    platforms: Platforms
    watch: Watch
    gateway: str
    secrets: Mapping[str, str]

    async def trading_grid(self, event: str, **body: Any) -> Any:
        """People in the community do something. Raises CallError."""
        return await self.platforms.trigger("trading-grid", event, body)

    async def bigcommerce(self, event: str, **body: Any) -> Any:
        """Shoppers, staff or payment providers do something. Raises CallError."""
        return await self.platforms.trigger("bigcommerce", event, body)

    async def order(self, n: int, product: str) -> Any:
        """Customer `n` orders one of a product by its name in the cast, as order `n`. Raises CallError."""
        number, line = self.cast.number(n), {"sku": self.cast.sku(product), "quantity": 1}
        return await self.bigcommerce("place_order", id=number, customer=number, lines=[line])

    async def braze(self, event: str, **body: Any) -> Any:
        """Users do something, or a webhook step posts what they said. Raises CallError."""
        return await self.platforms.trigger("braze", event, body)

    async def currents(self, events: list[dict[str, Any]]) -> Any:
        """Braze posts engagement events. Raises CallError."""
        return await self.platforms.trigger("braze", "currents", {"events": events})

    async def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Somebody posts to the gateway; answers the status."""
        sent = {"content-type": "application/json", **headers}
        answer = await asyncio.to_thread(call, "POST", f"{self.gateway}{path}", body, sent)
        return answer.status

    async def until(self, holds: Callable[[World], object], what: str) -> None:
        """Waits until it is so. Raises StoryError after WAIT_S_MAX."""
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                await self.watch.until(holds, self.cast)
        except TimeoutError as error:
            raise StoryError(f"after {WAIT_S_MAX:.0f} s it is not so that {what}") from error
