"""Currents events as Braze documents them, and settings to read them with."""

from __future__ import annotations

from typing import Any

from connectors.braze.settings import BrazeSettings
from gridwire.settings import Secret

SMS_GROUP = "aaaaaaaa-58cc-4372-a567-0e02b2c3d479"


def settings(**changed: Any) -> BrazeSettings:
    given: dict[str, Any] = {
        "base_url": "https://rest.iad-01.braze.com",
        "api_key": Secret("rest-key"),
        "currents_token": Secret("currents-token"),
        "sms_group_id": SMS_GROUP,
    }
    return BrazeSettings(**(given | changed))


def event(event_type: str, properties: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """One event of user `c-1`."""
    whole: dict[str, Any] = {
        "event_type": event_type,
        "id": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "time": 1_760_000_000,
        "user": {
            "user_id": "639a35d192b0df004d06514c",
            "external_user_id": "c-1",
            "device_id": "device-1",
            "timezone": "America/New_York",
        },
        "properties": properties,
    }
    return whole | changed


def custom(name: str, custom_properties: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A custom event."""
    own = {
        "app_id": "app-1",
        "platform": "android",
        "name": name,
        "custom_properties": custom_properties,
    }
    return event("users.behaviors.CustomEvent", own, **changed)


CLICK = {
    "campaign_id": "camp-1",
    "campaign_name": "Autumn",
    "canvas_id": None,
    "dispatch_id": "639a35d192b0df004d06514c",
    "email_address": "jo@example.com",
    "user_agent": "Mozilla/5.0",
    "ip_pool": "pool",
    "is_suspected_bot_click": True,
    "suspected_bot_click_reason": ["datacenter"],
    "link_alias": "hero",
    "url": "https://shop.example/p?sku=SKU-1&utm=x",
}
