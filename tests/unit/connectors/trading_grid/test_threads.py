"""Thread records: which change each tells of, and under which id."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.kit.connector import MalformedError, NotThereError
from connectors.trading_grid.source import Reader
from gridwire.records import Notice, Thread
from gridwire.topics import TRADING_GRID_THREADS
from tests.unit.connectors.steps import NOW_MS, answer, play
from tests.unit.connectors.trading_grid.community import AT_MS, listed, notice, settings, thread

MOVED = notice(
    "thread",
    "th_1",
    "thread.status_changed",
    status="in_progress",
    previous_status="acknowledged",
    actor_type="partner",
    actor_id="pt_1",
    sequence="42",
)


def fetched(found: Any, given: Notice = MOVED, **changed: Any) -> Thread:
    played = play(Reader(settings(**changed)).fetch_thread(given), answer(200, found))
    assert played.requests[0].path == "/threads/th_1"
    ((topic, record),) = played.value
    assert topic is TRADING_GRID_THREADS
    assert isinstance(record, Thread)
    return record


def polled(found: Any, **changed: Any) -> Thread:
    played = play(
        Reader(settings(**changed)).poll_threads(None, NOW_MS), answer(200, listed(found))
    )
    ((_, record),) = played.value.records
    assert isinstance(record, Thread)
    return record


def test_a_thread_is_fetched_whole_with_what_its_event_told() -> None:
    found = fetched(thread())
    assert (found.thread_id, found.kind, found.status) == ("th_1", "order_exception", "in_progress")
    assert (found.previous_status, found.event_type) == ("acknowledged", "thread.status_changed")
    assert (found.actor_type, found.actor_id) == ("partner", "pt_1")
    assert (found.respond_by, found.resolve_by) == (AT_MS, AT_MS + 86_400_000)
    assert found.revised_delivery_at == 1_761_955_200_000
    assert [one.id for one in found.related] == ["bigcommerce:1001"]
    assert [(one.line_ref, one.quantity) for one in found.lines] == [("31", 2)]
    assert found.external_refs[0].id == "bigcommerce:1001/pt_1/1"
    assert found.custom == {"revised_delivery_at": "2025-11-01", "score": "4"}
    assert (found.version, found.causation_id) == (7, MOVED.event_id)


RESOLUTION = {
    "code": "shipped",
    "action": "ship",
    "summary": "Sent today",
    "amount": {"amount": "12.30", "currency": "USD"},
    "decided_at": "2025-10-09T08:53:20Z",
}


def test_a_resolution_has_its_amount_in_minor_units() -> None:
    found = fetched(thread(status="resolved", resolution=RESOLUTION))
    assert found.resolution is not None
    assert (found.resolution.code, found.resolution.action) == ("shipped", "ship")
    assert (found.resolution.amount_minor, found.resolution.currency) == (1230, "USD")
    assert found.resolution.decided_at == AT_MS


def test_a_resolution_that_is_not_in_force_is_left_out() -> None:
    assert fetched(thread(status="reopened", resolution=RESOLUTION)).resolution is None


def test_codes_outside_of_the_closed_lists_are_their_catch_alls() -> None:
    lines = [{"line_ref": "31", "reason_code": "gremlins"}, {"line_ref": "32"}]
    strange = RESOLUTION | {"action": "dance", "amount": None}
    found = fetched(thread(status="closed", lines=lines, resolution=strange))
    assert [one.reason_code for one in found.lines] == ["other", "other"]
    assert found.resolution is not None
    assert (found.resolution.action, found.resolution.amount_minor) == ("none", None)


# ---- ids -----------------------------------------------------------------------------------------
def test_a_webhook_and_a_poll_of_one_version_share_one_event_id() -> None:
    by_webhook, by_poll = fetched(thread()), polled(thread())
    assert by_poll.event_id == by_webhook.event_id
    assert by_poll.version == by_webhook.version
    assert (by_poll.event_type, by_poll.actor_type, by_poll.previous_status) == (
        "poll",
        "unknown",
        None,
    )


def test_a_webhook_that_is_overtaken_still_tells_of_its_own_version() -> None:
    later = thread(version=9, status="resolved", resolution=RESOLUTION)
    found = fetched(later)
    assert (found.version, found.status) == (7, "in_progress")
    assert (found.previous_status, found.resolution) == ("acknowledged", None)
    assert found.event_id == fetched(thread()).event_id
    assert found.event_id != polled(later).event_id


def test_each_version_is_one_event_whatever_its_webhook_is_called() -> None:
    created = notice("thread", "th_1", "thread.created", version=7, sequence="41")
    escalated = notice("thread", "th_1", "thread.escalated", version=7, sequence="43")
    assert fetched(thread(), created).event_id == fetched(thread(), escalated).event_id


@pytest.mark.parametrize(
    "event_type", ["thread.comment_added", "thread.comment_updated", "thread.attachment_added"]
)
def test_a_comment_hides_no_status_that_shares_its_version(event_type: str) -> None:
    beside = notice("thread", "th_1", event_type, sequence="43")
    another = notice("thread", "th_1", event_type, sequence="44")
    ids = {fetched(thread(), one).event_id for one in (MOVED, beside, another)}
    assert len(ids) == 3
    assert fetched(thread(version=9), beside).event_id == fetched(thread(), beside).event_id


def test_the_first_version_was_made_by_its_creator() -> None:
    found = polled(thread(version=1))
    assert (found.actor_type, found.actor_id) == ("internal", "gridwire")


def test_a_notice_without_a_version_tells_of_the_latest() -> None:
    bare = notice("thread", "th_1", "thread.updated", version=0)
    assert fetched(thread(), bare).version == 7


def test_a_thread_behind_its_notice_is_waited_for() -> None:
    with pytest.raises(NotThereError):
        fetched(thread(version=6))
    with pytest.raises(NotThereError):
        play(Reader(settings()).fetch_thread(MOVED), answer(404, {"code": "not_found"}))


# ---- a tenant's own names ------------------------------------------------------------------------
def test_statuses_and_fields_of_a_tenant_are_configuration() -> None:
    theirs = thread(status="wip", owner={"id": "pt_9"})
    del theirs["partner_id"]
    given = notice("thread", "th_1", "thread.status_changed", previous_status="new")
    found = fetched(
        theirs,
        given,
        statuses={"wip": "in_progress", "new": "open"},
        fields={"thread.partner_id": "owner.id", "thread.revised_delivery_at": "custom.eta"},
    )
    assert (found.status, found.previous_status, found.partner_id) == (
        "in_progress",
        "open",
        "pt_9",
    )
    assert found.revised_delivery_at is None


@pytest.mark.parametrize(
    "changed", [{"version": None}, {"status": 3}, {"sla": {"respond_by": "soon"}}, {"lines": "x"}]
)
def test_what_is_no_thread_is_refused_without_repeating_it(changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedError) as caught:
        fetched(thread(**changed))
    assert "soon" not in str(caught.value)
