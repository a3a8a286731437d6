"""Trading Grid's operations, driven by hand."""

from __future__ import annotations

from typing import Any

import pytest

from connectors import trading_grid
from connectors.kit.connector import (
    Misconfigured,
    Rejected,
    Request,
    Response,
    Transient,
)
from connectors.trading_grid.sink import KEY_KEPT_MS, Writer
from gridwire.records import (
    AddComment,
    OpenThread,
    PutInsight,
    Related,
    ThreadLine,
    TradingGridCommand,
)
from gridwire.topics import TRADING_GRID_COMMANDS, TRADING_GRID_RECEIPTS
from tests.unit.connectors.steps import NOW_MS, Played, answer, play
from tests.unit.connectors.trading_grid.answers import (
    COMMAND,
    DATE,
    FOUND,
    NOT_FOUND,
    REF,
    problem,
    verdict_of,
)
from tests.unit.connectors.trading_grid.community import listed, settings, thread


# ---- open ----------------------------------------------------------------------------------------
def opening(**changed: Any) -> OpenThread:
    given: dict[str, Any] = {
        "external_ref": REF,
        "system": "bigcommerce",
        "kind": "order_exception",
        "subject": "Order 1001: out of stock",
        "body": "SKU-1 is short",
        "priority": "high",
        "partner_id": "pt_1",
        "resolve_by": NOW_MS,
        "related": (Related(type="order", id="bigcommerce:1001"),),
        "lines": (
            ThreadLine(line_ref="31", sku="SKU-1", quantity=2, reason_code="inventory_shortage"),
        ),
    }
    return OpenThread(**(given | changed))


def opened(*answers: Response, body: OpenThread | None = None, **changed: Any) -> Played[Any]:
    return play(Writer(settings(**changed)).open_thread(COMMAND, body or opening()), *answers)


def test_a_thread_is_created_under_the_commands_key_and_its_external_reference() -> None:
    played = opened(answer(201, thread()))
    (asked,) = played.requests
    assert (asked.method, asked.path) == ("POST", "/threads")
    assert asked.headers == {"idempotency-key": COMMAND.event_id}
    assert asked.json["external_refs"] == [{"system": "bigcommerce", "type": "matter", "id": REF}]
    assert asked.json["related"] == [{"type": "order", "id": "bigcommerce:1001"}]
    assert asked.json["lines"][0]["reason_code"] == "inventory_shortage"
    assert asked.json["sla"] == {"resolve_by": "2025-10-09T08:53:20.000Z"}
    assert asked.json["partner_id"] == "pt_1"
    assert played.value.object_id == "th_1"


def test_a_thread_without_a_partner_is_internal() -> None:
    (asked,) = opened(
        answer(201, thread()), body=opening(partner_id=None, resolve_by=None)
    ).requests
    assert "partner_id" not in asked.json
    assert "sla" not in asked.json


def test_a_reference_that_is_taken_is_the_thread_we_wanted() -> None:
    played = opened(problem(409, "external_ref_exists", existing_id="th_0"))
    assert played.value.object_id == "th_0"


def test_a_key_that_was_used_in_other_words_is_the_thread_that_it_made_then() -> None:
    played = opened(problem(422, "idempotency_key_reuse"), FOUND)
    assert played.value.object_id == "th_1"
    assert played.requests[1].query == {"external_ref": f"bigcommerce:matter:{REF}"}


def test_without_idempotency_keys_it_looks_before_it_writes() -> None:
    assert opened(FOUND, supports_idempotency_key=False).value.object_id == "th_1"
    played = opened(NOT_FOUND, answer(201, thread()), supports_idempotency_key=False)
    assert [one.method for one in played.requests] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ((problem(409, "in_progress"),), Transient),
        ((problem(422, "validation_failed"),), Rejected),
        ((problem(422, "idempotency_key_reuse"), NOT_FOUND), Rejected),
    ],
)
def test_other_conflicts_are_judged_by_the_table(answers: tuple[Response, ...], kind: type) -> None:
    assert isinstance(
        verdict_of(Writer(settings()).open_thread(COMMAND, opening()), *answers), kind
    )


def test_names_of_headers_and_reference_types_are_configuration() -> None:
    (asked,) = opened(
        answer(201, thread()), idempotency_header="X-Request-Key", external_ref_type="case"
    ).requests
    assert asked.headers == {"x-request-key": COMMAND.event_id}
    assert asked.json["external_refs"][0]["type"] == "case"


# ---- comment -------------------------------------------------------------------------------------
COMMENT = AddComment(
    external_ref=REF,
    system="bigcommerce",
    body="Customer asks when it comes",
    visibility="shared",
    source_ref="bigcommerce:message:8",
)


def commented(
    *answers: Response, command: TradingGridCommand = COMMAND, **changed: Any
) -> Played[Any]:
    return play(Writer(settings(**changed)).add_comment(command, COMMENT), *answers)


