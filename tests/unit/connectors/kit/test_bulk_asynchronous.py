"""Batches that a platform works off in its own time: submitted, asked about, their results downloaded.

The platform behaves as Mailchimp says of its batches: at most 500 pending, at most 10 connections at once (429 above
both), no Retry-After, a status that is asked for, and results as a gzipped tar of JSON arrays behind a link that
expires.
"""

import asyncio
import gzip
import io
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Done,
    Download,
    Item,
    ItemResult,
    OperationError,
    Pause,
    Rejected,
    Request,
    Response,
    Transient,
)
from tests.unit.connectors.kit.bulks import World
from tests.unit.connectors.kit.clocks import HeldTime
from tests.unit.connectors.kit.platforms import answer
from tests.unit.connectors.kit.records import assigned

OPERATIONS_MAX = 500
PENDING_MAX = 500
CONNECTIONS_MAX = 10
LINK_S = 600.0
WORK_S = 30.0
ASK_S = 10.0
ASKED_MAX = 30
EXPIRED = frozenset({403, 404})


class Mailing:
    """The platform. `operations`: (operation id, batch) in the order they were worked off."""

    def __init__(self, time: HeldTime) -> None:
        self._time = time
        self.batches: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        self.worked: list[tuple[str, str]] = []
        self.requests: list[str] = []
        self.connections = self.connections_max = self.refused = 0
        self.statuses: dict[str, list[int]] = {}
        self.pending_before = 0
        self.forget_results = False

    async def exchange(self, request: Request, _headers: Mapping[str, str]) -> Response:
        self.connections += 1
        self.connections_max = max(self.connections_max, self.connections)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            if self.connections > CONNECTIONS_MAX:
                return self._full()
            self.requests.append(f"{request.method} {request.path}")
            if request.method == "POST":
                return self._submit(request.json["operations"])
            return self._status(request.path.rpartition("/")[2])
        finally:
            self.connections -= 1

    def _full(self) -> Response:
        self.refused += 1
        return answer(429, {"title": "Too Many Requests", "status": 429})

    def _submit(self, operations: list[dict[str, Any]]) -> Response:
        assert 0 < len(operations) <= OPERATIONS_MAX
        pending = sum(self._left_s(id_) > 0 for id_ in self.batches)
        if pending + self.pending_before >= PENDING_MAX:
            return self._full()
        id_ = f"b{len(self.batches)}"
        self.batches[id_] = (self._time.passed_s, operations)
        return answer(200, {"id": id_, "status": "pending", "total_operations": len(operations)})

    def _left_s(self, id_: str) -> float:
        return self.batches[id_][0] + WORK_S - self._time.passed_s

    def _status(self, id_: str) -> Response:
        left_s = self._left_s(id_)
        if left_s > 0:
            return answer(
                200, {"id": id_, "status": "started" if left_s < WORK_S / 2 else "pending"}
            )
        url = f"https://results.example/{id_}?at={self._time.passed_s}"
        return answer(200, {"id": id_, "status": "finished", "response_body_url": url})

    async def fetch(self, download: Download) -> Response:
        """The results; the link holds for a while."""
        id_, _, at = download.url.rpartition("/")[2].partition("?at=")
        self.requests.append(f"download {id_}")
        if self.forget_results or self._time.passed_s > float(at) + LINK_S:
            return Response(403, {}, b"")
        results = []
        for operation in self.batches[id_][1]:
            own = operation["operation_id"]
            self.worked.append((own, id_))
            statuses = self.statuses.get(own, [200])
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            results.append({"status_code": status, "operation_id": own, "response": "{}"})
        return Response(200, {}, _packed(results))

    async def fetch_token(self, _call: Any) -> Response:
        raise AssertionError("no token is needed")


