"""All Braze flows through long lives of a thread: whatever is worth telling is told once, and the last of it is true.

Lives are drawn by a seed: bursts of statuses with silence of minutes to more than a month behind each, comments that
show a status before its own event does, reopenings, feedback, offers that wait for people, restarts. After each silence
what customers were told is compared with what the rule says: of a burst the last status that is told of, unless it
stands as it was or the matter was closed in it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import FEEDS
from streams.flows import FLOWS
from streams.rules.speaking import INTERNAL_STATUSES, SPOKEN_STATUSES
from streams.rules.trading_grid import TERMINAL
from streams.tables import CUSTOMERS, ORDERS, PARTNERS, PRODUCTS
from tests.unit.streams.flows.braze.customers import WHO, about, speeches
from tests.unit.streams.making import ORDER, SKU, customer, partner, product, stored_order

LIVES = 32
BURSTS_MAX, BURST_MAX = 6, 3
OTHER_ORDER, OTHER_CUSTOMER = "bigcommerce:1002", "customer-8"
REASONS = ("lost_parcel", "damaged", "missing_item", "other", "billing_correction")
KINDS = ("order_exception", "order_exception", "claim", "return")
FOLLOWS: dict[str, tuple[str, ...]] = {
    "open": (
        "acknowledged",
        "in_progress",
        "awaiting_partner",
        "awaiting_internal",
        "resolved",
        "cancelled",
        "escalated",
    ),
    "acknowledged": ("in_progress", "resolved"),
    "in_progress": ("awaiting_partner", "awaiting_internal", "resolved", "cancelled"),
    "awaiting_partner": ("in_progress", "resolved"),
    "awaiting_internal": ("in_progress", "open", "resolved"),
    "escalated": ("in_progress", "resolved"),
    "resolved": ("closed", "reopened"),
    "closed": ("reopened",),
    "reopened": ("in_progress", "resolved", "awaiting_partner"),
    "cancelled": ("reopened",),
}
SILENCES_MIN = (2, 5, 60, 24 * 60, 10 * 24 * 60, 31 * 24 * 60)


@dataclass
class Expected:
    """What one customer must have heard. stands: the status as they know it; owed: what a decision of people keeps."""

    heard: list[str] = field(default_factory=list)
    stands: str = ""
    owed: str = ""

    def burst(self, statuses: Sequence[str], *, waits: bool) -> None:
        """waits: people decide about an offer to this customer."""
        telling, last = "", self.stands
        for status in statuses:
            if status in INTERNAL_STATUSES:
                continue
            ends = status in TERMINAL and telling not in TERMINAL
            if status == self.stands:
                telling = ""
            elif status in SPOKEN_STATUSES:
                telling = status
            elif ends:
                telling = ""
            last = status
        self.stands = last
        if telling == "resolved" and waits:
            self.owed = telling
        elif telling:
            self.owed = ""
            self.heard.append(telling)

    def released(self) -> None:
        """People have decided, or did not in time."""
        self.heard += [self.owed] if self.owed else []
        self.owed = ""


class Life:
    """One thread about one or two orders of one or two customers, and all flows."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.driver = Driver(*FEEDS, *FLOWS)
        self.log: list[object] = [seed]
        self.version, self.feedback = 0, 0
        self.status = ""
        self.about = self._world()
        self.decided: set[str] = set()

    def _world(self) -> dict[str, Any]:
        pick, driver = self.random.choice, self.driver
        line = r.OrderLine(
            line_ref="1", sku=SKU, name="Cup", quantity=1, quantity_shipped=0, partner_id="pt_1"
        )
        driver.row(PARTNERS, partner("pt_1", name="Acme"))
        driver.row(PRODUCTS, product(SKU, substitute_sku=pick([None, "SKU-2"])))
        driver.row(PRODUCTS, product("SKU-2"))
        owner = pick([WHO, WHO, OTHER_CUSTOMER])
        for ref, who in ((ORDER, WHO), (OTHER_ORDER, owner)):
            status = pick(["awaiting_fulfillment", "shipped", "completed"])
            driver.row(ORDERS, stored_order(ref, lines=(line,), status=status, customer_ref=who))
        for who in (WHO, OTHER_CUSTOMER):
            tier, risk = pick(["gold", "gold", None]), pick([0.1, 0.9])
            driver.row(CUSTOMERS, customer(who, value_tier=tier, churn_risk=risk))
        refs = pick([(ORDER,), (ORDER, OTHER_ORDER), (OTHER_ORDER, ORDER)])
        told = {WHO} if len(refs) == 1 else {WHO, owner}
        self.expected = {who: Expected() for who in sorted(told)}
        return {
            "reason": pick(REASONS),
            "kind": pick(KINDS),
            "related": tuple(r.Related(type="order", id=ref) for ref in refs),
            "resolution": r.Resolution(
                code="credited",
                action="credit",
                summary="Credited.",
                amount_minor=pick([1_000, 90_000, 90_000]),
                currency="USD",
            ),
        }

    def burst(self) -> None:
        """Statuses in quick succession; some show in a comment first, or in nothing else."""
        statuses = []
        for _ in range(self.random.randint(1, BURST_MAX)):
            before = self.status
            self.status = self.random.choice(FOLLOWS[before]) if before else "open"
            statuses.append(self.status)
            seen = self.random.choice(["event", "event", "event", "comment first", "comment"])
            if seen != "event" and before:
                self._sent("thread.comment_added", None)
            if seen != "comment" or not before:
                self._sent("thread.status_changed" if before else "thread.created", before or None)
            self.driver.advance(seconds=self.random.choice([0, 5, 15]))
        self.log.append(statuses)
        self.driver.advance(minutes=1.5)
        for who, expected in self.expected.items():
            expected.burst(statuses, waits=bool(self._asked(who)))

    def _sent(self, event_type: str, before: str | None) -> None:
        self.version += 1
        one = about(
            status=self.status,
            version=self.version,
            event_type=event_type,
            previous_status=before,
            **self.about,
        )
        self.driver.send(topics.TRADING_GRID_THREADS, one)

    def silence(self) -> None:
        """Time passes, with what may happen in it."""
        happening = self.random.choice(["", "", "restart", "feedback", "comment", "decision"])
        if happening == "restart":
            self.driver.restart()
        elif happening == "feedback":
            self._said()
        elif happening == "comment":
            self._sent("thread.comment_added", None)
        elif happening == "decision":
            self._decide()
        minutes = self.random.choice(SILENCES_MIN)
        self.log.append((happening, minutes))
        waiting = {who: self._asked(who) for who in self.expected}
        self.driver.advance(minutes=minutes)
        for who, expected in self.expected.items():
            if waiting[who] and not self._asked(who):  # nobody decided in time
                expected.released()

    def _said(self) -> None:
        self.feedback += 1
        said = r.BrazeFeedback(
            feedback_id=f"fb-{self.feedback}",
            customer_ref=WHO,
            order_ref=ORDER,
            kind="low_rating",
            concerns=self.random.choice(["damage", "delivery"]),
        )
        self.driver.send(topics.BRAZE_FEEDBACK, said)

    def _asked(self, who: str) -> list[r.Approval]:
        """What people have still to decide about this customer."""
        now_ms, asked = self.driver.now_ms, self.driver.out(topics.APPROVALS)
        open_ones = [one for one in asked if one.key == who and one.expires_at > now_ms]
        return [one for one in open_ones if one.approval_id not in self.decided]

    def _decide(self) -> None:
        for who, expected in self.expected.items():
            for one in self._asked(who):
                self.decided.add(one.approval_id)
                answer = r.ApprovalDecision(
                    approval_id=one.approval_id,
                    flow=one.flow,
                    key=one.key,
                    decision=self.random.choice(["granted", "refused"]),
                    by="ops",
                )
                self.driver.send(topics.APPROVAL_DECISIONS, answer)
                expected.released()

    def check(self) -> None:
        """Each customer has heard exactly what they should, and the last of it is how the thread stands."""
        assert not self.driver.dead, self.log
        assert not self.driver.errors, self.log
        heard = speeches(self.driver)
        for who, expected in self.expected.items():
            found = [status for one, name, status in heard if (one, name) == (who, "th_1")]
            assert found == expected.heard, (who, self.about, self.log)
        assert {one for one, name, _ in heard if name == "th_1"} <= set(self.expected)


@pytest.mark.parametrize("seed", range(LIVES))
def test_whatever_is_worth_telling_is_told_once_and_the_last_of_it_is_true(seed: int) -> None:
    life = Life(seed)
    for _ in range(life.random.randint(1, BURSTS_MAX)):
        life.burst()
        life.check()
        life.silence()
        life.check()
