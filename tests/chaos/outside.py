"""The outside world under load: what customers, partners and staff do, seeded, and the platforms that it is done in."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.bigcommerce.settings import DEFAULT_ACCOUNT
from sandbox.braze.engagement import Event, Options, generate
from sandbox.demo.calls import asked
from sandbox.demo.environment import Places, Secrets, destinations, hooks
from sandbox.demo.stage import Platforms
from sandbox.demo.stories.braze_availability import catalog
from sandbox.demo.story import Cast, Seeds
from tests.waiting import eventually, spread

LOAD_S = 12.0  # over which every kind of action is spread
THREADS_S = 240.0  # within which the staff find the threads that they wait for
LOOK_S = 0.3
EVENTS, BATCH = 4_000, 80
ORDERS, CUSTOMERS, CASES = 40, 12, 16
PARTNERS = ("axle", "bolt")
STOCKED = 6  # products whose stock is what their partner says
ROUNDS = 8  # updates of each of them
SEEDED_AGO_S = 20  # polls leave the last seconds for later
REQUESTS_PER_S = 100
STATUSES = ("open", "in-progress", "resolved", "reopened", "cancelled")
RESOLUTION = {"code": "reshipped", "action": "ship", "summary": "A new one is on its way."}

# Well: nothing is wrong. Declined: the payment. The others are short: staff cancel or move on some of them.
Fate = Literal["well", "declined", "short", "moved on", "cancelled"]
FATES: tuple[Fate, ...] = ("well", "well", "declined", "short", "moved on", "cancelled")
MOVED_TO: dict[Fate, int] = {"moved on": 9, "cancelled": 5}  # status ids
ENDINGS = ("open", "in_progress", "resolved")
Step = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that somebody places."""

    number: int
    customer: int
    partner: str
    fate: Fate

    @property
    def is_short(self) -> bool:
        return self.fate not in ("well", "declined")


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will happen, in order. `cases`: order, status in which its partner leaves it. `updates`: sku, units."""

    cast: Cast
    events: Sequence[Event]
    orders: Sequence[Placed]
    cases: Sequence[tuple[Placed, str]]
    updates: Sequence[tuple[str, int]]

    def reference(self, order: Placed) -> str:
        """The external reference of the thread of an order in trouble."""
        audience = "internal" if order.fate == "declined" else self.cast.partner(order.partner)
        return f"{self.cast.order_ref(order.number)}/{audience}/1"

    def stock(self) -> dict[str, int]:
        """Sku → units that the last update says."""
        return dict(self.updates)


def plan(seed: int) -> Plan:
    """The same seed, the same plan, but for the time of it."""
    dice, cast = random.Random(seed), Cast(10_000 + seed, 0, time.time())
    orders = [
        Placed(n, dice.randrange(CUSTOMERS), dice.choice(PARTNERS), FATES[n % len(FATES)])
        for n in range(ORDERS)
    ]
    well = [order for order in orders if order.fate == "well"]
    cases = [(dice.choice(well), dice.choice(ENDINGS)) for _ in range(CASES)]
    updates = [
        (cast.sku(f"STOCK{n}"), dice.randrange(1, 500))
        for _ in range(ROUNDS)
        for n in dice.sample(range(STOCKED), STOCKED)
    ]
    options = Options(
        start_s=cast.began_s - 1_200,
        n=EVENTS,
        users=150,
        skus=tuple(cast.sku(f"STOCK{n}") for n in range(STOCKED)),
        seed=seed,
        duplicates=0.05,
        bots=0.1,
        machine_opens=0.1,
        user_prefix=f"crowd-{seed}-",
    )
    return Plan(cast, generate(options)[0], orders, cases, updates)


def troubles(plan: Plan) -> list[Placed]:
    """The order of every thread that there will be: its customer hears of each at least once."""
    return [*(o for o in plan.orders if o.fate != "well"), *(order for order, _ in plan.cases)]


# ---- the platforms ---------------------------------------------------------------------------------
def configuration(known: Secrets) -> dict[str, dict[str, object]]:
    """Credentials, limits that are not in the way, and webhooks that are retried longer than a role is away."""
    account = {
        "client_id": DEFAULT_ACCOUNT.client_id,
        "client_secret": known.bigcommerce_client_secret,
        "access_token": known.bigcommerce_token,
    }
    pace = {"webhooks": {"time_scale": 0.003}}
    return {
        "braze": {"keys": [{"key": known.braze_key}], **pace},
        "bigcommerce": {"accounts": [account], "quota_requests": REQUESTS_PER_S * 30, **pace},
        "trading-grid": {
            "clients": [{"client_id": "gridwire", "client_secret": known.trading_grid_client}],
            "rate_limit": {"limit": REQUESTS_PER_S, "window_s": 1.0},
            **pace,
        },
    }


# Some writes have their effect a while before their answer: a kill may fall in between.
SLOW = (
    ("braze", "POST", "/campaigns/trigger/send"),
    ("trading-grid", "POST", "/api/active-community/v1/threads"),
    ("bigcommerce", "PUT", "/stores/sandbox/v3/inventory"),
)
SLOWNESS = {"probability": 0.4, "delay_s": 0.4}


async def prepare(places: Places, known: Secrets, seed: int) -> None:
    """Configures the platforms. Raises CallError."""
    control = f"{places.sandbox_url}/_sandbox"
    for platform, given in configuration(known).items():
        await asked("POST", f"{control}/{platform}/configure", given)
    for platform, method, path in SLOW:
        slow = {"match": {"method": method, "path_prefix": path}, "action": "slow"}
        await asked("POST", f"{control}/{platform}/faults", slow | SLOWNESS | {"seed": seed})


async def connect(places: Places, known: Secrets) -> None:
    """Webhooks go to the gateway from now on. Raises CallError."""
    for platform, given in destinations(places.gateway_url, known).items():
        await asked("POST", f"{places.sandbox_url}/_sandbox/{platform}/configure", given)
    rows = {"hooks": hooks(places.gateway_url, known)}
    await Platforms(places.sandbox_url).seed("bigcommerce", rows)


async def seed_platforms(platforms: Platforms, plan: Plan) -> None:
    """What has been there for a while. Raises CallError."""
    await platforms.set_clock(-SEEDED_AGO_S)
    for platform, rows in seeds(plan.cast).items():
        await platforms.seed(platform, rows)
    await platforms.set_clock(0)


def seeds(cast: Cast) -> Seeds:
    """Partners with a scarce and a plentiful product each, a mill whose stock moves, customers of shop and Braze."""
    stocked = [cast.sku(f"STOCK{n}") for n in range(STOCKED)]
    units = {cast.sku(f"RARE-{name}"): 1 for name in PARTNERS}
    units |= {cast.sku(f"PLENTY-{name}"): 9_000 for name in PARTNERS} | dict.fromkeys(stocked, 0)
    own = {name: [cast.sku(f"RARE-{name}"), cast.sku(f"PLENTY-{name}")] for name in PARTNERS}
    return {
        "trading-grid": {
            "partners": [
                {
                    "id": cast.partner(name),
                    "name": name.title(),
                    "status": "active",
                    "roles": ["supplier"],
                    "skus": skus,
                }
                for name, skus in {**own, "mill": stocked}.items()
            ]
        },
        "bigcommerce": {
            "products": [
                {"id": cast.number(n), "sku": sku, "price": 30, "inventory_level": held}
                for n, (sku, held) in enumerate(units.items())
            ],
            "customers": [
                {"id": cast.number(n), "email": f"c{n}@shopper.example", "first_name": "Chris"}
                for n in range(CUSTOMERS)
            ],
        },
        "braze": {
            "users": [
                {"external_id": cast.customer(n), "attributes": {"email": f"c{n}@shopper.example"}}
                for n in range(CUSTOMERS)
            ],
            "campaigns": [
                {"id": f"order-exception-{status}", "name": f"Your order: {status}"}
                for status in STATUSES
            ],
            "catalogs": [catalog()],
        },
    }


# ---- the load --------------------------------------------------------------------------------------
@dataclass(slots=True)
class Load:
    """Makes the plan happen."""

    plan: Plan
    platforms: Platforms
    _threads: dict[int, str] = field(default_factory=dict)

    async def play(self) -> None:
        """Returns when everything has happened. Raises CallError; fails where threads do not come."""
        actors = (self._posts(), self._orders(), self._cases(), self._updates())
        await asyncio.gather(*(_act(list(steps)) for steps in actors), self._staff())

    def _posts(self) -> Iterator[Step]:
        events = self.plan.events
        for start in range(0, len(events), BATCH):
            body = {"events": list(events[start : start + BATCH])}
            yield lambda body=body: self.platforms.trigger("braze", "currents", body)  # type: ignore[misc]

    def _orders(self) -> Iterator[Step]:
        cast = self.plan.cast
        for order in self.plan.orders:
            kind, quantity = ("RARE", 3) if order.is_short else ("PLENTY", 1)
            body = {
                "id": cast.number(order.number),
                "customer": cast.number(order.customer),
                "lines": [{"sku": cast.sku(f"{kind}-{order.partner}"), "quantity": quantity}],
                "oversell": order.is_short,
                "payment": "declined" if order.fate == "declined" else "ok",
            }
            yield lambda body=body: self.platforms.trigger("bigcommerce", "place_order", body)  # type: ignore[misc]

    def _updates(self) -> Iterator[Step]:
        for sku, units in self.plan.updates:
            body = {
                "partner_id": self.plan.cast.partner("mill"),
                "sku": sku,
                "location_code": "MAIN",
                "type": "stock",
                "quantity": units,
                "decision": "accepted",
            }
            yield lambda body=body: self._community("availability-published", body)  # type: ignore[misc]

    def _cases(self) -> Iterator[Step]:
        """Every case is opened before any goes on: the steps of one are apart, so that a kill may fall between."""
        for n, (order, _) in enumerate(self.plan.cases):
            yield lambda n=n, order=order: self._open(n, order)  # type: ignore[misc]
        for n in range(len(self.plan.cases)):
            yield lambda n=n: self._go_on(n, "thread-commented", body="We are looking into it.")  # type: ignore[misc]
        for n, (_, ending) in enumerate(self.plan.cases):
            if ending != "open":
                yield lambda n=n: self._go_on(n, "thread-status", to="in_progress")  # type: ignore[misc]
        for n, (_, ending) in enumerate(self.plan.cases):
            if ending == "resolved":
                yield lambda n=n: self._go_on(n, "thread-resolved", resolution=RESOLUTION)  # type: ignore[misc]

    async def _open(self, n: int, order: Placed) -> None:
        cast = self.plan.cast
        body = {
            "kind": "order_exception",
            "subject": f"case {n} of {cast.run}",
            "partner_id": cast.partner(order.partner),
            "related": [{"type": "order", "id": cast.order_ref(order.number)}],
        }
        self._threads[n] = str((await self._community("thread-opened", body))["id"])

    async def _go_on(self, n: int, event: str, **facts: Any) -> None:
        await self._community(event, {"id": self._threads[n], **facts})

    async def _community(self, event: str, body: dict[str, Any]) -> Any:
        return await self.platforms.trigger("trading-grid", event, body)

    async def _staff(self) -> None:
        """Cancel a short order, or move it on, once its partner has a thread on it: it must follow."""
        waiting = {self.plan.reference(o): o for o in self.plan.orders if o.fate in MOVED_TO}

        async def all_done() -> bool:
            state = await self.platforms.state("trading-grid")
            there = {ref["id"] for row in state["threads"] for ref in row["external_refs"]}
            for reference in sorted(there & waiting.keys()):
                order = waiting.pop(reference)
                number = self.plan.cast.number(order.number)
                body = {"order_id": number, "status_id": MOVED_TO[order.fate]}
                await self.platforms.trigger("bigcommerce", "change_status", body)
            return not waiting

        def what() -> str:
            return f"{len(waiting)} short orders have a thread, e.g. {sorted(waiting)[:3]}"

        await eventually(all_done, what, LOAD_S + THREADS_S, LOOK_S)


async def _act(steps: Sequence[Step]) -> None:
    async for step in spread(steps, LOAD_S):
        await step()