def _packed(results: list[Any]) -> bytes:
    """A gzipped tar of two files, each a JSON array, as the platform gives it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for number, part in enumerate((results[::2], results[1::2])):
            raw = msgspec.json.encode(part)
            info = tarfile.TarInfo(f"{number}.json")
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    return gzip.compress(packed.getvalue())


def _unpacked(body: bytes) -> Iterator[dict[str, Any]]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(body))) as tar:
        for member in tar:
            part = tar.extractfile(member)
            if part is not None:
                yield from msgspec.json.decode(part.read())


# ---- what a connector would have ---------------------------------------------------------------------------------
def members(items: Sequence[Item]) -> BulkSteps:
    """Submits, asks until it is finished, downloads, and gives each operation its verdict."""
    operations = [
        {"method": "PUT", "path": "/lists/l/members/x", "operation_id": item.command.event_id}
        for item in items
    ]
    created = yield Request("POST", "/batches", json={"operations": operations})
    path = f"/batches/{created.json()['id']}"
    for _ in range(ASKED_MAX):
        yield Pause(ASK_S)
        found = (yield Request("GET", path)).json()
        if found["status"] != "finished":
            continue
        file = yield Download(found["response_body_url"], expect=EXPIRED)
        if file.status in EXPIRED:
            continue  # another look gives a fresh link
        results = {one["operation_id"]: one["status_code"] for one in _unpacked(file.body)}
        return [_result(results.get(item.command.event_id)) for item in items]
    raise OperationError(Transient("the batch is not finished"))


def _result(status: int | None) -> ItemResult:
    if status is None or status == 429 or status >= 500:
        return Transient("the operation was not carried out")
    return Done() if status < 300 else Rejected(f"the operation was refused: {status}")


class Case:
    """A world around a mailing platform."""

    def __init__(self, items_max: int = OPERATIONS_MAX, **changed: Any) -> None:
        self.time = HeldTime(chance=0.0)
        self.mailing = Mailing(self.time)
        bulk = Bulk(members, items_max, **changed)
        self.world = World(bulk, time=self.time, shop=self.mailing, concurrency=8, attempts_max=9)
        self.world.caller._downloads = self.mailing  # type: ignore[assignment]

    async def pass_s(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.time.advance(1.0)


# ---- proofs ------------------------------------------------------------------------------------------------------
async def test_many_commands_are_a_few_batches_and_each_has_the_outcome_of_its_operation() -> None:
    case, home = Case(), assigned()
    case.mailing.statuses = {"c-3": [400], "c-700": [500, 200], "c-1100": [404]}
    async with case.world.running():
        case.world.lanes.arrived([case.world.entry(n, of=home) for n in range(1_200)])
        await case.pass_s(200)
    ends = case.world.ends()
    assert len(ends) == 1_200
    assert {id_ for id_, end in ends.items() if end == "rejected"} == {"c-3", "c-1100"}
    assert Counter(ends.values()) == {"delivered": 1_198, "rejected": 2}
    sizes = [len(operations) for _, operations in case.mailing.batches.values()]
    assert sizes == [500, 500, 200, 1]
    times = Counter(id_ for id_, _ in case.mailing.worked)
    assert {id_: count for id_, count in times.items() if count > 1} == {"c-700": 2}


async def test_waiting_batches_hold_no_connection_and_calls_stay_below_the_cap() -> None:
    case = Case(4, parallel_max=40, group=lambda command, _body: command.lane[-2:])
    home = assigned()
    async with case.world.running():
        case.world.lanes.arrived([case.world.entry(n, of=home) for n in range(100, 260)])
        await case.pass_s(5)
        assert len(case.mailing.batches) == 40  # as many as may be under way
        assert case.mailing.connections == 0
        await case.pass_s(150)
    assert len(case.world.ends()) == 160
    assert case.mailing.connections_max <= 8
    assert case.mailing.refused == 0


async def test_while_too_many_batches_are_pending_commands_wait_and_none_is_lost() -> None:
    case, home = Case(), assigned()
    case.mailing.pending_before = PENDING_MAX
    async with case.world.running():
        case.world.lanes.arrived([case.world.entry(n, of=home) for n in range(20)])
        await case.pass_s(30)
        assert (case.world.ends(), case.mailing.batches) == ({}, {})
        case.mailing.pending_before = 0
        await case.pass_s(240)
    assert set(case.world.ends().values()) == {"delivered"}
    assert case.mailing.refused > 0


async def test_a_link_that_has_expired_is_asked_for_again() -> None:
    case, home = Case(), assigned()
    case.mailing.forget_results = True
    async with case.world.running():
        case.world.lanes.arrived([case.world.entry(n, of=home) for n in range(3)])
        await case.pass_s(45)
        case.mailing.forget_results = False
        await case.pass_s(30)
    assert len(case.mailing.batches) == 1
    assert set(case.world.ends().values()) == {"delivered"}


async def test_a_batch_that_never_finishes_ends_its_wait_and_is_submitted_again() -> None:
    case, home = Case(), assigned()
    case.mailing.forget_results = True
    async with case.world.running():
        case.world.lanes.arrived([case.world.entry(0, of=home), case.world.entry(1, of=home)])
        await case.pass_s(int(ASK_S) * ASKED_MAX + 20)
        assert len(case.mailing.batches) > 1


async def test_a_stop_while_batches_are_worked_off_sends_nothing_more() -> None:
    case, home = Case(), assigned()
    async with case.world.running():
        case.world.lanes.arrived([case.world.entry(n, of=home) for n in range(20)])
        await case.pass_s(15)
        draining = asyncio.create_task(case.world.lanes.drain([home]))
        await case.pass_s(1)
        assert not draining.done()  # submitted is in flight
        draining.cancel()  # not within its deadline
        await case.world.lanes.drop([home])
        before = list(case.mailing.requests)
        await case.pass_s(60)
        assert case.mailing.requests == before
        again = assigned()
        case.world.lanes.arrived([case.world.entry(n, of=again) for n in range(20)])
        await case.pass_s(60)
    assert set(case.world.ends().values()) == {"delivered"}


async def test_a_partition_that_leaves_meanwhile_does_not_make_the_others_submit_again() -> None:
    case, leaving, staying = Case(), assigned(0), assigned(1)
    async with case.world.running():
        homes = [leaving, staying]
        case.world.lanes.arrived([case.world.entry(n, of=homes[n % 2]) for n in range(20)])
        await case.pass_s(15)
        await case.world.lanes.drop([leaving])
        leaving.lost = True
        await case.pass_s(60)
    assert len(case.mailing.batches) == 1
    assert set(case.world.ends()) == {f"c-{n}" for n in range(1, 20, 2)}
