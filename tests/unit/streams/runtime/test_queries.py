"""What a worker tells about its tables, over its real ops server: committed rows, and where others are."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gridwire import topics
from gridwire.codec import Codec
from gridwire.health import Health
from gridwire.murmur2 import partition_of
from gridwire.ops import OpsServer
from gridwire.redaction import HIDDEN
from streams.driver import START_MS, LocalRegistry
from streams.engine.message import LocalMessage
from streams.engine.plan import plan
from streams.engine.references import References
from streams.engine.rows import StateError
from streams.engine.settle import Limits
from streams.engine.task import Task
from streams.runtime.queries import Queries
from streams.tables import CUSTOMERS, ORDERS, PARTNERS
from tests.unit.streams.engine.flows import COUNT, ORDER_FEED, TWO_WAITS, event, order, partner

PARTITIONS = 4
STATE = "state.test.flow.count"


class Kept:
    """Tasks as a worker keeps them, without a restore."""

    def __init__(self) -> None:
        self.ready: dict[int, Task] = {}
        self.restoring = False

    def partitions(self) -> list[int]:
        return sorted(self.ready)

    def told(self) -> str:
        return "state of 3 partitions is being restored, 40% read"


class World:
    """A worker that holds the partition of `key`, and its ops server."""

    def __init__(self, *, personal: bool = False) -> None:
        self.plan = plan((ORDER_FEED, COUNT, TWO_WAITS))
        self.codec = Codec(LocalRegistry())
        self.references = References(self.plan.references, self.codec)
        self.kept = Kept()
        kept: Any = self.kept
        self.copies_ready = True
        self.queries = Queries(
            self.plan,
            kept,
            self.references,
            partitions=PARTITIONS,
            copies_ready=lambda: self.copies_ready,
            personal=personal,
        )
        self.task = self.take(partition_of(b"o-1", PARTITIONS))

    def take(self, partition: int) -> Task:
        task = Task(self.plan, partition, self.codec, self.references, Limits())
        self.kept.ready[partition] = task
        return task

    def put(self, ref: str) -> None:
        row = order(ref, customer="jane@example.org")
        raw = self.codec.of(ORDERS.changelog).encode(row)
        self.task.state.tables["orders"].put(ref, row, raw)

    def count(self, user: str) -> None:
        raw = self.codec.of(topics.BRAZE_ENGAGEMENT).encode(event(user, event_id="event-1"))
        message = LocalMessage(topics.BRAZE_ENGAGEMENT.name, 0, 0, user.encode(), raw)
        self.task.process(topics.BRAZE_ENGAGEMENT, [message], START_MS)

    def commit(self) -> None:
        self.task.drain()
        self.task.commit()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    server = OpsServer(Health(), "127.0.0.1", 0, routes=world.queries.routes())
    await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as made:
        yield made
    await server.stop()


@pytest.fixture
def world() -> World:
    return World()


async def test_a_row_is_seen_once_it_is_committed(world: World, client: httpx.AsyncClient) -> None:
    world.put("o-1")
    assert (await client.get("/tables/orders/o-1")).status_code == 404, "that is not committed yet"
    world.commit()
    answer = await client.get("/tables/orders/o-1")
    assert answer.status_code == 200
    assert answer.json()["partition"] == world.task.partition
    assert answer.json()["row"]["order_ref"] == "o-1"
    world.put("o-1")
    world.task.abort()
    assert (await client.get("/tables/orders/o-1")).status_code == 200


async def test_personal_data_is_hidden(world: World, client: httpx.AsyncClient) -> None:
    world.put("o-1")
    world.count("jane@example.org")
    world.commit()
    row = await client.get("/tables/orders/o-1")
    assert row.json()["row"]["customer_ref"] == HIDDEN
    state = await client.get(f"/tables/{STATE}/jane@example.org")
    assert state.json()["state"] == {"n": 1, "ballast": HIDDEN}
    assert list(state.json()["timers"]) == ["#1"]
    assert "jane" not in row.text + state.text


async def test_personal_data_is_shown_where_the_setting_says_so() -> None:
    world = World(personal=True)
    world.put("o-1")
    world.count("ann")
    world.commit()
    status, body = world.queries.row("orders", "o-1")
    assert (status, body["row"]["customer_ref"]) == (200, "jane@example.org")
    status, body = world.queries.row(STATE, "ann")
    assert (status, body["state"]["ballast"], list(body["timers"])) == (200, "", ["flush"])


async def test_a_row_that_is_not_there_says_where_it_would_be(
    world: World, client: httpx.AsyncClient
) -> None:
    key = next(
        k for k in map(str, range(99)) if partition_of(k.encode(), 4) != world.task.partition
    )
    elsewhere = partition_of(key.encode(), PARTITIONS)
    answer = await client.get(f"/tables/orders/{key}")
    assert answer.status_code == 404
    assert answer.json()["partition"] == elsewhere
    assert "gridwire table" in answer.json()["error"]
    assert answer.json()["partitions"] == [world.task.partition]
    world.take(elsewhere)
    answer = await client.get(f"/tables/orders/{key}")
    assert (answer.status_code, answer.json()["error"]) == (404, "no such row")


async def test_while_state_is_restored_the_answer_is_to_come_again(
    world: World, client: httpx.AsyncClient
) -> None:
    world.kept.ready.clear()
    world.kept.restoring = True
    for path in ("/tables/orders/o-1", f"/tables/{STATE}/ann"):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert "40% read" in answer.json()["error"]
    world.copies_ready = False
    assert (await client.get("/tables/partners/P1")).status_code == 503
    assert (await client.get("/tables")).json()["restoring"] is True


async def test_a_full_copy_answers_for_all_partitions(
    world: World, client: httpx.AsyncClient
) -> None:
    raw = world.codec.of(topics.TRADING_GRID_PARTNERS).encode(partner("P1"))
    world.references[PARTNERS].apply("P1", raw)
    assert (await client.get("/tables/partners/P1")).json()["row"]["partner_id"] == "P1"
    assert (await client.get("/tables/partners/P2")).status_code == 404


async def test_tables_are_listed_with_rows_and_partitions(
    world: World, client: httpx.AsyncClient
) -> None:
    world.put("o-1")
    world.count("ann")
    world.commit()
    listed = (await client.get("/tables")).json()
    rows = {one["name"]: (one["kind"], one["rows"]) for one in listed["tables"]}
    assert rows["orders"] == ("table", 1)
    assert rows[STATE] == ("state", 1)
    assert rows["partners"] == ("copy", 0)
    assert listed["partitions_of_all"] == PARTITIONS
    assert listed["tables"][0]["partitions"] == [world.task.partition]


async def test_keys_may_hold_anything(world: World, client: httpx.AsyncClient) -> None:
    for key in ("a/b", "ä ?#%", "state.x"):
        world.task.state.folds["test.flow/count"].store.put(
            key, msgspec.msgpack.encode([{}, {}, "", "", 1])
        )
        world.commit()
        quoted = "".join(f"%{byte:02X}" for byte in key.encode())
        assert (await client.get(f"/tables/{STATE}/{quoted}")).status_code == 200, key


async def test_what_cannot_be_decoded_or_asked_for_has_an_answer(
    world: World, client: httpx.AsyncClient
) -> None:
    world.task.state.stores["table.orders"].put("o-1", b"junk")
    world.commit()
    answer = await client.get("/tables/orders/o-1")
    assert (answer.status_code, answer.json()["reason"]) == (500, "truncated")
    answer = await client.get("/tables/nothing/o-1")
    assert (answer.status_code, answer.json()["error"]) == (404, "no such table")
    assert "orders" in answer.json()["tables"]
    assert CUSTOMERS.name not in answer.json()["tables"], "no flow here looks it up"


async def test_a_partition_that_goes_while_it_is_asked_is_not_here_any_more(world: World) -> None:
    class Closed:
        def peek(self, _key: str) -> bytes | None:
            raise StateError("closed")

    closed: Any = Closed()
    world.task.state.stores["table.orders"].rows = closed
    status, _ = world.queries.row("orders", "o-1")
    assert status == 503


async def test_nothing_can_be_changed(client: httpx.AsyncClient) -> None:
    assert (await client.post("/tables/orders/o-1")).status_code == 405
    assert (await client.delete("/tables/orders/o-1")).status_code == 405


def test_no_process_of_ours_asks_brokers_who_holds_what() -> None:
    """librdkafka 2.16 ends the process where a broker dies after such a call has timed out."""
    root = Path(__file__).parents[4]
    asking = [
        path.name
        for folder in ("streams", "connectors", "gridwire")
        for path in (root / folder).rglob("*.py")
        if "describe_consumer_groups" in path.read_text()
    ]
    assert asking == []
