"""The simulated platforms against the vendors' contracts, row by row, over real HTTP."""

from __future__ import annotations

import httpx
import pytest

from sandbox.app import PLATFORMS
from tests.contract.sandbox.facts import TABLES
from tests.contract.sandbox.facts.fact import Fact, Table, check

ROWS_MIN = 25


@pytest.mark.parametrize(
    ("table", "fact"),
    [
        pytest.param(table, fact, id=f"{table.platform} {fact.section}: {fact.says}")
        for table in TABLES
        for fact in table.facts
    ],
)
def test_the_sandbox_agrees_with_the_contract(http: httpx.Client, table: Table, fact: Fact) -> None:
    check(http, table, fact)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.platform)
def test_a_table_has_enough_rows_and_none_twice(table: Table) -> None:
    assert len(table.facts) >= ROWS_MIN
    assert len({(fact.section, fact.says) for fact in table.facts}) == len(table.facts)


def test_every_simulated_platform_has_its_table() -> None:
    assert len(TABLES) == len(PLATFORMS), "add the new platform's facts to TABLES"