def test_a_comment_finds_its_thread_by_the_external_reference() -> None:
    played = commented(FOUND, answer(201, {"id": "cm_1"}))
    looked, wrote = played.requests
    assert looked.query == {"external_ref": f"bigcommerce:matter:{REF}"}
    assert wrote.path == "/threads/th_1/comments"
    assert wrote.json == {
        "body": "Customer asks when it comes",
        "visibility": "shared",
        "source_ref": "bigcommerce:message:8",
    }
    assert wrote.headers == {"idempotency-key": COMMAND.event_id}
    assert played.value.object_id == "cm_1"


def test_the_reference_of_another_system_is_another_matter() -> None:
    other = thread(external_refs=[{"system": "sfcc", "type": "matter", "id": REF}])
    found = verdict_of(
        Writer(settings()).add_comment(COMMAND, COMMENT), answer(200, listed(other), DATE)
    )
    assert isinstance(found, Transient)


def test_a_comment_waits_for_its_thread_a_bounded_time() -> None:
    found = verdict_of(Writer(settings()).add_comment(COMMAND, COMMENT), NOT_FOUND)
    assert found == Transient("the thread is not open yet", early=True)


WRITTEN = {"id": "cm_9", "body": COMMENT.body, "source_ref": COMMENT.source_ref}


@pytest.mark.parametrize("aged", [True, False])
def test_a_comment_whose_key_may_be_forgotten_is_looked_for_first(aged: bool) -> None:
    old = TradingGridCommand(
        event_id=COMMAND.event_id,
        produced_at=NOW_MS - KEY_KEPT_MS - 1 if aged else NOW_MS,
        flow="f",
        lane="l",
        operation="add_comment",
    )
    others = [WRITTEN | {"id": "cm_8", "body": "another"}, WRITTEN]
    played = commented(
        FOUND, answer(200, listed(*others)), command=old, supports_idempotency_key=aged
    )
    assert played.value.object_id == "cm_9"
    assert [one.method for one in played.requests] == ["GET", "GET"]


def test_a_comment_that_is_not_there_yet_is_written() -> None:
    played = commented(
        FOUND, answer(200, listed()), answer(201, {"id": "cm_1"}), supports_idempotency_key=False
    )
    assert played.value.object_id == "cm_1"


# ---- insights ------------------------------------------------------------------------------------
def test_an_insight_is_put_under_its_key() -> None:
    insight = PutInsight(
        key="engagement|pt_1|US-CA|SKU/1|1760000000000",
        partner_id="pt_1",
        kind="engagement",
        window_from=NOW_MS,
        window_to=NOW_MS + 3_600_000,
        region="US-CA",
        sku="SKU/1",
        metrics={"email_click": 12.0},
    )
    played = play(Writer(settings()).put_insight(COMMAND, insight), answer(200, {}))
    (asked,) = played.requests
    assert asked.method == "PUT"
    assert asked.path == "/insights/engagement%7Cpt_1%7CUS-CA%7CSKU%2F1%7C1760000000000"
    assert asked.json["window"] == {
        "from": "2025-10-09T08:53:20.000Z",
        "to": "2025-10-09T09:53:20.000Z",
    }
    assert asked.json["metrics"] == {"email_click": 12.0}
    assert played.value.object_id == insight.key


def test_a_thread_that_has_no_reference_of_ours_is_commented_on_by_its_id() -> None:
    comment = AddComment(
        external_ref="",
        system="",
        body="Rated 2 of 5",
        visibility="shared",
        source_ref="gridwire:f-1",
        thread_id="th/7",
    )
    played = play(
        Writer(settings()).add_comment(COMMAND, comment),
        answer(200, {"data": [], "page": {}}),
        answer(201, {"id": "cm_1"}),
    )
    looked, asked = played.requests
    assert looked.method == "GET"
    assert looked.path == asked.path == "/threads/th%2F7/comments"
    assert asked.json["body"] == "Rated 2 of 5"
    assert played.value.object_id == "cm_1"


def test_the_sink_carries_out_trading_grids_commands_and_no_others() -> None:
    sink = trading_grid.sink(settings(community_id="community-1"))
    assert (sink.commands, sink.receipts) == (TRADING_GRID_COMMANDS, TRADING_GRID_RECEIPTS)
    safety = {name: one.safety_of(None) for name, one in sink.operations.items()}
    assert safety == {
        "open_thread": "keyed",
        "add_comment": "keyed",
        "move_thread": "lookup",
        "put_insight": "natural",
    }
    assert sink.platform.headers["x-community-id"] == "community-1"
    assert "client-secret" not in repr(sink)


def test_a_428_says_which_setting_is_wrong() -> None:
    request = Request("POST", "/threads/th_1/transitions", json={})
    found = trading_grid.sink(settings()).platform.verdict(
        request, problem(428, "if_match_required")
    )
    assert isinstance(found, Misconfigured)
    assert "TG_SUPPORTS_ETAG" in found.reason
