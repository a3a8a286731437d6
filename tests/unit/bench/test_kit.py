"""What surrounds the kit's measurements does as it says, and each figure is held against its target."""

from collections.abc import Callable

import pytest

from bench import documents, report
from bench.documents import KIT_MARKS, Conditions
from bench.figures import Result
from bench.kit import delivery, gateway, limited, storm
from bench.kit.delivery import Delivered
from bench.kit.gateway import Loaded
from bench.kit.limited import Used
from bench.kit.platforms import Bucket, Budget, Counted, Limited, Limiting, Listing, Threads
from bench.kit.polling import Polled
from bench.kit.results import KitMeasured
from bench.kit.sender import Sent
from bench.kit.storm import Sample, Weathered
from bench.kit.wire import Answer, Messages, request
from bench.report import Measured
from connectors.kit.connector import Response
from connectors.kit.reading import number

MB = 1_000_000
SENT = Sent({200: 9}, seconds=1.0, p50_ms=5.0, p99_ms=20.0, max_ms=25.0, cpu_s=0.1)
UNDER = Conditions(
    date="2026-01-02",
    cores=2,
    python="3.11.9",
    broker="Kafka 4.1.1",
    events=0,
    runs=3,
    rows=1_000_000,
    others=0.03,
    seconds=300,
)


def good() -> KitMeasured:
    """All that the targets ask for, measured and met."""
    return KitMeasured(
        gateway=[Loaded(name, 5_000.0, 7_000.0, SENT, SENT, 0.0) for name in gateway.SUBJECTS],
        delivery=[Delivered(one.name, 2_500.0, 3_500.0, 0.0) for one in delivery.SUBJECTS],
        limited=[
            Used(one.platform.name, one.platform.per_s, 0.97, 0.0005, 0.0) for one in limited.CASES
        ],
        poller=[Polled(9_000.0, 20_000.0, 0.0)],
        storm=Weathered(570.0, 100.0, 101.0, 2.0, {200: 1_000}, 0.0),
    )


def named(found: KitMeasured) -> dict[str, Result]:
    parts = {"gateway", "delivery", "poller", "storm"}
    return {one.name: one for one in report.results(Measured(kit=found, parts=parts))}


# ---- the wire ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cut", [1, 7, 60, 1_000])
def test_messages_are_whole_however_the_stream_is_cut(cut: int) -> None:
    stream = request("/a", {"x": "1"}, b'{"n":1}') + Answer(429, (("Retry-After", "1"),)).encoded()
    messages = Messages()
    found = []
    for at in range(0, len(stream), cut):
        found += messages.feed(stream[at : at + cut])
    (first, body), (second, answer) = found
    assert first.startswith(b"POST /a HTTP/1.1")
    assert body == b'{"n":1}'
    assert second.startswith(b"HTTP/1.1 429 Too Many Requests")
    assert b"Retry-After: 1" in second
    assert answer == b"{}"


# ---- platforms ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("make", "later"), [(Budget, 10), (Bucket, 5)])
def test_a_limit_holds_and_comes_back(
    make: Callable[[int, float], Budget | Bucket], later: int
) -> None:
    """In a window all at once, in a bucket as time passes."""
    limit = make(10, 2.0)
    assert [limit.take(100.0)[0] for _ in range(12)] == [True] * 10 + [False] * 2
    assert limit.take(100.0)[1] == 0
    half_way = [limit.take(101.0)[0] for _ in range(12)]
    assert sum(half_way) == 10 - later if make is Budget else 5
    assert limit.take(102.0)[0]


@pytest.mark.parametrize(
    ("style", "limit", "left"),
    [
        ("braze", "x-ratelimit-limit", "x-ratelimit-remaining"),
        ("bigcommerce", "x-rate-limit-requests-quota", "x-rate-limit-requests-left"),
    ],
)
def test_a_limited_platform_announces_its_limit_as_its_original_does(
    style: str, limit: str, left: str
) -> None:
    platform = Limiting(Limited("p", 3, 3.0, style))  # type: ignore[arg-type]
    answers = [platform.answer("", 50.0) for _ in range(4)]
    assert [one.status for one in answers] == [200, 200, 200, 429]
    headers = {name.lower(): value for name, value in answers[0].headers}
    response = Response(200, headers, b"")
    assert number(response.headers[limit]) == 3
    assert number(response.headers[left]) == 2


