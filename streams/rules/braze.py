"""Commands for Braze about one customer: all of a customer's stand in one lane, so they are carried out in order.

A function per operation, by its name.
"""

from collections.abc import Mapping
from typing import Any

from gridwire.records import (
    BrazeCommand,
    BrazeSchedule,
    DeleteSchedule,
    OutstandingSchedule,
    RefreshProfile,
    ScheduleCampaign,
    SetAttributes,
    TrackEvent,
    TriggerCampaign,
    TriggerCanvas,
)

NONE: Mapping[str, str] = {}


def track_event(
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
    return _command(flow, customer_ref, "track_event", body, version)


def trigger_canvas(
    flow: str, customer_ref: str, canvas_id: str, context: Mapping[str, str], *, version: int = 0
) -> BrazeCommand:
    """The entry into a Canvas."""
    body = TriggerCanvas(canvas_id=canvas_id, customer_ref=customer_ref, context=context)
    return _command(flow, customer_ref, "trigger_canvas", body, version)


def trigger_campaign(
    flow: str,
    customer_ref: str,
    campaign_id: str,
    properties: Mapping[str, str],
    *,
    attributes: Mapping[str, str] = NONE,
    transactional: bool = False,
    version: int = 0,
) -> BrazeCommand:
    """One message; the attributes are set before it goes out. transactional: by the paid endpoint that deduplicates."""
    body = TriggerCampaign(
        campaign_id=campaign_id,
        customer_ref=customer_ref,
        trigger_properties=properties,
        attributes=attributes,
        transactional=transactional,
    )
    return _command(flow, customer_ref, "trigger_campaign", body, version)


def set_attributes(
    flow: str, customer_ref: str, attributes: Mapping[str, str], *, version: int = 0
) -> BrazeCommand:
    """No message, only attributes."""
    body = SetAttributes(customer_ref=customer_ref, attributes=attributes)
    return _command(flow, customer_ref, "set_attributes", body, version)


def schedule_campaign(
    flow: str,
    customer_ref: str,
    campaign_id: str,
    properties: Mapping[str, str],
    *,
    send_at: int,
    order_ref: str | None,
    version: int = 0,
) -> BrazeCommand:
    """One message at a later time (epoch milliseconds); it can be taken back until then."""
    body = ScheduleCampaign(
        campaign_id=campaign_id,
        customer_ref=customer_ref,
        trigger_properties=properties,
        send_at=send_at,
        order_ref=order_ref,
        about=flow,
    )
    return _command(flow, customer_ref, "schedule_campaign", body, version)


def delete_schedule(
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
    return _command(flow, customer_ref, "delete_schedule", body, version)


def outstanding(fact: BrazeSchedule) -> OutstandingSchedule:
    """What a schedule that was created has yet to send."""
    return OutstandingSchedule(
        schedule_id=fact.schedule_id,
        order_ref=fact.order_ref,
        about=fact.about,
        campaign_id=fact.campaign_id,
        canvas_id=fact.canvas_id,
        send_at=fact.send_at,
    )


def refresh_profile(flow: str, customer_ref: str) -> BrazeCommand:
    """Asks Braze what the customer consents to."""
    body = RefreshProfile(customer_ref=customer_ref)
    return _command(flow, customer_ref, "refresh_profile", body, 0)


def _command(flow: str, customer_ref: str, operation: str, body: Any, version: int) -> BrazeCommand:
    """An operation's body stands in the field of its name (docs/adr/0003)."""
    fields = {operation: body}
    return BrazeCommand(
        version=version, flow=flow, lane=customer_ref, operation=operation, **fields
    )
