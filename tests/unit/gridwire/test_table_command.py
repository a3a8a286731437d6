"""`gridwire table`: what it can be asked, whom it asks, and what it says where nobody answers."""

import json
from typing import Any

import pytest

from gridwire.commands import table as command
from gridwire.commands.table import NOT_FOUND, WRONG, sources, table
from gridwire.settings import KafkaSettings
from streams.engine.plan import plan
from streams.feeds import FEEDS
from streams.flows import FLOWS
from streams.runtime.settings import StreamsSettings

SETTINGS = KafkaSettings(bootstrap="nowhere:1", registry_url="http://unused")
ONE, OTHER = "http://one:9100", "http://other:9100"
Answers = dict[tuple[str, str], tuple[int, dict[str, Any]]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What workers answer by (URL, path); one that is not here does not answer at all."""
    given: Answers = {}

    async def ask(url: str, path: str) -> tuple[str, int, Any] | None:
        return (url, *given[url, path]) if (url, path) in given else None

    monkeypatch.setattr(command, "_ask", ask)
    return given


@pytest.fixture
def changelog(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Rows by "<topic>/<key>" as they stand in changelogs."""
    rows: dict[str, Any] = {}

    def read(_settings: Any, _streams: Any, _plan: Any, source: Any, key: str) -> Any:
        return rows.get(f"{source.topic}/{key}")

    monkeypatch.setattr(command, "_read", read)
    return rows


def asked(name: str | None, key: str | None, *workers: str, **settings: Any) -> int:
    streams = StreamsSettings(**settings)
    return table(SETTINGS, streams, name, key, workers=workers, as_json=True)


def test_every_table_copy_and_state_can_be_asked_for_by_its_group() -> None:
    found = sources(plan((*FEEDS, *FLOWS)), "streams")
    assert (found["orders"].kind, found["orders"].topic) == ("table", "table.orders")
    assert (found["partners"].kind, found["partners"].topic) == (
        "copy",
        "source.trading-grid.partners",
    )
    assert {one.kind for name, one in found.items() if name.startswith("state.")} == {"state"}
    assert not {"state.parked", "state.seen"} & set(found), "these have no rows to show"
    assert sources(plan(FEEDS), "slow")["orders"].topic == "slow.table.orders"


def test_the_worker_that_has_the_row_answers(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "/tables/orders/a%2Fb"
    answers[ONE, path] = (404, {"error": "held by another worker"})
    answers[OTHER, path] = (200, {"table": "orders", "row": {"order_ref": "a/b"}})
    assert asked("orders", "a/b", ONE, OTHER) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["worker"], found["row"]) == (OTHER, {"order_ref": "a/b"})


def test_without_an_answer_the_changelog_is_read(
    answers: Answers, changelog: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    changelog["table.orders/a"] = {"table": "orders", "row": {}}
    assert asked("orders", "a", worker_urls=(ONE,)) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == changelog["table.orders/a"]
    assert "reading the changelog" in said.err
    assert asked("orders", "b") == NOT_FOUND


@pytest.mark.parametrize(("name", "key"), [("nothing", "a"), ("orders", None)])
def test_a_table_that_is_not_there_or_a_missing_key_is_told_with_what_there_is(
    name: str, key: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(name, key) == WRONG
    assert "orders, customers" in capsys.readouterr().err


def test_rows_of_all_workers_are_summed_up_but_those_of_copies(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    for url, rows in ((ONE, 3), (OTHER, 4)):
        listed = [
            {"name": "orders", "kind": "table", "rows": rows},
            {"name": "partners", "kind": "copy", "rows": 9},
        ]
        answers[url, "/tables"] = (200, {"tables": listed})
    assert asked(None, None, ONE, OTHER) == 0
    found = {one["name"]: one["rows"] for one in json.loads(capsys.readouterr().out)}
    assert (found["orders"], found["partners"], found["customers"]) == (7, 9, None)


def test_an_address_that_makes_no_sense_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(None, None, "ftp:/nowhere") == 0
    assert "ftp:/nowhere: the base URL must be like" in capsys.readouterr().err
