"""The report: its shape, and when it is a happy one."""

import io
import json
from pathlib import Path

import pytest

from sandbox.demo.progress import Progress, Row, State, table
from sandbox.demo.report import COLUMNS, FlowOutcome, Report
from tests.unit.sandbox.demo.worlds import FLOW, MOCK, REAL

GOOD = FlowOutcome({"in": 3, "processed": 3, "emitted": 3, "delivered": 3})
BAD = FlowOutcome({"in": 3}, ("the customer hears of it",))


def report(**more: object) -> Report:
    fields: dict[str, object] = {"broker": REAL, "seconds": 12.34, "flows": {FLOW: GOOD}}
    return Report(**(fields | more))  # type: ignore[arg-type]


def test_a_report_is_happy_only_if_every_part_of_it_is() -> None:
    assert report().ok
    assert not report(flows={FLOW: BAD}).ok
    assert not report(checks={"rough input": BAD}).ok
    assert not report(feeds={"feed.orders": BAD}).ok
    assert not report(failure="streams ended by itself").ok
    assert not report(flows={}).ok


def test_the_file_has_the_promised_shape(tmp_path: Path) -> None:
    path = tmp_path / "build" / "demo.json"
    report(flows={FLOW: BAD}).write(path)
    found = json.loads(path.read_text())
    assert (found["ok"], found["seconds"], found["delivery"]) == (False, 12.3, "exactly_once")
    assert found["flows"][FLOW]["unmet"] == ["the customer hears of it"]
    numbers = {"in", "emitted", "delivered", "parked", "dead", "filtered"}
    assert numbers <= found["flows"][FLOW].keys()
    assert {"python", "kafka", "gridwire"} <= found["versions"].keys()


def test_the_mock_is_reported_as_at_least_once() -> None:
    assert report(broker=MOCK).as_json()["delivery"] == "at_least_once"


def test_the_table_names_what_was_unmet_below_its_columns() -> None:
    lines = report(flows={FLOW: BAD}, checks={"rough input": GOOD}).lines()
    assert all(column in lines[0] for column in COLUMNS)
    assert lines[1].startswith(f"✗ {FLOW}")
    assert lines[2].startswith("✓ rough input")
    assert all(f"{column}: " in lines[3] for column in ("kept", "parked", "withheld"))
    assert lines[-1] == f"✗ {FLOW}: the customer hears of it"


# ---- while it runs -----------------------------------------------------------------------------------
class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def row(state: State, *unmet: str) -> Row:
    return Row(FLOW, state, unmet, 5, 3, 2)


def test_without_a_terminal_each_change_of_state_is_one_line() -> None:
    out = io.StringIO()
    progress = Progress(out)
    for state in ("playing", "playing", "checking", "done", "done"):
        progress.show([row(state)])
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == [
        "playing",
        "checking",
        "done",
    ]


def test_without_a_terminal_what_is_waited_for_is_said() -> None:
    out = io.StringIO()
    Progress(out).show([row("checking", "Ann hears of it", "Ben does not")])
    assert "waits for: Ann hears of it (and 1 more)" in out.getvalue()


def test_on_a_terminal_the_table_is_drawn_in_its_own_place() -> None:
    out = Terminal()
    progress = Progress(out)
    progress.show([row("playing")])
    progress.show([row("done")])
    assert out.getvalue().count("\x1b[2F\x1b[J") == 1
    assert out.getvalue().endswith("\n".join(table([row("done")], 80, 24)) + "\n")


@pytest.mark.parametrize("height", [6, 10, 24, 60])
def test_the_table_of_all_flows_fits_the_terminal_and_shows_what_is_not_done(height: int) -> None:
    rows = [Row(f"platform.flow-{n}", "done", (), n, n, n) for n in range(36)]
    rows.insert(20, row("checking", "a sentence that is longer than the terminal is wide " * 3))
    lines = table(rows, 80, height)
    assert len(lines) < height
    assert all(len(line) < 80 for line in lines)
    assert sum(FLOW in line for line in lines) == 1
    assert ("36 of 37 are done" in lines[-1]) == (height < 40)


def test_on_a_terminal_a_line_that_stays_takes_the_tables_place() -> None:
    out = Terminal()
    progress = Progress(out)
    progress.show([row("playing")])
    progress.say("played")
    progress.show([row("done")])
    assert out.getvalue().count("\x1b[2F\x1b[J") == 1
