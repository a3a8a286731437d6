"""Plays all stories at once and looks at the world until all that must come of them has come, or time is up."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gridwire.topics import PRODUCTS, TRADING_GRID_PARTNERS
from sandbox.demo.calls import CallError
from sandbox.demo.environment import Places, Secrets, destinations, hooks
from sandbox.demo.figures import Figures
from sandbox.demo.outputs import Outputs
from sandbox.demo.progress import Progress, Row, State
from sandbox.demo.report import receipts
from sandbox.demo.roles import RoleError, Roles, configure
from sandbox.demo.stage import Platforms, Stage, StoryError, Watch, as_seen_by
from sandbox.demo.story import Cast, Seeds, Story
from sandbox.demo.world import World

PLATFORM_NAMES = ("trading-grid", "braze", "bigcommerce")
SEEDED_AGO_S = 20
LOOK_EVERY_S = 0.3
KNOWN_S_MAX = 30.0
PLAY_S_MAX = 90.0
SETTLE_S_MAX = 30.0
SETTLED_LOOKS = 5  # in a row without a change: longer than lag takes to be measured anew
BLIND_LOOKS_MAX = 20  # in a row at which a role did not show its figures
BROKEN_STORY = (StoryError, CallError, KeyError, IndexError, TypeError, ValueError)


class ScenarioError(Exception):
    """The scenario could not be played to its end; the text says why."""


@dataclass(slots=True)
class Part:
    """One story in this run. `failed`: why it could not be played."""

    story: Story
    cast: Cast
    state: State = "waiting"
    failed: str = ""
    unmet: tuple[str, ...] = ()


@dataclass(slots=True)
class Scenario:
    """`parts`: the stories of flows, then those of none."""

    parts: list[Part]
    places: Places
    known: Secrets
    roles: Roles
    outputs: Outputs
    progress: Progress
    watch: Watch = field(default_factory=Watch)
    _figures: Figures = field(default_factory=Figures)
    _blind_looks: int = 0

    @property
    def _platforms(self) -> Platforms:
        return Platforms(self.places.sandbox_url)

    # ---- before ----------------------------------------------------------------------------------
    async def seed(self) -> None:
        """What has been there for a while: polls leave the last seconds for later. Raises CallError."""
        await self._platforms.set_clock(-SEEDED_AGO_S)
        for part in self.parts:
            for platform, rows in part.story.seed(part.cast).items():
                await self._platforms.seed(platform, rows)
        await self._platforms.set_clock(0)

    async def connect(self) -> None:
        """Webhooks go to the gateway from now on. Raises CallError."""
        await configure(self.places.sandbox_url, destinations(self.places.gateway_url, self.known))
        await self._platforms.seed(
            "bigcommerce", {"hooks": hooks(self.places.gateway_url, self.known)}
        )

    async def until_known(self) -> None:
        """Partners and products have been polled and stand in the tables. Raises ScenarioError."""
        seeds = [part.story.seed(part.cast) for part in self.parts]
        partners = _seeded(seeds, "trading-grid", "partners", "id")
        skus = _seeded(seeds, "bigcommerce", "products", "sku")
        deadline, missing = time.monotonic() + KNOWN_S_MAX, "everything"
        while time.monotonic() < deadline:
            missing = _unknown(await self.look(), partners, skus)
            if not missing:
                return
            await asyncio.sleep(LOOK_EVERY_S)
        raise ScenarioError(f"after {KNOWN_S_MAX:.0f} s gridwire does not know: {missing}")

    # ---- during ----------------------------------------------------------------------------------
    async def play(self) -> World:
        """Returns the world once all expectations are met, or time is up. Raises ScenarioError, RoleError."""
        plays = [asyncio.create_task(self._play(part)) for part in self.parts]
        deadline = time.monotonic() + PLAY_S_MAX
        try:
            while time.monotonic() < deadline:
                world = await self.look()
                self.judge(world)
                self._show(world)
                if all(part.state in ("done", "failed") for part in self.parts):
                    break
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            for task in plays:
                task.cancel()
            await asyncio.gather(*plays, return_exceptions=True)
        return await self.look()

    async def _play(self, part: Part) -> None:
        stage = Stage(
            part.cast, self._platforms, self.watch, self.places.gateway_url, self._sender_secrets()
        )
        part.state = "playing"
        try:
            await part.story.play(stage)
        except BROKEN_STORY as error:
            part.failed = f"could not be played: {type(error).__name__}: {error}"
        part.state = "checking"

    def _sender_secrets(self) -> Mapping[str, str]:
        return {
            "bigcommerce_client_secret": self.known.bigcommerce_client_secret,
            "bigcommerce_hook": self.known.bigcommerce_hook,
            "braze_webhook": self.known.braze_webhook,
            "currents_token": self.known.currents_token,
            "trading_grid_webhook": self.known.trading_grid_webhook,
        }

    def judge(self, world: World) -> None:
        """Asks every story what is still unmet. One that could not be played is not asked any more."""
        for part in self.parts:
            unmet = _unmet(part, world)
            part.unmet = (part.failed, *unmet) if part.failed else tuple(unmet)
            if part.state in ("checking", "done"):
                part.state = "checking" if part.unmet else "done"
            if part.failed:
                part.state = "failed"

    def _show(self, world: World) -> None:
        told = receipts(world)
        rows = []
        for part in self.parts:
            counted = world.figures.of(part.story.flow_id)
            delivered = sum(
                one.outcome == "delivered" for one in told.get(part.story.flow_id, {}).values()
            )
            figures = (counted["in"], counted["emitted"], delivered)
            rows.append(Row(part.story.flow_id, part.state, part.unmet, *figures))
        self.progress.show(rows)

    async def look(self) -> World:
        """The world now. Raises CallError, RoleError, ScenarioError."""
        if self.outputs.error is not None:
            raise ScenarioError(f"topics cannot be read: {self.outputs.error}")
        states = await asyncio.gather(*(self._platforms.state(name) for name in PLATFORM_NAMES))
        world = World(
            cast=self.parts[0].cast,
            exactly_once=self.places.broker.exactly_once,
            platforms=dict(zip(PLATFORM_NAMES, states, strict=True)),
            records=self.outputs.records(),
            dead_letters=self.outputs.letters(),
            figures=await self._read_figures(),
        )
        await self.watch.show(world)
        return world

    async def _read_figures(self) -> Figures:
        """A role that is busy may miss a look; then the last figures stand."""
        try:
            self._figures = await self.roles.figures()
            self._blind_looks = 0
        except CallError as error:
            self._blind_looks += 1
            if self._blind_looks >= BLIND_LOOKS_MAX:
                raise RoleError(f"a role does not show its figures: {error}") from error
        return self._figures

    # ---- after -----------------------------------------------------------------------------------
    async def settle(self) -> tuple[World, str]:
        """The world once nothing is under way any more, and "" or what still was when time was up."""
        deadline = time.monotonic() + SETTLE_S_MAX
        world, quiet = await self.look(), 0
        while time.monotonic() < deadline:
            before = world
            await asyncio.sleep(LOOK_EVERY_S)
            world = await self.look()
            still = world.figures.counted() == before.figures.counted()
            quiet = quiet + 1 if still and not under_way(world) else 0
            if quiet >= SETTLED_LOOKS:
                return world, ""
        return world, under_way(world) or "figures keep changing"


def _unmet(part: Part, world: World) -> list[str]:
    """What the story says is missing; a story that stumbles over what is not there yet says so."""
    try:
        return part.story.expect(as_seen_by(world, part.cast))
    except BROKEN_STORY as error:
        return [f"cannot be told yet: {type(error).__name__}: {error}"]


def under_way(world: World) -> str:
    """What has not come to its end, or ""."""
    if world.figures.lag():
        return f"{world.figures.lag()} records are still to be read"
    told = receipts(world)
    for flow in world.figures.flows():
        commands, ended = world.figures.commands(flow), len(told.get(flow, {}))
        if commands != ended:
            return f"{flow}: {commands} commands were given and {ended} have a receipt"
    return ""


def _unknown(world: World, partners: set[str], skus: set[str]) -> str:
    """What of the seeds is not in the topics, or not in the tables of the streams role; or ""."""
    no_partners = len(partners - _keys(world, TRADING_GRID_PARTNERS.name, "partner_id"))
    no_products = len(skus - _keys(world, PRODUCTS.name, "sku"))
    if no_partners or no_products:
        return f"{no_partners} of {len(partners)} partners, {no_products} of {len(skus)} products"
    rows = world.figures.rows("partners"), world.figures.rows("products")
    if rows[0] < len(partners) or rows[1] < len(skus):
        return f"the tables hold {rows[0]} partners and {rows[1]} products"
    return ""


def _seeded(seeds: Sequence[Seeds], platform: str, collection: str, name: str) -> set[str]:
    rows = (row for one in seeds for row in one.get(platform, {}).get(collection, ()))
    return {row[name] for row in rows}


def _keys(world: World, topic: str, name: str) -> set[str]:
    return {getattr(record, name) for record in world.records.get(topic, ())}
