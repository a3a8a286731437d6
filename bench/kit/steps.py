"""The parts of the benchmark that measure the kit, and how much work each gets."""

from dataclasses import dataclass

from bench.kit import delivery, gateway, limited, polling, storm
from bench.kit.results import KitMeasured
from bench.world import World

RUNS_MAX = 3


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is done: deliveries, commands and records per run, seconds at limits and in a storm."""

    deliveries: int = 30_000
    commands: int = 36_000
    records: int = 60_000
    limited_s: float = 60.0  # two windows of BigCommerce's
    storm_s: float = 600.0


FULL = Amounts()
QUICK = Amounts(deliveries=6_000, commands=8_000, records=10_000, limited_s=30.0, storm_s=60.0)


def measure(part: str, world: World, found: KitMeasured, amounts: Amounts, runs: int) -> None:
    """One part, each figure said as it comes. Raises where one cannot be measured: those before it are kept."""
    runs = min(runs, RUNS_MAX)
    match part:
        case "gateway":
            for loaded in gateway.measure(world, amounts.deliveries, runs):
                found.gateway.append(loaded)
                print(loaded, flush=True)
        case "delivery":
            for delivered in delivery.measure(world, amounts.commands, runs):
                found.delivery.append(delivered)
                print(delivered, flush=True)
            for used in limited.measure(world, amounts.limited_s):
                found.limited.append(used)
                print(used, flush=True)
        case "poller":
            for polled in polling.measure(world, amounts.records, runs):
                found.poller.append(polled)
                print(polled, flush=True)
        case _:
            found.storm = storm.measure(world, amounts.storm_s)
            print(found.storm, flush=True)
