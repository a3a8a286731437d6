"""How Braze writes values, and what of them goes no further than here; pure."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from connectors.braze.settings import BrazeSettings
from gridwire.records import Record
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


def consent(state: str | None) -> str | None:
    """opted_in, subscribed or unsubscribed, however it is written; None: nothing that we know."""
    return CONSENTS.get("".join(c for c in (state or "").lower() if c.isalpha()))


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
