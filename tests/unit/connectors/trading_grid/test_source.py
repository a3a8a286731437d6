"""Trading Grid's webhooks, what completes them, and its polls."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest

from connectors import trading_grid
from connectors.kit.connector import Intake, MalformedError, NotThereError, Page, Response, Route
from connectors.kit.signatures import Signed, whsec_key
from connectors.trading_grid.paging import PAGES_MAX
from connectors.trading_grid.source import Reader
from gridwire.records import Availability, Notice, Partner
from gridwire.settings import Secret, SettingsError
from gridwire.topics import (
    TRADING_GRID_AVAILABILITY,
    TRADING_GRID_NOTICES,
    TRADING_GRID_PARTNERS,
)
from tests.unit.connectors.steps import NOW_MS, Played, answer, delivery, play
from tests.unit.connectors.trading_grid.community import (
    AT_MS,
    SECRET,
    availability,
    event,
    listed,
    notice,
    partner,
    settings,
    thread,
)


# ---- who sends -----------------------------------------------------------------------------------
def route(**changed: Any) -> Route:
    (found,) = trading_grid.source(settings(**changed)).routes
    return found


def refusals(found: Route, secret: Secret) -> list[str | None]:
    digest = hmac.digest(whsec_key(secret), b"msg_1.1760000000.{}", "sha256")
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1760000000",
        "webhook-signature": "v1,AAAA v1," + base64.b64encode(digest).decode(),
    }
    signed = Signed(headers, {}, {}, b"{}", 1_760_000_010.0)
    return [scheme.verify(signed) for scheme in found.verify]


def test_webhooks_are_signed_and_both_secrets_hold_while_one_is_rotated() -> None:
    old = Secret("whsec_" + base64.b64encode(b"o" * 32).decode())
    assert route().path == "/trading-grid/webhooks"
    assert refusals(route(), SECRET) == [None]
    assert refusals(route(), old) == ["signature does not match"]
    assert refusals(route(webhook_secret_previous=old), old) == [None]


def test_a_secret_that_is_none_is_refused_with_its_variable() -> None:
    with pytest.raises(SettingsError, match="TG_WEBHOOK_SECRET_PREVIOUS") as caught:
        route(webhook_secret_previous=Secret("whsec_short"))
    assert "short" not in str(caught.value)


# ---- webhooks ------------------------------------------------------------------------------------
def read(body: Any, delivery_id: str = "msg_1") -> Intake:
    return route().read(delivery(body, {"webhook-id": delivery_id}))


def noticed(body: Any, delivery_id: str = "msg_1") -> Notice:
    ((topic, record),) = read(body, delivery_id).records
    assert topic is TRADING_GRID_NOTICES
    assert isinstance(record, Notice)
    return record


def test_a_thread_event_becomes_a_notice_with_what_only_the_event_knows() -> None:
    body = event(
        "thread.status_changed", "thread/th_1", previous_status="open", status="acknowledged"
    )
    found = noticed(body)
    assert (found.resource, found.resource_id, found.key) == ("thread", "th_1", "th_1")
    assert (found.version, found.occurred_at) == (7, AT_MS)
    assert found.detail == {
        "sequence": "42",
        "status": "acknowledged",
        "previous_status": "open",
        "actor_type": "partner",
        "actor_id": "pt_1",
        "changed": "status",
    }


def test_an_event_has_one_id_however_often_it_is_delivered_and_the_next_has_another() -> None:
    body = event("thread.updated", "thread/th_1")
    assert noticed(body).event_id == noticed(body).event_id
    assert noticed(body, "msg_2").event_id == noticed(body).event_id
    assert noticed(body | {"sequence": 43}).event_id != noticed(body).event_id
    assert noticed(body | {"subject": "thread/th_2"}).event_id != noticed(body).event_id


def test_events_without_a_sequence_are_told_apart_by_time_and_version() -> None:
    body = event("thread.updated", "thread/th_1") | {"sequence": 0}
    assert noticed(body).event_id == noticed(body).event_id
    later = body | {"timestamp": "2025-10-09T08:53:21Z"}
    newer = event("thread.updated", "thread/th_1", version=8) | {"sequence": 0}
    assert len({noticed(one).event_id for one in (body, later, newer)}) == 3


@pytest.mark.parametrize(
    ("event_type", "subject", "resource", "key"),
    [
        ("partner.compliance_changed", "partner/pt_1", "partner", "pt_1"),
        ("partner.contact_added", "partner/pt_1", "partner", "pt_1"),
        ("availability.decision_changed", "availability/av_1", "availability", "av_1"),
        ("thread.comment_added", "thread/th_1", "thread", "th_1"),
        ("document.status_changed", "document/dc_1", "document", "dc_1"),
    ],
)
def test_notices_are_keyed_by_the_object(
    event_type: str, subject: str, resource: str, key: str
) -> None:
    found = noticed(event(event_type, subject))
    assert (found.resource, found.key) == (resource, key)


def test_an_availability_notice_has_the_key_of_its_sku_where_the_event_names_it() -> None:
    body = event("availability.updated", "availability/av_1", sku="SKU-1", partner_id="pt_1")
    assert noticed(body).key == "SKU-1"
    assert noticed(body).detail["partner_id"] == "pt_1"


def test_events_that_no_flow_reads_are_counted_as_filtered_and_new_ones_as_unknown() -> None:
    assert read(event("launch.updated", "launch/la_1")) == Intake(
        filtered={"no flow reads launch events": 1}
    )
    assert read(event("hologram.made", "hologram/h_1")) == Intake(unknown={"hologram.made": 1})


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        event("thread.updated", "thread/th_1") | {"timestamp": "yesterday"},
        event("thread.updated", "thread/th_1", id=""),
        event("thread.updated", "thread/th_1", version="new"),
    ],
)
def test_what_is_no_event_is_refused_without_repeating_it(body: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        read(body)
    assert "yesterday" not in str(caught.value)


# ---- partners ------------------------------------------------------------------------------------
PARTNER_NOTICE = notice("partner", "pt_1", "partner.updated", version=3)


def partner_of(*answers: Response, given: Notice = PARTNER_NOTICE) -> Partner:
    played = play(Reader(settings()).fetch_partner(given), *answers)
    assert played.requests[0].path == "/partners/pt_1"
    ((topic, record),) = played.value
    assert topic is TRADING_GRID_PARTNERS
    assert isinstance(record, Partner)
    return record


def test_a_partner_is_fetched_whole() -> None:
    found = partner_of(answer(200, partner()))
    assert (found.partner_id, found.name, found.status) == ("pt_1", "Acme Supplies", "active")
    assert (found.roles, found.regions, found.skus) == (("supplier",), ("US-CA",), ("SKU-1",))
    assert (found.brands, found.timezone) == ((), "America/Los_Angeles")
    assert (found.version, found.selling_enabled) == (3, True)


@pytest.mark.parametrize(
    ("changed", "enabled"),
    [
        ({"compliance": {"selling_enabled": False}}, False),
        ({"compliance": {"status": "expiring"}}, True),
        ({"compliance": None, "selling_enabled": False}, False),
        ({"compliance": None}, True),
    ],
)
def test_selling_is_enabled_unless_compliance_says_no(
    changed: dict[str, Any], enabled: bool
) -> None:
    assert partner_of(answer(200, partner(**changed))).selling_enabled == enabled


def test_a_webhook_and_a_poll_of_one_partner_version_share_one_event_id() -> None:
    played = play(Reader(settings()).poll_partners(None, NOW_MS), answer(200, listed(partner())))
    ((_, polled),) = played.value.records
    assert polled.event_id == partner_of(answer(200, partner())).event_id


@pytest.mark.parametrize(
    "response", [answer(404, {"code": "not_found"}), answer(200, partner(version=2))]
)
def test_a_partner_behind_its_notice_is_waited_for(response: Response) -> None:
    with pytest.raises(NotThereError):
        partner_of(response)


def test_what_is_no_partner_is_refused() -> None:
    with pytest.raises(MalformedError):
        partner_of(answer(200, {"id": "pt_1"}))


# ---- availability --------------------------------------------------------------------------------
def availability_of(*answers: Response, **detail: str) -> tuple[list[Any], Availability]:
    given = notice("availability", "av_1", "availability.updated", version=2, **detail)
    played = play(Reader(settings()).fetch_availability(given), *answers)
    ((topic, record),) = played.value
    assert topic is TRADING_GRID_AVAILABILITY
    assert isinstance(record, Availability)
    return played.requests, record


def test_an_update_is_found_in_the_list_of_recent_ones() -> None:
    asked, found = availability_of(
        answer(200, listed(availability(id="av_0"), next_cursor="c1")),
        answer(200, listed(availability())),
        partner_id="pt_1",
    )
    assert [one.path for one in asked] == ["/availability-updates"] * 2
    assert asked[0].query["partner_id"] == "pt_1"
    assert asked[0].query["updated_since"] == "2025-10-09T08:52:20.000Z"
    assert asked[1].query["cursor"] == "c1"
    assert (found.update_id, found.sku, found.location_code) == ("av_1", "SKU-1", "DC-EAST")
    assert (found.quantity, found.allocation_limit, found.lead_time_days) == (40, 25, None)
    assert (found.version, found.sequence) == (12, 12)
    assert found.available_from == 1_761_955_200_000


def test_a_decision_on_an_update_is_another_event_of_the_same_sequence() -> None:
    _, proposed = availability_of(answer(200, listed(availability())))
    _, accepted = availability_of(answer(200, listed(availability(version=3))))
    assert proposed.event_id != accepted.event_id
    assert proposed.version == accepted.version


@pytest.mark.parametrize("page", [listed(), listed(availability(version=1))])
def test_an_update_that_is_not_listed_yet_is_waited_for(page: Any) -> None:
    with pytest.raises(NotThereError):
        availability_of(answer(200, page))


def test_a_page_loop_is_noticed() -> None:
    looping = answer(200, listed(next_cursor="c1"))
    with pytest.raises(MalformedError, match="cursor"):
        availability_of(looping, looping)
    endless = [answer(200, listed(next_cursor=f"c{page}")) for page in range(PAGES_MAX)]
    with pytest.raises(MalformedError, match="pages"):
        availability_of(*endless)


# ---- polls ---------------------------------------------------------------------------------------
def polled(*answers: Response, checkpoint: str | None = None) -> Played[Page]:
    return play(Reader(settings()).poll_threads(checkpoint, NOW_MS), *answers)


def test_the_first_poll_of_partners_reads_all_and_that_of_threads_the_backfill() -> None:
    empty = answer(200, listed())
    partners = play(Reader(settings()).poll_partners(None, NOW_MS), empty)
    assert "updated_since" not in partners.requests[0].query
    assert polled(empty).requests[0].query["updated_since"] == "2025-09-09T08:53:20.000Z"


def test_a_poll_follows_cursors_and_then_looks_back_behind_the_latest_change() -> None:
    first = polled(answer(200, listed(thread(), next_cursor="c1"))).value
    assert first.more
    early = thread(id="th_0", updated_at="2025-10-09T08:00:00Z")
    second = polled(answer(200, listed(early)), checkpoint=first.cursor)
    assert second.requests[0].query["cursor"] == "c1"
    assert not second.value.more
    third = polled(answer(200, listed()), checkpoint=second.value.cursor)
    assert third.requests[0].query["updated_since"] == "2025-10-09T08:52:20.000Z"
    fourth = polled(answer(200, listed()), checkpoint=third.value.cursor)
    assert fourth.requests[0].query == third.requests[0].query


def test_a_cursor_that_has_grown_too_old_starts_its_window_anew() -> None:
    first = polled(answer(200, listed(thread(), next_cursor="c1"))).value
    refused = polled(answer(400, {"code": "invalid_parameter"}), checkpoint=first.cursor).value
    assert (refused.records, refused.more) == ((), True)
    again = polled(answer(200, listed()), checkpoint=refused.cursor)
    assert "cursor" not in again.requests[0].query


def test_a_poll_whose_page_leads_to_itself_is_refused() -> None:
    first = polled(answer(200, listed(next_cursor="c1"))).value
    with pytest.raises(MalformedError, match="cursor"):
        polled(answer(200, listed(next_cursor="c1")), checkpoint=first.cursor)


def test_a_broken_thread_is_set_apart_and_the_poll_goes_on() -> None:
    broken = thread(version=None)
    found = polled(answer(200, listed(broken, thread()))).value
    assert len(found.records) == 1
    ((raw, _),) = found.broken
    assert json.loads(raw) == broken


def test_availability_is_polled_with_the_id_that_its_webhook_would_have() -> None:
    page = answer(200, listed(availability()))
    played = play(Reader(settings()).poll_availability(None, NOW_MS), page)
    ((_, record),) = played.value.records
    assert record.event_id == availability_of(answer(200, listed(availability())))[1].event_id


def test_a_checkpoint_that_is_none_is_refused_with_the_fix() -> None:
    with pytest.raises(MalformedError, match="delete it"):
        polled(checkpoint="[]")


def test_paths_are_configuration() -> None:
    reader = Reader(settings(paths={"threads": "/cases"}))
    played = play(reader.poll_threads(None, NOW_MS), answer(200, listed()))
    assert played.requests[0].path == "/cases"


@pytest.mark.parametrize(
    ("changed", "variable"),
    [
        ({"paths": {"thread": "/cases"}}, "TG_PATHS"),
        ({"fields": {"case.id": "x"}}, "TG_FIELDS"),
        ({"external_ref_query": "{reference}"}, "TG_EXTERNAL_REF_QUERY"),
        ({"external_ref_query": "{system}"}, "TG_EXTERNAL_REF_QUERY"),
    ],
)
def test_settings_that_name_what_there_is_not_are_refused(
    changed: dict[str, Any], variable: str
) -> None:
    with pytest.raises(SettingsError, match=variable):
        trading_grid.source(settings(**changed))
    with pytest.raises(SettingsError, match=variable):
        trading_grid.sink(settings(**changed))
