"""Each role killed in the middle of a load through the real edges: nothing is lost, nothing happens twice."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gridwire import kafka as clients
from gridwire import topics
from gridwire.settings import KafkaSettings
from sandbox import process
from sandbox.demo.environment import PARTITIONS, ROLES, Places, Secrets, kafka_variables, of_role
from sandbox.demo.outputs import Outputs
from sandbox.demo.stage import Platforms
from sandbox.demo.stories.braze_engagement import record_ids
from sandbox.kafka import RunningBroker
from tests.chaos.counting import Account, account, look, missing, under_way, unknown, wrong
from tests.chaos.outside import Load, Plan, connect, plan, prepare, seed_platforms, troubles
from tests.roles import READY_S, Role, Topics, running
from tests.waiting import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(600)]

KNOWN_S, SETTLE_S, LOOK_S = 60.0, 90.0, 0.4
QUIET_LOOKS = 8  # in a row at which nothing was under way and no topic grew: longer than any timer of the flows
KILLS = ((0.1, 0.4), (0.5, 0.9))  # shares of the role's own work between which each kill falls
FLOWS = {
    "GRIDWIRE_FLOW_FEED_CUSTOMER_CASES": {"collapse_s": 1},
    "GRIDWIRE_FLOW_BRAZE_ENGAGEMENT_INSIGHT": {
        "window_minutes": 5,
        "grace_minutes": 60,
        "abandoned_cart_minutes": 5,
        "amend_delay_s": 1,
        "group_size_min": 3,
    },
}


class Scene:
    """Everything that runs, and the plan of what will happen."""

    def __init__(self, places: Places, plan: Plan, folder: Path) -> None:
        self.places, self.plan, self.known = places, plan, Secrets()
        self.platforms = Platforms(places.sandbox_url)
        self.settings = KafkaSettings(
            bootstrap=places.broker.bootstrap,
            registry_url=places.registry_url,
            group_prefix=kafka_variables(places)["GRIDWIRE_GROUP_PREFIX"],
            partitions=PARTITIONS,
        )
        self.topics = Topics(self.settings)
        self.outputs = Outputs(self.settings, plan.cast.began_s)
        self.roles = {name: Role(name, folder, self._environ(name)) for name in ROLES}
        self._counted: dict[str, int] = {}
        self._quiet = 0
        self.waits_for = ""

    def _environ(self, name: str) -> dict[str, str]:
        given = of_role(name, self.places, self.known, ())
        given["GRIDWIRE_SESSION_TIMEOUT_MS"] = "6000"
        settings = {flow: json.dumps(chosen) for flow, chosen in FLOWS.items()}
        return given | (settings if name == "streams" else {})

    async def known_to_streams(self) -> bool:
        """Whether partners and products have been polled."""
        records = self.outputs.records()
        partners = {p.partner_id for p in records[topics.TRADING_GRID_PARTNERS.name]}  # type: ignore[attr-defined]
        products = {p.sku for p in records[topics.PRODUCTS.name]}  # type: ignore[attr-defined]
        cast = self.plan.cast
        wanted = {cast.partner("mill"), *(cast.partner(o.partner) for o in self.plan.orders)}
        return wanted <= partners and self.plan.stock().keys() <= products

    async def settled(self) -> bool:
        """Whether everything has come, nothing is under way, and it has stayed so for a while."""
        world = await look(self.plan, self.platforms, self.outputs)
        problems = missing(self.plan, world)
        way = await under_way(self.platforms, self.roles.values())
        counted = await asyncio.to_thread(self._count)
        grown = [name for name, n in counted.items() if self._counted.get(name) != n]
        self._counted = counted
        self.waits_for = "; ".join(filter(None, [*problems, way, f"{grown} rest" if grown else ""]))
        self._quiet = 0 if self.waits_for else self._quiet + 1
        return self._quiet >= QUIET_LOOKS

    def _count(self) -> dict[str, int]:
        kept = [t.name for t in topics.TOPICS if t is not topics.CHECKPOINTS]
        return {name: self.topics.count(name) for name in kept}

    async def kill(self, name: str, at: float) -> None:
        """kill -9 in the middle of what the role does; it is started again at once."""

        async def reached() -> bool:
            return await self.share(name) >= at

        role = self.roles[name]
        await eventually(reached, lambda: f"{name} has done {at:.0%} of its work", SETTLE_S)
        await asyncio.to_thread(role.kill)
        role.start()
        await self.ready(role)

    async def share(self, name: str) -> float:
        """How much a role has done of its work, 0 to about 1, told by what it does most or most dangerously."""
        if name == "sinks":
            state = await self.platforms.state("braze")
            return len(state["messages"]) / len(troubles(self.plan))
        topic = topics.BRAZE_ENGAGEMENT if name == "sources" else topics.ENRICHED_ENGAGEMENT
        count = await asyncio.to_thread(self.topics.count, topic.name)
        return count / len(record_ids(self.plan.events))

    async def ready(self, role: Role) -> None:
        async def is_ready() -> bool:
            return await asyncio.to_thread(role.ready)

        await eventually(is_ready, lambda: f"{role.name} is ready: {role.said()[-800:]}", READY_S)


@pytest.fixture
def scene(own_kafka: RunningBroker, registry: str, tmp_path: Path, seed: int) -> Iterator[Scene]:
    with process.start() as sandbox:
        one = Scene(Places(own_kafka.broker, registry, sandbox.url), plan(seed), tmp_path)
        asyncio.run(prepare(one.places, one.known, seed))
        asyncio.run(seed_platforms(one.platforms, one.plan))
        clients.create_topics(one.settings, [])
        with running(*one.roles.values()), following(one):
            yield one
        one.topics.close()


@contextmanager
def following(scene: Scene) -> Iterator[None]:
    scene.outputs.start()
    try:
        yield
    finally:
        scene.outputs.stop()


async def played(scene: Scene, name: str, kills: list[float]) -> Account:
    """The load with the kills in it. Returns what came of it."""
    await connect(scene.places, scene.known)
    await eventually(scene.known_to_streams, lambda: "partners and products are known", KNOWN_S)
    load = Load(scene.plan, scene.platforms)
    under_load = asyncio.create_task(load.play())
    try:
        for at in kills:
            await scene.kill(name, at)
        await under_load
    finally:
        under_load.cancel()
        await asyncio.gather(under_load, return_exceptions=True)
    began_s = time.monotonic()
    await eventually(scene.settled, lambda: f"all is settled: {scene.waits_for}", SETTLE_S, LOOK_S)
    print(f"settled {time.monotonic() - began_s:.1f} s after the load")
    return await account(scene.plan, scene.platforms, scene.topics)


@pytest.mark.parametrize("name", ROLES)
def test_a_role_killed_under_load_loses_and_repeats_nothing(
    scene: Scene, name: str, seed: int, record_testsuite_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(f"{name}-{seed}")
    kills = [dice.uniform(*between) for between in KILLS]
    print(f"seed {seed}: {name} is killed at {', '.join(f'{at:.0%}' for at in kills)} of its work")
    found = asyncio.run(played(scene, name, kills))
    lost = unknown(found)
    print(f"outcome unknown: {len(lost)}, {[(one.operation, one.lane) for one in lost]}")
    record_testsuite_property("outcome_unknown", len(lost))
    assert wrong(found) == []
