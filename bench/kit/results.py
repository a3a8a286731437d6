"""From what was measured of the kit to results: which figure is held against which target."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.figures import Bar, Result, held
from bench.kit import delivery, gateway, limited, polling
from bench.kit.delivery import Delivered
from bench.kit.gateway import Loaded
from bench.kit.limited import Used
from bench.kit.polling import Polled
from bench.kit.storm import NAME as STORM
from bench.kit.storm import Weathered

PARTS = ("gateway", "delivery", "poller", "storm")
REQUESTS, REQUESTS_PER_CORE = "requests/s", "requests/s per core"
RECORDS, RECORDS_PER_CORE = "records/s", "records/s per core"
PERCENT = 100.0
BARS = {
    gateway.OURS: Bar("≥ 6,000", at_least=6_000.0),
    delivery.OURS: Bar("≥ 3,000", at_least=3_000.0),
}
P99 = Bar("< 30 ms", below=30.0)
USED = Bar("≥ 95 %", at_least=95.0)
THROTTLED = Bar("< 0.1 %", below=0.1)
POLLED = Bar("≥ 5,000", at_least=5_000.0)
GROWN = Bar("≤ 1.1", at_most=1.1)  # flat: what an allocator's fragments may come to


@dataclass(slots=True)
class KitMeasured:
    """All that was found of the kit."""

    gateway: list[Loaded] = field(default_factory=list)
    delivery: list[Delivered] = field(default_factory=list)
    limited: list[Used] = field(default_factory=list)
    poller: list[Polled] = field(default_factory=list)
    storm: Weathered | None = None

    def others(self) -> float:
        """The largest share of the machine that others took in any run."""
        shares = [one.others for one in self.gateway]
        shares += [one.others for one in self.delivery]
        shares += [one.others for one in self.limited]
        shares += [one.others for one in self.poller]
        return max([*shares, self.storm.others if self.storm else 0.0])


def results(found: KitMeasured, parts: set[str]) -> Iterator[Result]:
    """Of the parts that were asked for. What could not be measured does not meet its target."""
    if "gateway" in parts:
        yield from _gateway(found.gateway)
    if "delivery" in parts:
        yield from _delivery(found.delivery)
        yield from _limited(found.limited)
    if "poller" in parts:
        yield from _poller(found.poller)
    if "storm" in parts:
        yield from _storm(found.storm)


def _middle(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _ratio(
    name: str, unit: str, ours: Sequence[float], theirs: Sequence[float]
) -> Iterator[Result]:
    """Ours to a peer's, by pairs that ran one after the other."""
    pairs = list(zip(ours, theirs, strict=False))
    if pairs:
        peer = name.rpartition("-to-")[2]
        ratio = median(a / b for a, b in pairs)
        yield Result(name=name, value=median(ours), unit=unit, peer=peer, ratio=ratio)


def _gateway(runs: Sequence[Loaded]) -> Iterator[Result]:
    by_name = {name: [one for one in runs if one.name == name] for name in gateway.SUBJECTS}
    for name, some in by_name.items():
        ours = name == gateway.OURS
        if not some and not ours:
            continue
        per_core = _middle([one.per_core for one in some])
        yield held(f"{name}-per-core", per_core, REQUESTS_PER_CORE, BARS.get(name))
        for load, sent in (
            ("", [one.peak for one in some]),
            ("-at-half", [one.half for one in some]),
        ):
            p99 = _middle([one.p99_ms for one in sent])
            p50 = _middle([one.p50_ms for one in sent])
            yield held(f"{name}{load}-p50", p50, "ms", None)
            yield held(f"{name}{load}-p99", p99, "ms", P99 if ours else None)
        yield held(name, _middle([one.rate for one in some]), REQUESTS, None)
    yield from _ratio(
        f"{gateway.OURS}-per-core-to-starlette",
        REQUESTS_PER_CORE,
        [one.per_core for one in by_name[gateway.OURS]],
        [one.per_core for one in by_name[gateway.PEER]],
    )


def _delivery(runs: Sequence[Delivered]) -> Iterator[Result]:
    ours: list[float] = []
    for subject in delivery.SUBJECTS:
        name = subject.name
        some = [one for one in runs if one.name == name]
        per_core = [one.per_core for one in some]
        if not some and name != delivery.OURS:
            continue
        yield held(f"{name}-per-core", _middle(per_core), REQUESTS_PER_CORE, BARS.get(name))
        yield held(name, _middle([one.rate for one in some]), REQUESTS, None)
        if name == delivery.OURS:
            ours = per_core
            continue
        peer = name.partition("/")[2]
        to = f"{delivery.OURS}-per-core-to-{peer}"
        yield from _ratio(to, REQUESTS_PER_CORE, ours, per_core)


def _limited(found: Sequence[Used]) -> Iterator[Result]:
    by_name = {one.name: one for one in found}
    for case in limited.CASES:
        name = case.platform.name
        one = by_name.get(name)
        used = None if one is None else one.used * PERCENT
        throttled = None if one is None else one.throttled * PERCENT
        yield held(f"delivery/limited-{name}-used", used, "%", USED)
        yield held(f"delivery/limited-{name}-throttled", throttled, "%", THROTTLED)


def _poller(runs: Sequence[Polled]) -> Iterator[Result]:
    yield held(polling.NAME, _middle([one.rate for one in runs]), RECORDS, POLLED)
    per_core = _middle([one.per_core for one in runs])
    yield held(f"{polling.NAME}-per-core", per_core, RECORDS_PER_CORE, None)


def _storm(found: Weathered | None) -> Iterator[Result]:
    name = f"{STORM}/memory"
    yield held(f"{name}-growth", found.growth if found else None, "last third to first", GROWN)
    if found:
        yield Result(name=f"{name}-first-third", value=found.first_mb, unit="MB")
        yield Result(name=f"{name}-last-third", value=found.last_mb, unit="MB")
        yield Result(name=f"{name}-slope", value=found.mb_per_hour, unit="MB an hour")
        yield Result(name=f"{name}-seconds", value=found.seconds, unit="s")
