"""Trading Grid's documents against the simulated community."""

from __future__ import annotations

import pytest

from connectors.kit.connector import Source
from gridwire.records import Audience, Document
from tests.contract.connectors.community import fetched, notices, polled, source_of
from tests.contract.connectors.world import World

DOCUMENT = {
    "kind": "document",
    "body": {
        "type": "invoice",
        "number": "INV-1",
        "partner_id": "pt_acme",
        "related": [{"type": "order", "id": "bigcommerce:1001"}],
        "external_refs": [{"system": "erp", "type": "invoice", "id": "1"}],
        "audience": {"partner_ids": ["pt_acme"]},
        "requires_ack": True,
        "valid_until": "2026-02-01T00:00:00Z",
        "custom": {"process": "claim", "process_ref": "th_1"},
    },
}


@pytest.fixture
def source(world: World) -> Source:
    return source_of(world)


async def test_each_step_of_a_document_is_heard_once_with_the_process_that_needs_it(
    world: World, source: Source
) -> None:
    made = world.trigger("trading-grid", "created", **DOCUMENT)
    world.trigger("trading-grid", "moved", kind="document", id=made["id"], to="approved")
    found = [await fetched(source, one) for one in notices(world, source, 4)]
    assert all(isinstance(one, Document) for one in found)
    assert [one.status for one in found] == ["draft", "submitted", "under_review", "approved"]
    assert [one.previous_status for one in found] == [None, "draft", "submitted", "under_review"]
    assert len({one.event_id for one in found}) == 4
    last = found[-1]
    assert (last.process, last.process_ref, last.number) == ("claim", "th_1", "INV-1")
    assert (last.related[0].id, last.external_refs[0].system) == ("bigcommerce:1001", "erp")
    assert last.audience == Audience(partner_ids=("pt_acme",))
    assert (last.requires_ack, last.valid_until) == (True, 1_769_904_000_000)
    (by_poll,) = await polled(source, "trading-grid.documents")
    assert by_poll.event_id == last.event_id


async def test_a_document_whose_end_is_near_keeps_its_status(world: World, source: Source) -> None:
    made = world.trigger("trading-grid", "created", **DOCUMENT)
    world.trigger("trading-grid", "document-expiring", id=made["id"])
    _, expiring = [await fetched(source, one) for one in notices(world, source, 2)]
    assert (expiring.event_type, expiring.status) == ("document.expiring", "draft")
