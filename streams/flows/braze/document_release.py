"""All documents that a process requires are approved → its customer gets the next communication, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from gridwire import topics
from gridwire.records import BrazeCommand, Customer, DocumentRelease
from streams.flow import Filtered, Flow, Fold, GoOn, Leg, Wait, on, on_timer
from streams.flows.braze.document_papers import Collecting, Papers
from streams.rules import braze, consent
from streams.rules.announcing import Announcing
from streams.rules.bounds import Minutes, NotNegative, Positive
from streams.rules.dates import DAY_MS, SECOND_MS
from streams.tables import CUSTOMERS, ORDERS

FLOW_ID = "braze.document-release"
ProcessName = Literal["onboarding", "claim", "warranty", "financial_approval"]


def _required() -> dict[ProcessName, tuple[str, ...]]:
    return {
        "onboarding": ("agreement", "tax_form", "insurance"),
        "claim": ("rma", "credit_note"),
        "warranty": ("rma", "compliance_cert"),
        "financial_approval": ("invoice", "credit_note"),
    }


def _campaigns() -> dict[ProcessName, str]:
    return {
        "onboarding": "documents-approved-onboarding",
        "claim": "documents-approved-claim",
        "warranty": "documents-approved-warranty",
        "financial_approval": "documents-approved-financial-approval",
    }


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What each process requires and releases.

    required: process → types of documents that must all be approved; a process without any requires none and releases
    nothing. campaigns: process → the next communication; canvases: process → a Canvas that is entered instead.
    settle_s: how long all must stand approved, as changes of several documents come in no order. order_wait_minutes,
    profile_wait_minutes: how long a document waits for its order, and a release for the customer's profile, before it
    is a dead letter. profile_read_s: how long a release waits for a profile that nobody has read. processes_max: per
    order, papers_max: per process, releases_max: waiting per customer, released_max: remembered per customer.
    keep_days: how long a quiet order, and what a customer was told, is remembered.
    """

    required: Mapping[ProcessName, tuple[str, ...]] = msgspec.field(default_factory=_required)
    campaigns: Mapping[ProcessName, str] = msgspec.field(default_factory=_campaigns)
    canvases: Mapping[ProcessName, str] = msgspec.field(default_factory=dict)
    settle_s: NotNegative = 60
    order_wait_minutes: Minutes = 30
    profile_wait_minutes: Minutes = 30
    profile_read_s: NotNegative = 60
    processes_max: Positive = 50
    papers_max: Positive = 100
    releases_max: Positive = 50
    released_max: Positive = 200
    keep_days: Positive = 365


class Releases(msgspec.Struct, frozen=True):
    """Releases that wait until the customer's profile has been read, and the processes that were released."""

    waiting: tuple[DocumentRelease, ...] = ()
    said: tuple[str, ...] = ()


def _process(release: DocumentRelease) -> str:
    """The process, whatever orders its documents name; one without a reference is the only one of its order."""
    return f"{release.process}/{release.process_ref or release.order_ref}"


@dataclass(frozen=True, slots=True)
class Releasing:
    """What the customer gets of each process."""

    campaigns: Mapping[str, str]
    canvases: Mapping[str, str]

    def message(self, release: DocumentRelease, customer: Customer) -> BrazeCommand | Filtered:
        facts = {
            "process": release.process,
            "process_ref": release.process_ref,
            "order_ref": release.order_ref,
            "documents": ", ".join(release.types),
            "channels": ",".join(consent.channels(customer)),
        }
        canvas = self.canvases.get(release.process)
        if canvas is not None:
            return braze.trigger_canvas(FLOW_ID, release.customer_ref, canvas, facts)
        campaign = self.campaigns.get(release.process)
        if campaign is None:
            return Filtered("process releases nothing")
        return braze.trigger_campaign(FLOW_ID, release.customer_ref, campaign, facts)


def _by_name(values: Mapping[ProcessName, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in values.items()}


def _collect(settings: Settings) -> Fold:
    collecting = Collecting(
        required={name: types for name, types in _by_name(settings.required).items() if types},
        settle_ms=settings.settle_s * SECOND_MS,
        processes_max=settings.processes_max,
        papers_max=settings.papers_max,
        keep_ms=settings.keep_days * DAY_MS,
    )
    order = Wait(minutes=settings.order_wait_minutes)
    return Fold(
        name="collect",
        state=Papers,
        inputs=(
            on(
                topics.ORDER_DOCUMENTS,
                lambda entry: entry.order_ref,
                collecting.collect,
                lookups=(ORDERS.by(lambda entry: entry.order_ref, order),),
            ),
        ),
        writes=(topics.DOCUMENT_RELEASES,),
        on_timer=on_timer(collecting.due, lookups=(ORDERS.by(lambda fired: fired.key, GoOn()),)),
    )


def _release(settings: Settings) -> Fold:
    releasing = Releasing(_by_name(settings.campaigns), _by_name(settings.canvases))
    announcing = Announcing(
        flow=FLOW_ID,
        message=releasing.message,
        holding=Releases,
        read_ms=settings.profile_read_s * SECOND_MS,
        waiting_max=settings.releases_max,
        once=_process,
        said_max=settings.released_max,
        keep_ms=settings.keep_days * DAY_MS,
    )
    profile = Wait(minutes=settings.profile_wait_minutes, ask=announcing.refresh)
    return Fold(
        name="release",
        state=Releases,
        inputs=(
            on(
                topics.DOCUMENT_RELEASES,
                lambda release: release.customer_ref,
                announcing.hear,
                lookups=(CUSTOMERS.by(lambda release: release.customer_ref, profile),),
            ),
        ),
        writes=(topics.BRAZE_COMMANDS,),
        on_timer=on_timer(announcing.due, lookups=(CUSTOMERS.by(lambda fired: fired.key, GoOn()),)),
    )


def legs(settings: Settings) -> tuple[Leg, ...]:
    return (_collect(settings), _release(settings))


FLOW = Flow(
    id=FLOW_ID,
    purpose="Customers hear that it goes on as soon as nothing is missing, and not before.",
    needs=("trading-grid", "braze"),
    settings=Settings,
    legs=legs,
)
