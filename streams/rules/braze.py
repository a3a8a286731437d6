"""Commands for Braze about one customer: all of a customer's stand in one lane, so they are carried out in order."""

from collections.abc import Mapping

from gridwire.records import (
    BrazeCommand,
    DeleteSchedule,
    OutstandingSchedule,
    ScheduleCampaign,
    SetAttributes,
    TrackEvent,
    TriggerCampaign,
    TriggerCanvas,
)

NONE: Mapping[str, str] = {}


def event(
    flow: str,
    customer_ref: str,
    name: str,
    *,
    time_ms: int,
    properties: Mapping[str, str],
    repeatable: bool = False,
    version: int = 0,
) -> BrazeCommand:
    """A custom event. repeatable: a second one changes nothing, as it ends a journey that has ended."""
    body = TrackEvent(
        customer_ref=customer_ref,
        name=name,
        time=time_ms,
        properties=properties,
        repeatable=repeatable,
    )
    return BrazeCommand(
        version=version, flow=flow, lane=customer_ref, operation="track_event", track_event=body
    )


def canvas(
    flow: str, customer_ref: str, canvas_id: str, context: Mapping[str, str], *, version: int = 0
) -> BrazeCommand:
    """The entry into a Canvas."""
    body = TriggerCanvas(canvas_id=canvas_id, customer_ref=customer_ref, context=context)
    return BrazeCommand(
        version=version,
        flow=flow,
        lane=customer_ref,
        operation="trigger_canvas",
        trigger_canvas=body,
    )


def campaign(
    flow: str,
    customer_ref: str,
    campaign_id: str,
    properties: Mapping[str, str],
    *,
    attributes: Mapping[str, str] = NONE,
    version: int = 0,
) -> BrazeCommand:
    """One message; the attributes are set before it goes out."""
    body = TriggerCampaign(
        campaign_id=campaign_id,
        customer_ref=customer_ref,
        trigger_properties=properties,
        attributes=attributes,
    )
    return BrazeCommand(
        version=version,
        flow=flow,
        lane=customer_ref,
        operation="trigger_campaign",
        trigger_campaign=body,
    )


def attributes(
    flow: str, customer_ref: str, values: Mapping[str, str], *, version: int = 0
) -> BrazeCommand:
    """No message, only attributes."""
    body = SetAttributes(customer_ref=customer_ref, attributes=values)
    return BrazeCommand(
        version=version,
        flow=flow,
        lane=customer_ref,
        operation="set_attributes",
        set_attributes=body,
    )


def later(
    flow: str,
    customer_ref: str,
    campaign_id: str,
    properties: Mapping[str, str],
    *,
    send_at: int,
    order_ref: str | None,
    version: int = 0,
) -> BrazeCommand:
    """One message at a later time; it can be taken back until then."""
    body = ScheduleCampaign(
        campaign_id=campaign_id,
        customer_ref=customer_ref,
        trigger_properties=properties,
        send_at=send_at,
        order_ref=order_ref,
        about=flow,
    )
    return BrazeCommand(
        version=version,
        flow=flow,
        lane=customer_ref,
        operation="schedule_campaign",
        schedule_campaign=body,
    )


def taken_back(
    flow: str, customer_ref: str, one: OutstandingSchedule, *, version: int = 0
) -> BrazeCommand:
    """A message that we scheduled does not go out."""
    body = DeleteSchedule(
        schedule_id=one.schedule_id,
        customer_ref=customer_ref,
        campaign_id=one.campaign_id,
        canvas_id=one.canvas_id,
        order_ref=one.order_ref,
        about=one.about,
    )
    return BrazeCommand(
        version=version,
        flow=flow,
        lane=customer_ref,
        operation="delete_schedule",
        delete_schedule=body,
    )