def test_a_silent_platform_says_nothing() -> None:
    assert Limiting(Limited("p", 3, 3.0, "silent")).answer("", 50.0).headers == ()


def test_a_listing_is_read_once_page_by_page() -> None:
    threads = Threads(Listing("listing", 450))
    pages = [threads.answer(f"threads?limit=200{at}", 0.0) for at in ("", "&cursor=page-1")]
    assert b'"next_cursor":"page-1"' in pages[0].body
    assert b'"next_cursor":"page-2"' in pages[1].body
    assert b'"has_more":false' in threads.answer("threads?cursor=page-2", 0.0).body
    assert b'"data":[]' in threads.answer("threads?limit=200", 0.0).body


# ---- figures -----------------------------------------------------------------------------------------------------
def test_what_is_used_of_a_limit_counts_over_the_time_that_was_asked_for() -> None:
    platform = Limited("p", 10, 1.0, "silent")
    counted = Counted({200: 25, 429: 5}, slices={0: 5, 5: 4, 9: 5, 10: 11}, seconds=2.0)
    found = limited.used(platform, counted, seconds=1.0, others=0.0)
    assert found.used == pytest.approx(1.4)
    assert found.throttled == pytest.approx(1 / 6)


def test_memory_that_grows_shows_in_its_thirds_and_its_slope() -> None:
    samples = [Sample(float(at), 100 * MB + at * MB) for at in range(30, 330)]
    found = storm.weathered(samples, {429: 1})
    assert found.first_mb == pytest.approx(179.5)
    assert found.last_mb == pytest.approx(379.5)
    assert found.mb_per_hour == pytest.approx(3_600.0)
    assert found.growth > 2


def test_a_storm_without_enough_looks_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="fewer than three"):
        storm.weathered([Sample(0.0, 1)], {})


def test_all_targets_of_the_kit_are_met() -> None:
    results = named(good())
    assert not [one.name for one in results.values() if not one.met]
    assert sum(bool(one.target) for one in results.values()) == 6 + 2 * len(limited.CASES)
    assert results["gateway/signed-per-core-to-starlette"].ratio == pytest.approx(1.0)
    assert results["delivery/unlimited-per-core-to-httpx-loop"].ratio == pytest.approx(1.0)


def test_nothing_measured_is_nothing_met() -> None:
    results = named(KitMeasured())
    assert not [one.name for one in results.values() if one.target and one.met]


@pytest.mark.parametrize(
    ("name", "worse"),
    [
        (
            "gateway/signed-per-core",
            {"gateway": [Loaded(gateway.OURS, 1.0, 5_999.0, SENT, SENT, 0.0)]},
        ),
        (
            "delivery/unlimited-per-core",
            {"delivery": [Delivered(delivery.OURS, 1.0, 2_999.0, 0.0)]},
        ),
        (
            "delivery/limited-braze-100-used",
            {"limited": [Used("braze-100", 100.0, 0.94, 0.0, 0.0)]},
        ),
        (
            "delivery/limited-braze-100-throttled",
            {"limited": [Used("braze-100", 100.0, 0.99, 0.001, 0.0)]},
        ),
        ("poller/records", {"poller": [Polled(4_999.0, 9_999.0, 0.0)]}),
        ("storm/memory-growth", {"storm": Weathered(570.0, 100.0, 111.0, 90.0, {}, 0.0)}),
    ],
)
def test_a_figure_beyond_its_bar_is_missed(name: str, worse: dict[str, object]) -> None:
    found = good()
    for part, runs in worse.items():
        setattr(found, part, runs)
    assert not named(found)[name].met


# ---- the page ----------------------------------------------------------------------------------------------------
def test_the_page_keeps_the_figures_of_what_was_not_measured() -> None:
    page = documents.PAGE.read_text(encoding="utf-8")
    begin, end = documents.MARKS
    before = page.partition(begin)[2].partition(end)[0]
    after = documents.written(page, list(named(good()).values()), UNDER)
    assert after.partition(begin)[2].partition(end)[0] == before
    own = after.partition(KIT_MARKS[0])[2].partition(KIT_MARKS[1])[0]
    assert "| `gateway/signed` | 5,000 | 7,000 | 5.00 | 20.0 | 5.00 | 20.0 |" in own
    assert "| `delivery/limited-braze-100-used` | 97.0 % | ≥ 95 % | met |" in own
    assert "| 570 | 100 | 101 | 2.00 |" in own
