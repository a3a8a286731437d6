"""The page of figures says what was measured, and nothing else on it changes."""

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from bench import documents, figures
from bench.documents import BEGIN, END, Conditions
from bench.figures import Result

UNDER = Conditions(
    date="2026-01-02",
    cores=2,
    python="3.11.9",
    broker="Kafka 4.1.1",
    events=600_000,
    runs=5,
    rows=1_000_000,
    others=0.03,
    seconds=1_260,
)
RESULTS = [
    Result(
        name="engagement/columns-to-kafka-streams",
        value=150_000.0,
        unit="events/s",
        peer="kafka-streams",
        ratio=1.42,
        target="≥ 1.5 of kafka-streams",
        met=False,
    ),
    Result(name="engagement/columns", value=150_000.0, unit="events/s"),
    Result(name="engagement/columns/cpu", value=0.45, unit="CPU s/100k events"),
    Result(name="latency/mixed-p50", value=123.4, unit="ms", target="< 250 ms"),
    Result(name="latency/mixed-p99", value=345.6, unit="ms", target="< 600 ms"),
    Result(name="latency/mixed-load", value=5_000.0, unit="events/s"),
    Result(name="restore/table", value=7.25, unit="s", target="< 10 s"),
    Result(name="restore/table/start", value=11.5, unit="s"),
    Result(name="restore/table/memory", value=420.0, unit="MB", target="< 500 MB"),
    Result(name="growth/partitions-16", value=9_000.0, unit="events/s"),
    Result(name="growth/partitions-16/cpu", value=5.5, unit="CPU s/100k events"),
    Result(name="growth/partitions-16/start", value=2.5, unit="s"),
    Result(name="growth/partitions-16/memory", value=300.0, unit="MB"),
    Result(name="growth/partitions-4", value=12_000.0, unit="events/s"),
    Result(name="growth/partitions-4/cpu", value=5.0, unit="CPU s/100k events"),
    Result(name="growth/partitions-4/start", value=2.0, unit="s"),
    Result(name="growth/partitions-4/memory", value=290.0, unit="MB"),
]


@pytest.mark.parametrize(
    "line",
    [
        "| `engagement/columns-to-kafka-streams` | 1.42 times | ≥ 1.5 of kafka-streams | **missed** |",
        "| `latency/mixed-p50` | 123 ms | < 250 ms | met |",
        "| `engagement/columns` | 150,000 | 0.45 |",
        "| `engagement/columns` | `kafka-streams` | events/s | 1.42 times |",
        "| `latency/mixed` | 5,000 | 123 | 346 |",
        "| `restore/table` | 7.25 | 11.5 | 420 |",
        "| partitions | 16 | 9,000 | 5.50 | 2.50 | 300 |",
    ],
)
def test_every_figure_has_its_line(line: str) -> None:
    assert line in documents.section(RESULTS, UNDER).splitlines()


def test_conditions_are_said() -> None:
    text = documents.section(RESULTS, UNDER)
    assert "2026-01-02, 2 cores (other processes took up to 3%), Kafka 4.1.1" in text
    assert "600,000 events, 5 interleaved runs, 21 minutes" in text


def test_company_on_the_machine_is_said_on_the_page() -> None:
    busy = msgspec.structs.replace(UNDER, others=0.4, runs=1)
    assert "not quiet" in documents.section(RESULTS, busy)
    assert "1 interleaved run," in documents.section(RESULTS, busy)
    assert "not quiet" not in documents.section(RESULTS, UNDER)


def test_parts_that_were_not_measured_have_no_table() -> None:
    text = documents.section(RESULTS[:3], UNDER)
    assert "Latency" not in text
    assert "growth.svg" not in text
    assert documents.drawn(RESULTS[:3]) == ""


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert documents.replaced(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="has no"):
        documents.replaced("no marks", "new")


def test_the_committed_page_has_the_marks() -> None:
    page = documents.PAGE.read_text(encoding="utf-8")
    assert documents.replaced(page, "new").count("new") >= 1


def test_sizes_grow_from_left_to_right_in_the_picture() -> None:
    picture = documents.drawn(RESULTS)
    words = [node.text for node in ET.fromstring(picture).iter() if node.text]
    assert words.index("4") < words.index("16")
    assert {"12.0k", "9.0k"} <= set(words)


def test_sizes_are_short() -> None:
    assert [documents.size_of(n) for n in (1, 16, 1_000, 100_000, 1_000_000, 1_500)] == [
        "1",
        "16",
        "1k",
        "100k",
        "1M",
        "1500",
    ]


def test_without_figures_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert documents.main(tmp_path / "none.json", tmp_path / "none") == 1
    assert "make bench" in capsys.readouterr().err


def test_figures_go_into_page_and_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, picture = tmp_path / "page.md", tmp_path / "growth.svg"
    page.write_text(f"head\n{BEGIN}\n{END}\ntail\n")
    monkeypatch.setattr(documents, "PAGE", page)
    monkeypatch.setattr(documents, "PICTURE", picture)
    measured, under = tmp_path / "bench.json", tmp_path / "conditions.json"
    figures.write(RESULTS, measured)
    under.write_bytes(msgspec.json.encode(UNDER))
    assert documents.main(measured, under) == 0
    assert "1.42 times" in page.read_text()
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")
