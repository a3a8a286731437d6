"""Messages that go out later, and taking them back. Braze lists no schedules: their ids are published as they come."""

from typing import Any, Literal

from connectors.braze import endpoints
from connectors.braze.answers import answered_ms, field
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import (
    Done,
    Misconfigured,
    Operation,
    OperationError,
    Rejected,
    Request,
    Steps,
    writes_over_nothing,
)
from connectors.kit.reading import ms_iso
from gridwire.ids import derived
from gridwire.records import (
    BrazeCommand,
    BrazeSchedule,
    DeleteSchedule,
    ScheduleCampaign,
    ScheduleCanvas,
    ScheduleState,
)
from gridwire.topics import BRAZE_SCHEDULES

Area = Literal["campaigns", "canvas"]
NOT_THERE = frozenset({400, 404})  # sent, deleted, or never there: there is nothing to take back


def operations(settings: BrazeSettings) -> tuple[Operation, ...]:
    """Creating twice schedules two messages; deleting twice is deleting once."""

    def canvas(command: BrazeCommand, body: ScheduleCanvas) -> Steps:
        return schedule_canvas(command, body, settings.schedule_context)

    return (
        Operation("schedule_campaign", "unsafe", schedule_campaign, writes=writes_over_nothing),
        Operation("schedule_canvas", "unsafe", canvas, writes=writes_over_nothing),
        Operation("delete_schedule", "natural", delete_schedule, writes=writes_over_nothing),
    )


def schedule_campaign(command: BrazeCommand, body: ScheduleCampaign) -> Steps:
    """One API-triggered campaign to one existing user, later; the object id is the schedule's."""
    recipient = _recipient(body.customer_ref, "trigger_properties", dict(body.trigger_properties))
    request = _create("campaigns", {"campaign_id": body.campaign_id}, recipient, body.send_at)
    return _created(command, body, request)


def schedule_canvas(command: BrazeCommand, body: ScheduleCanvas, context_key: str) -> Steps:
    """One existing user into one API-triggered Canvas, later; the object id is the schedule's."""
    recipient = _recipient(body.customer_ref, context_key, dict(body.context))
    request = _create("canvas", {"canvas_id": body.canvas_id}, recipient, body.send_at)
    return _created(command, body, request)


def delete_schedule(command: BrazeCommand, body: DeleteSchedule) -> Steps:
    """Takes a message back. One that Braze does not have any more is as good as taken back, and said to be gone.

    Close to its time Braze deletes as well as it can: some of it may go out.
    """
    area, program = _program(body)
    response = yield Request(
        method="POST",
        path=f"/{area}{endpoints.SCHEDULE}delete",
        json={**program, "schedule_id": body.schedule_id},
        expect=NOT_THERE,
    )
    if response.status in NOT_THERE and not isinstance(response.json(), dict):
        raise OperationError(Misconfigured("no answer of Braze's: check BRAZE_BASE_URL"))
    state: ScheduleState = "gone" if response.status in NOT_THERE else "deleted"
    at_ms = answered_ms(response, command)
    record = BrazeSchedule(
        **_head(command, at_ms),
        schedule_id=body.schedule_id,
        customer_ref=body.customer_ref,
        order_ref=body.order_ref,
        about=body.about,
        campaign_id=body.campaign_id,
        canvas_id=body.canvas_id,
        state=state,
    )
    return Done(body.schedule_id, ((BRAZE_SCHEDULES, record),))


def _program(body: DeleteSchedule) -> tuple[Area, dict[str, str]]:
    """Whose schedule it is. Raises OperationError where the command does not say."""
    if body.campaign_id is not None and body.canvas_id is None:
        return "campaigns", {"campaign_id": body.campaign_id}
    if body.canvas_id is not None and body.campaign_id is None:
        return "canvas", {"canvas_id": body.canvas_id}
    raise OperationError(Rejected("a schedule is either a campaign's or a Canvas'"))


def _recipient(customer_ref: str, key: str, properties: dict[str, str]) -> dict[str, Any]:
    return {"external_user_id": customer_ref, "send_to_existing_only": True, key: properties}


def _create(
    area: Area, program: dict[str, str], recipient: dict[str, Any], send_at: int
) -> Request:
    body = {**program, "recipients": [recipient], "schedule": {"time": ms_iso(send_at)}}
    path = f"/{area}{endpoints.SCHEDULE}create"
    return Request(method="POST", path=path, json=body, idempotent=False)


def _created(
    command: BrazeCommand, body: ScheduleCampaign | ScheduleCanvas, request: Request
) -> Steps:
    """A success without an id (Braze under maintenance only queues) is one all the same: it cannot be taken back."""
    response = yield request
    schedule_id = field(response, "schedule_id")
    if schedule_id is None:
        return Done()
    record = BrazeSchedule(
        **_head(command, answered_ms(response, command)),
        schedule_id=schedule_id,
        customer_ref=body.customer_ref,
        order_ref=body.order_ref,
        about=body.about,
        campaign_id=body.campaign_id if isinstance(body, ScheduleCampaign) else None,
        canvas_id=body.canvas_id if isinstance(body, ScheduleCanvas) else None,
        send_at=body.send_at,
        state="created",
    )
    return Done(schedule_id, ((BRAZE_SCHEDULES, record),))


def _head(command: BrazeCommand, at_ms: int) -> dict[str, Any]:
    return {
        "event_id": derived("braze", "schedule", command.event_id),
        "occurred_at": at_ms,
        "version": at_ms,
        "source": "braze/sink",
        "trace_id": command.trace_id,
        "causation_id": command.event_id,
    }
