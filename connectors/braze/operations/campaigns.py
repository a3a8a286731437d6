"""API-triggered campaigns to one existing user each; never a broadcast."""

from typing import Any
from urllib.parse import quote

from connectors.braze import endpoints
from connectors.braze.answers import field
from connectors.kit.connector import Done, Operation, Request, Safety, Steps, writes_over_nothing
from gridwire.records import BrazeCommand, TriggerCampaign


def operations() -> tuple[Operation, ...]:
    """A send whose outcome is not known is repeated only where Braze deduplicates it."""
    return (
        Operation("trigger_campaign", trigger_safety, trigger_campaign, writes=writes_over_nothing),
    )


def trigger_safety(trigger: TriggerCampaign) -> Safety:
    """Only transactional sends have a key that Braze deduplicates by."""
    return "keyed" if trigger.transactional else "unsafe"


def trigger_campaign(command: BrazeCommand, trigger: TriggerCampaign) -> Steps:
    """One API-triggered campaign to one existing user; the object id is Braze's dispatch id."""
    if trigger.transactional:
        campaign = quote(trigger.campaign_id, safe="")
        request = Request(
            method="POST",
            path=f"{endpoints.TRANSACTIONAL}{campaign}/send",
            json=transactional_body(command.event_id, trigger),
        )
    else:
        request = Request(
            method="POST", path=endpoints.TRIGGER, json=campaign_body(trigger), idempotent=False
        )
    return _sent(request)


def _sent(request: Request) -> Steps:
    response = yield request
    return Done(object_id=field(response, "dispatch_id"))


def campaign_body(trigger: TriggerCampaign) -> dict[str, Any]:
    """/campaigns/trigger/send for one existing user; never a broadcast."""
    recipient: dict[str, Any] = {
        "external_user_id": trigger.customer_ref,
        "send_to_existing_only": True,
        "trigger_properties": dict(trigger.trigger_properties),
    }
    if trigger.attributes:
        recipient["attributes"] = dict(trigger.attributes)
    return {"campaign_id": trigger.campaign_id, "recipients": [recipient]}


def transactional_body(command_id: str, trigger: TriggerCampaign) -> dict[str, Any]:
    """/transactional/v1/campaigns/{id}/send; the command's id deduplicates for 24 hours."""
    recipient: dict[str, Any] = {"external_user_id": trigger.customer_ref}
    if trigger.attributes:
        recipient["attributes"] = dict(trigger.attributes)
    return {
        "external_send_id": command_id,
        "trigger_properties": dict(trigger.trigger_properties),
        "recipient": recipient,
    }
