"""A customer leaves a journey, a message is taken back, another journey begins: in this order, whatever happens."""

from collections.abc import Sequence
from typing import Any

import pytest

from connectors.kit.connector import Request, Response
from gridwire.records import DeleteSchedule, TrackEvent, TriggerCanvas
from tests.unit.connectors.braze.engine import World
from tests.unit.connectors.kit.clocks import HeldTime
from tests.unit.connectors.kit.platforms import answer

EXIT, DELETE, ENTER = (
    "/users/track",
    "/campaigns/trigger/schedule/delete",
    "/canvas/trigger/send",
)
CUSTOMERS = tuple(f"customer-{number}" for number in range(12))


def of(request: Request) -> list[str]:
    """Whom a request is about."""
    body = request.json
    events = [one["external_id"] for one in body.get("events", ())]
    recipients = [one["external_user_id"] for one in body.get("recipients", ())]
    schedules = [body["schedule_id"]] if "schedule_id" in body else []
    return events + recipients + schedules


class Journeys:
    """Keeps what it took, and fails as it is told: path and status, once each."""

    def __init__(self, faults: Sequence[tuple[str, int]]) -> None:
        self._faults = list(faults)
        self.taken: list[tuple[str, str]] = []

    def take(self, request: Request) -> Response:
        for fault in self._faults:
            if request.path == fault[0]:
                self._faults.remove(fault)
                return answer(fault[1])
        self.taken += [(request.path, who) for who in of(request)]
        return answer(201, {"message": "success", "dispatch_id": "d"})


def commands(who: str) -> list[tuple[str, Any]]:
    return [
        ("track_event", TrackEvent(customer_ref=who, name="exit", time=1, repeatable=True)),
        (
            "delete_schedule",
            DeleteSchedule(schedule_id=who, customer_ref=who, campaign_id="survey", about="f"),
        ),
        ("trigger_canvas", TriggerCanvas(canvas_id="apology", customer_ref=who)),
    ]


@pytest.mark.parametrize(
    "faults",
    [
        (),
        ((EXIT, 500), (EXIT, 503)),
        ((EXIT, 429), (DELETE, 500), (ENTER, 429)),
        ((DELETE, 503), (DELETE, 503)),
    ],
    ids=["well", "exits fail", "everything fails", "deletions fail"],
)
async def test_each_customer_exits_before_a_message_is_taken_back_and_only_then_enters(
    faults: Sequence[tuple[str, int]],
) -> None:
    braze, time = Journeys(faults), HeldTime(chance=0.0)
    world = World(braze.take, time)

    async def play() -> None:
        for who in CUSTOMERS:
            for operation, body in commands(who):
                world.arrive(who, operation, body)

    await world.played(play)
    assert world.letters() == 0
    for who in CUSTOMERS:
        assert [path for path, about in braze.taken if about == who] == [EXIT, DELETE, ENTER]
