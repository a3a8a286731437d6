"""Moving a thread: one legal transition after another."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from connectors.kit.connector import (
    Rejected,
    Request,
    Response,
    Transient,
)
from connectors.trading_grid.sink import CALLS_MAX, Writer
from gridwire.records import (
    MoveThread,
)
from tests.unit.connectors.steps import Played, answer, play
from tests.unit.connectors.trading_grid.answers import (
    COMMAND,
    FOUND,
    NOT_FOUND,
    REF,
    problem,
    verdict_of,
)
from tests.unit.connectors.trading_grid.community import settings, thread


def moving(to: str, **changed: Any) -> MoveThread:
    given: dict[str, Any] = {
        "external_ref": REF,
        "system": "bigcommerce",
        "to": to,
        "reason_code": "other",
        "note": "Order is back to normal",
        "resolution_code": "back_to_normal",
        "resolution_action": "none",
        "resolution_summary": "Nothing left to do",
    }
    return MoveThread(**(given | changed))


def at(status: str, version: int, **changed: Any) -> Response:
    return answer(200, thread(status=status, version=version), {"etag": f'"{version}"', **changed})


def moved(to: str, *answers: Response, **changed: Any) -> Played[Any]:
    return play(Writer(settings(**changed)).move_thread(COMMAND, moving(to)), FOUND, *answers)


def transitions(played: Played[Any]) -> list[Request]:
    return [one for one in played.requests if one.path.endswith("/transitions")]


def test_a_thread_walks_the_legal_way_with_the_etag_of_each_step() -> None:
    played = moved(
        "resolved",
        at("open", 1),
        at("acknowledged", 2),
        at("in_progress", 3),
        at("resolved", 4),
    )
    steps = transitions(played)
    assert [one.json["to"] for one in steps] == ["acknowledged", "in_progress", "resolved"]
    assert [one.headers["if-match"] for one in steps] == ['"1"', '"2"', '"3"']
    assert steps[-1].json["resolution"] == {
        "code": "back_to_normal",
        "action": "none",
        "summary": "Nothing left to do",
    }
    assert played.value.object_id == "th_1"


def test_the_note_is_said_once_at_the_end_of_the_way() -> None:
    played = moved("in_progress", at("open", 1), at("acknowledged", 2), at("in_progress", 3))
    assert ["note" in one.json for one in transitions(played)] == [False, True]


def test_each_step_has_a_key_of_its_own_that_a_retry_repeats() -> None:
    def keys() -> list[str]:
        played = moved("in_progress", at("open", 1), at("acknowledged", 2), at("in_progress", 3))
        return [one.headers["idempotency-key"] for one in transitions(played)]

    assert len({str(UUID(key)) for key in keys()}) == 2
    assert keys() == keys()


@pytest.mark.parametrize(
    ("status", "to"), [("resolved", "resolved"), ("closed", "resolved"), ("open", "open")]
)
def test_a_thread_that_is_already_there_is_left_alone(status: str, to: str) -> None:
    assert transitions(moved(to, at(status, 5))) == []


@pytest.mark.parametrize(
    "meanwhile", [problem(412, "etag_mismatch"), problem(422, "invalid_transition")]
)
def test_a_thread_that_somebody_else_moved_is_read_anew(meanwhile: Response) -> None:
    played = moved(
        "resolved", at("acknowledged", 2), meanwhile, at("in_progress", 3), at("resolved", 4)
    )
    assert [one.json["to"] for one in transitions(played)] == ["in_progress", "resolved"]


def test_a_thread_that_never_stands_still_is_tried_later() -> None:
    answers = [at("open", 1), problem(412, "etag_mismatch")] * CALLS_MAX
    found = verdict_of(Writer(settings()).move_thread(COMMAND, moving("resolved")), FOUND, *answers)
    assert isinstance(found, Transient)


@pytest.mark.parametrize(
    ("status", "to"),
    [
        ("closed", "in_progress"),
        ("cancelled", "resolved"),
        ("resolved", "in_progress"),
        ("awaiting_partner", "in_progress"),
        ("resolved", "acknowledged"),
        ("wip", "resolved"),
        ("open", "nirvana"),
    ],
)
def test_where_no_legal_way_leads_is_refused(status: str, to: str) -> None:
    found = verdict_of(Writer(settings()).move_thread(COMMAND, moving(to)), FOUND, at(status, 5))
    assert isinstance(found, Rejected)
    assert f"from {status} to {to}" in found.reason


@pytest.mark.parametrize("to", ["resolved", "closed"])
def test_resolving_needs_a_resolution(to: str) -> None:
    bare = moving(to, resolution_code=None, resolution_action=None)
    found = verdict_of(Writer(settings()).move_thread(COMMAND, bare), FOUND, at("in_progress", 3))
    assert isinstance(found, Rejected)
    assert "resolution" in found.reason


def test_a_transition_that_is_refused_for_another_reason_ends_the_walk() -> None:
    found = verdict_of(
        Writer(settings()).move_thread(COMMAND, moving("in_progress")),
        FOUND,
        at("acknowledged", 2),
        problem(422, "validation_failed"),
    )
    assert isinstance(found, Rejected)


def test_an_answer_without_the_thread_makes_it_read_again() -> None:
    played = moved("in_progress", at("acknowledged", 2), answer(204), at("in_progress", 3))
    assert [one.method for one in played.requests] == ["GET", "GET", "POST", "GET"]


def test_without_etags_no_if_match_is_sent() -> None:
    played = moved("in_progress", at("acknowledged", 2), at("in_progress", 3), supports_etag=False)
    assert "if-match" not in transitions(played)[0].headers


def test_a_tenants_own_statuses_are_read_and_written() -> None:
    played = moved(
        "in_progress",
        at("seen", 2),
        at("wip", 3),
        statuses={"seen": "acknowledged", "wip": "in_progress"},
    )
    assert [one.json["to"] for one in transitions(played)] == ["wip"]


@pytest.mark.parametrize("body", [None, [], {"data": "x"}, {"data": [{"external_refs": "x"}]}])
def test_an_answer_that_is_not_as_promised_is_tried_again(body: Any) -> None:
    found = verdict_of(
        Writer(settings()).move_thread(COMMAND, moving("resolved")), answer(200, body)
    )
    assert isinstance(found, Transient)
    assert not found.early


def test_a_move_waits_for_its_thread_a_bounded_time() -> None:
    found = verdict_of(Writer(settings()).move_thread(COMMAND, moving("resolved")), NOT_FOUND)
    assert found == Transient("the thread is not open yet", early=True)
