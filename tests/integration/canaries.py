"""Recognisable secrets and persons, commands about them, and the search for them in what was said."""

import base64
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from gridwire import records as r

MARK = "canary"
KEYS = {
    "BRAZE_API_KEY": "canarybrazekey",
    "BRAZE_CURRENTS_TOKEN": "canarycurrentstoken",
    "BRAZE_WEBHOOK_TOKEN": "canarywebhooktoken",
    "BIGCOMMERCE_ACCESS_TOKEN": "canarystoretoken",
    "BIGCOMMERCE_HOOK_SECRET": "canaryhooksecret",
    "BIGCOMMERCE_CLIENT_SECRET": "canaryclientsecret",
    "TG_CLIENT_SECRET": "canarygridsecret",
    "TG_WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"canary-webhook-signing-key-0").decode(),
}
ACCESS_TOKEN = "canaryaccesstoken"
PERSON, NAME = "canaryperson", "Canaryna Birdsong"
EMAIL, TEXT = "canary.bird@example.com", "my canarybird is late"


def needles() -> dict[str, str]:
    """What is searched for, by what it is; in the forms that it may take on its way."""
    basic = base64.b64encode(f"gridwire:{KEYS['TG_CLIENT_SECRET']}".encode()).decode()
    plain = [*KEYS.values(), ACCESS_TOKEN, PERSON, NAME, EMAIL, TEXT, basic, MARK]
    key = base64.b64decode(KEYS["TG_WEBHOOK_SECRET"].removeprefix("whsec_")).decode()
    return {text: text for text in {*plain, key, *(quote(one, safe="") for one in plain)}}


@dataclass
class Heard:
    """Everything that gridwire said, by where."""

    said: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, text: str) -> None:
        self.said[where] = self.said.get(where, "") + text

    def found(self) -> list[str]:
        return [
            f"{where}: …{text[max(0, at.start() - 150) : at.end() + 60]}…"
            for where, text in self.said.items()
            for needle in needles()
            for at in list(re.finditer(re.escape(needle), text, re.IGNORECASE))[:2]
        ]


def commands(tag: str) -> list[Any]:
    """One of each operation, all about the same person."""
    base: dict[str, Any] = {
        "trace_id": uuid.uuid4().hex,
        "produced_at": 1_760_000_000_000,
        "flow": "braze.case-notification",
    }

    def braze(operation: str, body: Any, n: int = 0) -> r.BrazeCommand:
        event_id = f"{tag}-{operation}-{n}"
        about: dict[str, Any] = {operation: body, "lane": f"{PERSON}-{operation}-{n}"}
        return r.BrazeCommand(event_id=event_id, operation=operation, **base, **about)

    def grid(operation: str, body: Any) -> r.TradingGridCommand:
        event_id = f"{tag}-{operation}"
        about: dict[str, Any] = {operation: body, "lane": PERSON}
        return r.TradingGridCommand(event_id=event_id, operation=operation, **base, **about)

    trigger = r.TriggerCampaign(
        campaign_id="case-open",
        customer_ref=PERSON,
        trigger_properties={"name": NAME, "text": TEXT},
        attributes={"mail": EMAIL},
    )
    change = r.SetAttributes(customer_ref=PERSON, attributes={"mail": EMAIL, "name": NAME})
    opened = r.OpenThread(
        external_ref=f"{tag}/o-1",
        system="bigcommerce",
        kind="order_exception",
        subject="Order 1",
        body=f"{NAME} says: {TEXT}",
        priority="low",
        partner_id=None,
        resolve_by=None,
    )
    comment = r.AddComment(
        external_ref=f"{tag}/o-1",
        system="bigcommerce",
        body=f"{EMAIL}: {TEXT}",
        visibility="shared",
        source_ref="s-1",
    )
    stock = r.SetInventory(sku="S1", location_code="", quantity=1, sequence=1)
    return [
        *(braze("trigger_campaign", trigger, n) for n in range(13)),
        *(braze("set_attributes", change, n) for n in range(13)),
        *(braze("refresh_profile", r.RefreshProfile(customer_ref=PERSON), n) for n in range(6)),
        r.BrazeCommand(event_id=f"{tag}-odd", operation="fly_away", lane=PERSON, **base),
        grid("open_thread", opened),
        grid("add_comment", comment),
        r.BigCommerceCommand(
            event_id=f"{tag}-stock",
            operation="set_inventory",
            set_inventory=stock,
            lane=PERSON,
            **base,
        ),
    ]
