"""Braze's JSON to records and commands to Braze's JSON; pure. For what comes in see `currents` and `webhooks`."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from connectors.braze.settings import BrazeSettings
from gridwire.ids import derived
from gridwire.records import (
    BrazeCommand,
    BrazeProfile,
    Record,
    SetAttributes,
    TriggerCampaign,
)
from gridwire.topics import Topic

Produced = tuple[Topic[Any], Record]
Channel = Literal["email", "push", "in_app", "sms", "webhook"]

# Personal data and device fingerprints that no flow needs: they stop here.
_PERSONAL = (
    "email_address user_agent ip_pool user_phone_number to_phone_number phone_number "
    "channel_identifier ad_id device_id device_model"
)
PERSONAL = frozenset(_PERSONAL.split())
CONSENTS = {"optedin": "opted_in", "subscribed": "subscribed", "unsubscribed": "unsubscribed"}
EXPORTED = ("external_id", "email_subscribe", "push_subscribe", "country", "custom_attributes")


class ExportedUser(msgspec.Struct):
    """One user of /users/export/ids, as far as we read it."""

    external_id: str | None = None
    email_subscribe: str | None = None
    push_subscribe: str | None = None
    country: str | None = None
    custom_attributes: dict[str, Any] | None = None


class Export(msgspec.Struct):
    """The answer of /users/export/ids."""

    users: list[ExportedUser]
    invalid_user_ids: list[str] | None = None


class GroupStatus(msgspec.Struct):
    """The answer of /subscription/status/get: state by external id."""

    status: dict[str, str]


# ---- what we send --------------------------------------------------------------------------------
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


def attributes_body(*changes: SetAttributes) -> dict[str, Any]:
    """/users/track for existing users."""
    return {"attributes": [_attributes(change) for change in changes]}


def _attributes(change: SetAttributes) -> dict[str, Any]:
    own = {"external_id": change.customer_ref, "_update_existing_only": True}
    return {**change.attributes, **own}


def refused_items(errors: Any, count: int, array: str = "attributes") -> dict[int, str] | None:
    """Index → what Braze says of it, out of the `errors` of /users/track; what is not listed was processed.

    None where it does not say which: Braze lists objects with an index, or texts without one.
    """
    found: dict[int, str] = {}
    listed = errors if isinstance(errors, list) else [errors] if errors else []
    for error in listed:
        index = error.get("index") if isinstance(error, dict) else None
        if not isinstance(index, int) or not 0 <= index < count:
            return None
        if error.get("input_array", array) != array:
            return None
        found[index] = text(error.get("type") or error.get("message")) or ""
    return found


def export_body(customer_ref: str) -> dict[str, Any]:
    """/users/export/ids for one user."""
    return {"external_ids": [customer_ref], "fields_to_export": list(EXPORTED)}


# ---- profiles ------------------------------------------------------------------------------------
def profile(
    command: BrazeCommand,
    customer_ref: str,
    user: ExportedUser | None,
    sms: str | None,
    settings: BrazeSettings,
    *,
    read_at_ms: int,
) -> BrazeProfile:
    """What an export says about a user (None: Braze has no such user), as of `read_at_ms`."""
    custom = (user.custom_attributes if user else None) or {}
    region = text(custom.get(settings.region_attribute))
    return BrazeProfile(
        event_id=derived("braze", "profile", command.event_id),
        occurred_at=read_at_ms,
        version=read_at_ms,
        source="braze/export",
        trace_id=command.trace_id,
        causation_id=command.event_id,
        customer_ref=customer_ref,
        known=user is not None,
        email=consent(user.email_subscribe) if user else None,
        push=consent(user.push_subscribe) if user else None,
        sms=sms if user else None,
        value_tier=text(custom.get(settings.value_tier_attribute)),
        churn_risk=_risk(custom.get(settings.churn_risk_attribute)),
        region=region or (text(user.country) if user else None),
    )


def consent(state: str | None) -> str | None:
    """opted_in, subscribed or unsubscribed, however it is written; None: nothing that we know."""
    return CONSENTS.get("".join(c for c in (state or "").lower() if c.isalpha()))


def _risk(value: Any) -> float | None:
    try:
        risk = float(value)
    except (TypeError, ValueError):
        return None
    return risk if 0 <= risk <= 1 else None


# ---- values --------------------------------------------------------------------------------------
def order_ref(value: Any, settings: BrazeSettings) -> str | None:
    """The order reference: as given where it has a colon, else made of the configured template."""
    given = text(value)
    if given is None or ":" in given:
        return given
    return settings.order_ref.replace("{order_id}", given)


def impersonal(properties: Mapping[str, Any]) -> dict[str, str]:
    """The properties as text, without those that are personal data by their name."""
    found = {name: text(value) for name, value in properties.items() if name not in PERSONAL}
    return {name: value for name, value in found.items() if value is not None}


def mapping(value: Any) -> Mapping[str, Any]:
    """An object; an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def flag(value: Any) -> bool:
    """Braze writes its flags as booleans and as strings."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def text(value: Any) -> str | None:
    """A property as text, nested values as JSON; None where it is null or empty."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
