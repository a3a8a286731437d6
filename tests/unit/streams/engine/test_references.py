"""Full copies: what is remembered of them is bounded, whatever is asked for and however rows come and go."""

import pytest

from gridwire.codec import Codec
from streams.driver import LocalRegistry
from streams.engine import references as module
from streams.engine.references import Reference
from streams.tables import PARTNERS
from tests.unit.streams.engine.flows import partner


def reference() -> tuple[Reference, Codec]:
    codec = Codec(LocalRegistry())
    return Reference(PARTNERS, codec.of(PARTNERS.changelog)), codec


def put(into: Reference, codec: Codec, partner_id: str, *skus: str, version: int = 1) -> None:
    row = partner(partner_id, *skus, version=version)
    assert into.apply(partner_id, codec.of(PARTNERS.changelog).encode(row))


def found(within: Reference, sku: str) -> list[str]:
    return [row.partner_id for row in within.where("sku", sku)]


def test_what_is_not_there_leaves_nothing_behind_and_is_found_when_it_comes() -> None:
    table, codec = reference()
    for number in range(1_000):
        assert table.where("sku", f"garbage-{number}") == ()
    assert len(table._where) == 0
    put(table, codec, "p", "garbage-7")
    assert found(table, "garbage-7") == ["p"]


def test_answers_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOUND_MAX", 3)
    table, codec = reference()
    skus = [f"s{number}" for number in range(10)]
    put(table, codec, "p", *skus)
    for sku in skus:
        assert found(table, sku) == ["p"]
        assert len(table._where) <= 3


def test_an_index_forgets_entries_that_no_row_has_any_more() -> None:
    table, codec = reference()
    put(table, codec, "p", "a", "b")
    put(table, codec, "q", "b")
    assert found(table, "b") == ["p", "q"]
    put(table, codec, "p", "c", version=2)
    assert (found(table, "a"), found(table, "b"), found(table, "c")) == ([], ["q"], ["p"])
    assert set(table._indexes["sku"]) == {"b", "c"}
    assert table.apply("p", None)
    assert table.apply("q", None)
    assert not table._indexes["sku"]
