"""A customer's feedback reaches the partner whose process it concerns; the customer hears when that has settled it.

Feedback on a guest's order reaches the partner as well, but no answer comes of it: nothing says that whoever wrote it
is whose order it is, and cases of that order reach no customer.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from gridwire import topics
from gridwire.records import BrazeCommand, Customer, CustomerCase
from streams.flow import (
    Drop,
    Effects,
    Filtered,
    Fired,
    Flow,
    Fold,
    GoOn,
    Leg,
    Wait,
    on,
    on_timer,
)
from streams.flows.braze.feedback_filing import Files, Filing
from streams.rules import braze, consent
from streams.rules.bounds import Minutes, Positive
from streams.rules.dates import DAY_MS
from streams.rules.precedence import FEEDBACK as FLOW_ID
from streams.rules.precedence import is_settled
from streams.rules.speaking import CUSTOMER_KINDS
from streams.rules.telling import Said, Telling
from streams.rules.told_cases import Told, ToldThread, facts
from streams.tables import CUSTOMERS, ORDERS

ATTRIBUTE = "partner_feedback_status"
CLOSED = "closed"  # in a thread's memory: the feedback whose loop is closed
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of feedback.

    satisfied_share: of the best score, from which on a survey opens no thread. follow_up_campaign and answered_event:
    what the customer gets once the partner has settled it. order_wait_minutes: how long feedback waits for its order
    before it is a dead letter. threads_max: remembered per order and per customer; feedback_max: per order. keep_days:
    how long a quiet order or thread is remembered.
    """

    satisfied_share: Share = 0.6
    follow_up_campaign: str = "feedback-follow-up"
    answered_event: str = "partner_feedback_answered"
    order_wait_minutes: Minutes = 30
    threads_max: Positive = 100
    feedback_max: Positive = 100
    keep_days: Positive = 180


@dataclass(frozen=True, slots=True)
class Closing:
    """What the customer hears of the thread that took up their feedback."""

    campaign: str
    event: str

    def say(self, fired: Fired[Told], thread: ToldThread, customer: Customer) -> Said:
        """Once it is resolved, an event and a message; before that, and after, only the attribute.

        Where another flow speaks of the end, for the feedback was read after it, the event alone.
        """
        case = thread.pending
        if case is None or case.feedback_id is None:
            return thread, (Filtered("no feedback behind it"),)
        version, who = case.thread.version, case.customer_ref
        told = _attribute(case)
        ours = case.speaker == FLOW_ID
        closed = thread.memory.get(CLOSED) == case.feedback_id and not ours
        if not is_settled(case) or closed:
            return thread, (told,)
        properties = {
            **facts(case, (case.order_ref,)),
            "feedback_id": case.feedback_id,
            "resolution": case.thread.resolution.action if case.thread.resolution else "",
        }
        answered = braze.track_event(
            FLOW_ID, who, self.event, time_ms=fired.due_ms, properties=properties, version=version
        )
        memory = {**thread.memory, CLOSED: case.feedback_id}
        after = msgspec.structs.replace(thread, memory=memory)
        if not ours:
            return after, (answered, told)
        message = braze.trigger_campaign(
            FLOW_ID,
            who,
            self.campaign,
            properties | {"channels": ",".join(consent.channels(customer))},
            attributes={ATTRIBUTE: case.thread.status},
            version=version,
        )
        return after, (answered, message)


def _attribute(case: CustomerCase) -> BrazeCommand:
    attributes = {ATTRIBUTE: case.thread.status}
    return braze.set_attributes(FLOW_ID, case.customer_ref, attributes, version=case.thread.version)


def _filing(settings: Settings) -> Filing:
    return Filing(
        kinds=CUSTOMER_KINDS,
        satisfied=settings.satisfied_share,
        threads_max=settings.threads_max,
        filed_max=settings.feedback_max,
        keep_ms=settings.keep_days * DAY_MS,
    )


def _file(settings: Settings) -> Fold:
    filing = _filing(settings)
    order = Wait(minutes=settings.order_wait_minutes)
    return Fold(
        name="file",
        state=Files,
        inputs=(
            on(
                topics.BRAZE_FEEDBACK,
                lambda feedback: feedback.order_ref,
                filing.feedback,
                lookups=(ORDERS.by(lambda feedback: feedback.order_ref, order),),
            ),
            on(topics.ORDER_THREADS, lambda entry: entry.order_ref, filing.thread),
        ),
        writes=(topics.TRADING_GRID_COMMANDS, topics.FILED_FEEDBACK),
        on_timer=on_timer(filing.forget),
    )


def _close(settings: Settings) -> Fold:
    closing = Closing(settings.follow_up_campaign, settings.answered_event)
    telling = Telling(
        flow=FLOW_ID,
        kinds=CUSTOMER_KINDS,
        keep_ms=settings.keep_days * DAY_MS,
        threads_max=settings.threads_max,
        say=closing.say,
        asks=False,
        beside=lambda case: (_attribute(case),),
    )

    def hear(case: CustomerCase, told: Told | None, customer: Customer) -> Effects:
        if case.feedback_id is None:
            return iter((Filtered("no feedback behind it"),))
        return telling.hear(case, told, customer)

    return Fold(
        name="close",
        state=Told,
        inputs=(
            on(
                topics.CUSTOMER_CASES,
                lambda case: case.customer_ref,
                hear,
                lookups=(CUSTOMERS.by(lambda case: case.customer_ref, Drop("customer not known")),),
            ),
        ),
        writes=(topics.BRAZE_COMMANDS,),
        on_timer=on_timer(telling.speak, lookups=(CUSTOMERS.by(lambda fired: fired.key, GoOn()),)),
    )


def legs(settings: Settings) -> tuple[Leg, ...]:
    return (_file(settings), _close(settings))


FLOW = Flow(
    id=FLOW_ID,
    purpose="What customers say of a partner's work reaches the partner, and the answer reaches them.",
    needs=("trading-grid", "braze"),
    settings=Settings,
    legs=legs,
)
