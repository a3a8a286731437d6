"""Documents of the community: as webhooks tell of them, and as polls find them."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.kit.connector import MalformedError, NotThereError
from connectors.trading_grid.source import Reader
from gridwire.records import Audience, Document, ExternalRef, Notice, Related
from gridwire.topics import TRADING_GRID_DOCUMENTS
from tests.unit.connectors.steps import NOW_MS, answer, play
from tests.unit.connectors.trading_grid.community import AT_MS, document, listed, notice, settings


def change(event_type: str = "document.status_changed", version: int = 4, **detail: str) -> Notice:
    return notice("document", "dc_1", event_type, version=version, **detail)


def fetched(given: Notice, body: Any, **changed: Any) -> Document:
    played = play(Reader(settings(**changed)).fetch_document(given), answer(200, body))
    assert played.requests[0].path == "/documents/dc_1"
    ((topic, record),) = played.value
    assert topic is TRADING_GRID_DOCUMENTS
    assert isinstance(record, Document)
    return record


def polled(*rows: Any) -> list[Any]:
    played = play(Reader(settings()).poll_documents(None, NOW_MS), answer(200, listed(*rows)))
    assert played.requests[0].path == "/documents"
    return [record for _, record in played.value.records]


def test_a_document_is_fetched_whole_with_the_process_that_needs_it() -> None:
    found = fetched(change(previous_status="under_review", actor_type="internal"), document())
    assert (found.document_id, found.type, found.number) == ("dc_1", "invoice", "INV-77")
    assert (found.status, found.previous_status) == ("approved", "under_review")
    assert (found.version, found.version_no, found.partner_id) == (4, 2, "pt_1")
    assert (found.process, found.process_ref) == ("claim", "th_9")
    assert found.related == (Related(type="order", id="bigcommerce:1001"),)
    assert found.external_refs == (
        ExternalRef(system="bigcommerce", type="order", id="bigcommerce:1001"),
    )
    assert found.audience == Audience(partner_ids=("pt_1",), roles=("supplier",))
    assert (found.requires_ack, found.ack_due_at) == (True, AT_MS + 86_400_000)
    assert (found.valid_from, found.valid_until, found.expires_at) == (
        None,
        None,
        1_761_955_200_000,
    )
    assert found.custom["pages"] == "3"
    assert (found.actor_type, found.attachment_id) == ("internal", "at_1")


def test_fields_that_stand_elsewhere_are_found_by_configuration() -> None:
    fields = {"document.process": "workflow.kind", "document.partner_id": "owner.id"}
    body = document(workflow={"kind": "warranty"}, owner={"id": "pt_2"})
    found = fetched(change(), body, fields=fields)
    assert (found.process, found.process_ref, found.partner_id) == ("warranty", None, "pt_2")


def test_a_webhook_tells_of_the_status_at_its_version_though_the_document_is_further_on() -> None:
    given = change(version=3, status="under_review", previous_status="submitted")
    found = fetched(given, document())
    assert (found.version, found.status) == (3, "under_review")
    assert found.event_id != fetched(change(), document()).event_id


def test_a_webhook_and_a_poll_of_one_version_share_one_event_id() -> None:
    (found,) = polled(document())
    assert found.event_id == fetched(change(), document()).event_id
    assert (found.event_type, found.actor_type) == ("poll", "unknown")


def test_who_created_a_document_is_known_of_its_first_version() -> None:
    (found,) = polled(document(version=1))
    assert (found.actor_type, found.actor_id) == ("partner", "pt_1")


@pytest.mark.parametrize("event_type", ["document.acknowledged", "document.expiring"])
def test_what_changes_no_state_never_hides_what_does(event_type: str) -> None:
    first, second = (
        fetched(change(event_type, sequence=sequence), document()) for sequence in ("7", "8")
    )
    ids = {first.event_id, second.event_id, fetched(change(), document()).event_id}
    assert len(ids) == 3


def test_a_document_without_anything_that_may_be_left_out_is_read() -> None:
    bare = {name: document()[name] for name in ("id", "type", "status", "version", "updated_at")}
    (found,) = polled(bare)
    assert (found.number, found.version_no, found.audience, found.related) == ("", 1, None, ())
    assert not found.requires_ack


@pytest.mark.parametrize("response", [answer(404), answer(200, document(version=3))])
def test_a_document_behind_its_notice_is_waited_for(response: Any) -> None:
    with pytest.raises(NotThereError):
        play(Reader(settings()).fetch_document(change()), response)


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(MalformedError):
        fetched(change(), {"id": "dc_1"})
    with pytest.raises(MalformedError, match="expires_at"):
        fetched(change(), document(expires_at="soon"))
