"""Currents batches to records; pure.

An event that names several products (a cart, an order) becomes one record per product. Each
record's id is a function of Braze's `id` and the product's place, so that a redelivered batch
repeats no id.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import msgspec

from connectors.braze.item_ids import sku_of
from connectors.braze.settings import BrazeSettings
from connectors.braze.wire import (
    Channel,
    Produced,
    consent,
    flag,
    impersonal,
    mapping,
    order_ref,
    text,
)
from connectors.kit import money
from connectors.kit.connector import Intake, MalformedError
from connectors.kit.reading import read
from gridwire.ids import derived, trace_of
from gridwire.records import BrazeProfile, Engagement, EngagementKind, StockSubscription
from gridwire.topics import BRAZE_ENGAGEMENT, BRAZE_PROFILES, BRAZE_STOCK_SUBSCRIPTIONS

EMAIL, PUSH = "users.messages.email.", "users.messages.pushnotification."
IN_APP, SMS = "users.messages.inappmessage.", "users.messages.sms."
WEBHOOK, CANVAS = "users.messages.webhook.", "users.canvas."
CUSTOM_EVENT, PURCHASE = "users.behaviors.CustomEvent", "users.behaviors.Purchase"
GLOBAL_STATE = "users.behaviors.subscription.GlobalStateChange"
GROUP_STATE = "users.behaviors.subscriptiongroup.StateChange"
BACK_IN_STOCK = "back_in_stock"

MESSAGE_KINDS: Mapping[str, tuple[EngagementKind, Channel | None]] = {
    EMAIL + "Send": ("email_send", "email"),
    EMAIL + "Delivery": ("email_delivery", "email"),
    EMAIL + "Open": ("email_open", "email"),
    EMAIL + "Click": ("email_click", "email"),
    EMAIL + "Bounce": ("email_bounce", "email"),
    EMAIL + "SoftBounce": ("email_bounce", "email"),
    EMAIL + "Unsubscribe": ("email_unsubscribe", "email"),
    PUSH + "Open": ("push_open", "push"),
    IN_APP + "Impression": ("in_app_impression", "in_app"),
    IN_APP + "Click": ("in_app_click", "in_app"),
    "users.campaigns.Conversion": ("conversion", None),
    CANVAS + "Conversion": ("conversion", None),
    **{EMAIL + name: ("other", "email") for name in ("Deferral", "MarkAsSpam", "Abort", "Retry")},
    **{PUSH + name: ("other", "push") for name in ("Send", "Bounce", "Abort", "Retry")},
    **{SMS + name: ("other", "sms") for name in ("Send", "Delivery", "ShortLinkClick", "Abort")},
    **{WEBHOOK + name: ("other", "webhook") for name in ("Send", "Failure", "Retry", "Abort")},
    **{CANVAS + name: ("other", None) for name in ("Entry", "exit.PerformedEvent")},
    CANVAS + "exit.MatchedAudience": ("other", None),
    "users.canvasstep.Progression": ("other", None),
}
# Braze's own properties that have a field of their own in the record.
_FIELDS = "custom_properties purchase_properties product_id campaign_id canvas_id machine_open "
FIELDS = frozenset((_FIELDS + "is_suspected_bot_click").split())
PRODUCTS_MAX = 500  # of one event, each a record that repeats the event
QUANTITY_MAX = 1_000_000_000
SECONDS_MAX = 100_000_000_000  # a `time` above this is not in seconds


class CurrentsUser(msgspec.Struct):
    """Who did it. Currents always gives `user_id`, `external_user_id` for identified users."""

    user_id: str | None = None
    external_user_id: str | None = None


class CurrentsEvent(msgspec.Struct):
    """One event of a Currents batch; `time` in epoch seconds."""

    id: str
    event_type: str
    time: float
    user: CurrentsUser
    properties: dict[str, Any] | None = None

    @property
    def own(self) -> dict[str, Any]:
        """Braze's own properties."""
        return self.properties or {}

    @property
    def at_ms(self) -> int:
        return round(self.time * 1000)


@dataclass(frozen=True, slots=True)
class About:
    """What an event says beside Braze's own properties. `given`: what its author added."""

    kind: EngagementKind
    channel: Channel | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    place: int = 0


def batch(body: Any, settings: BrazeSettings) -> Intake:
    """A Currents delivery. A broken event is set apart, the rest goes on.

    Raises MalformedError where the body is not `{"events": […]}`.
    """
    events = body.get("events") if isinstance(body, dict) else None
    if not isinstance(events, list):
        raise MalformedError("body: no list `events`; use the Currents custom HTTP connector")
    records: list[Produced] = []
    unknown: Counter[str] = Counter()
    filtered: Counter[str] = Counter()
    broken: list[tuple[bytes, str]] = []
    for one in events:
        try:
            event = read(one, CurrentsEvent, "event")
            found = _records(event, settings)
        except MalformedError as error:
            broken.append((msgspec.json.encode(one), str(error)))
            continue
        if found is None:
            unknown[event.event_type] += 1
        elif isinstance(found, str):
            filtered[found] += 1
        else:
            records += found
    return Intake(tuple(records), dict(unknown), dict(filtered), tuple(broken))


def _records(event: CurrentsEvent, settings: BrazeSettings) -> list[Produced] | str | None:
    """Records; or the reason to leave the event out; or None where its type is not known."""
    if not event.id:
        raise MalformedError("event.id: empty")
    if not 0 < event.time < SECONDS_MAX:
        raise MalformedError("event.time: not epoch seconds")
    profile = PROFILE_READERS.get(event.event_type)
    if profile is not None:
        return profile(event, settings)
    about = _about(event, settings)
    if about is None:
        return None
    found: list[Produced] = [(BRAZE_ENGAGEMENT, _engagement(event, one, settings)) for one in about]
    return found + _stock_subscriptions(event, settings)


def _about(event: CurrentsEvent, settings: BrazeSettings) -> Iterator[About] | None:
    if event.event_type == CUSTOM_EVENT:
        return _custom(event, settings)
    if event.event_type == PURCHASE:
        return iter((_purchase(event, settings),))
    if event.event_type in MESSAGE_KINDS:
        return iter((About(*MESSAGE_KINDS[event.event_type]),))
    return None


def _custom(event: CurrentsEvent, settings: BrazeSettings) -> Iterator[About]:
    """One for each product of a custom event, or one where it names none."""
    custom = mapping(event.own.get("custom_properties"))
    kind = _custom_kind(str(event.own.get("name", "")), settings)
    listed = custom.get(settings.products_property)
    products = [mapping(one) for one in listed] if isinstance(listed, list) else []
    if len(products) > PRODUCTS_MAX:  # whoever holds an app's SDK key can send them
        raise MalformedError(f"event: more than {PRODUCTS_MAX} products")
    for place, product in enumerate(products or [{}]):
        yield About(kind, given={**custom, **product}, place=place)


def _custom_kind(name: str, settings: BrazeSettings) -> EngagementKind:
    kinds: tuple[tuple[tuple[str, ...], EngagementKind], ...] = (
        (settings.product_view_events, "product_view"),
        (settings.cart_events, "cart_update"),
        (settings.checkout_events, "checkout"),
        (settings.order_events, "order_placed"),
    )
    return next((kind for names, kind in kinds if name in names), "other")


def _purchase(event: CurrentsEvent, settings: BrazeSettings) -> About:
    """Braze gives product, price and currency of a purchase; its author may give the rest."""
    given = {
        **mapping(event.own.get("purchase_properties")),
        settings.price_property: event.own.get("price"),
        settings.currency_property: event.own.get("currency"),
    }
    return About("purchase", given=given)


def _engagement(event: CurrentsEvent, about: About, settings: BrazeSettings) -> Engagement:
    user_id = event.user.external_user_id or event.user.user_id
    if not user_id:
        raise MalformedError("event.user: neither external_user_id nor user_id")
    own, given = event.own, about.given
    quantity = _quantity(given.get(settings.quantity_property))
    code = money.currency(given.get(settings.currency_property))
    price = given.get(settings.price_property)
    return Engagement(
        event_id=derived("braze", "engagement", event.id, about.place),
        occurred_at=event.at_ms,
        source="braze/currents",
        trace_id=trace_of(event.id),
        user_id=user_id,
        identified=bool(event.user.external_user_id),
        kind=about.kind,
        event_type=event.event_type,
        channel=about.channel,
        sku=_sku(own, given, settings),
        quantity=quantity,
        revenue_minor=money.minor(price, code, quantity) if code else None,
        currency=code,
        region=text(given.get(settings.region_property)),
        campaign_id=text(own.get("campaign_id")),
        canvas_id=text(own.get("canvas_id")),
        order_ref=order_ref(given.get(settings.order_property), settings),
        machine_open=flag(own.get("machine_open")),
        suspected_bot=flag(own.get("is_suspected_bot_click")),
        properties=impersonal(_others(own, given, settings)),
    )


def _sku(own: Mapping[str, Any], given: Mapping[str, Any], settings: BrazeSettings) -> str | None:
    """The product: Braze's own `product_id`, else a configured property, else the link's."""
    named = (own.get("product_id"), *(given.get(name) for name in settings.sku_properties))
    found = next((sku for sku in map(text, named) if sku), None)
    return found or _linked_sku(own.get("url"), settings.link_sku)


def _linked_sku(url: Any, pattern: str) -> str | None:
    """The sku in a clicked link."""
    found = re.search(pattern, url) if isinstance(url, str) else None
    return unquote(found[1]) or None if found and found[1] else None


def _quantity(value: Any) -> int:
    """Units; 1 where the event does not say, or says something that is no number of units."""
    try:
        units = int(value)
    except (TypeError, ValueError, OverflowError):
        return 1
    return units if 0 <= units <= QUANTITY_MAX else 1


def _others(
    own: Mapping[str, Any], given: Mapping[str, Any], settings: BrazeSettings
) -> dict[str, Any]:
    """The properties that no field of the record holds."""
    taken = {
        *settings.sku_properties,
        settings.products_property,
        settings.quantity_property,
        settings.price_property,
        settings.currency_property,
        settings.region_property,
        settings.order_property,
    }
    kept = {name: value for name, value in own.items() if name not in FIELDS}
    return kept | {name: value for name, value in given.items() if name not in taken}


# ---- back in stock -------------------------------------------------------------------------------
def _stock_subscriptions(event: CurrentsEvent, settings: BrazeSettings) -> list[Produced]:
    """A user asked to be told: Braze does that; who waits for a product may also be told that it goes."""
    if event.event_type != CUSTOM_EVENT or not event.user.external_user_id:
        return []
    if event.own.get("name") not in settings.back_in_stock_events:
        return []
    custom = mapping(event.own.get("custom_properties"))
    item, types = text(custom.get("id")), custom.get("type")
    if item is None or not isinstance(types, list) or BACK_IN_STOCK not in types:
        return []
    record = StockSubscription(
        event_id=derived("braze", "stock-subscription", event.id),
        occurred_at=event.at_ms,
        version=event.at_ms,
        source="braze/currents",
        trace_id=trace_of(event.id),
        sku=sku_of(item),
        customer_ref=event.user.external_user_id,
        catalog=text(custom.get("catalog_name")) or "",
        types=tuple(one for one in types if isinstance(one, str)),
    )
    return [(BRAZE_STOCK_SUBSCRIPTIONS, record)]


# ---- consent -------------------------------------------------------------------------------------
def _global_state(event: CurrentsEvent, _settings: BrazeSettings) -> list[Produced] | str:
    channel = str(event.own.get("channel", ""))
    if channel == "email":
        return _consented(event, email=_state(event))
    if "push" in channel:
        return _consented(event, push=_state(event))
    return "subscription channel without a consent of its own"


def _group_state(event: CurrentsEvent, settings: BrazeSettings) -> list[Produced] | str:
    group = event.own.get("subscription_group_id")
    if settings.sms_group_id is None or group != settings.sms_group_id:
        return "subscription group not configured"
    return _consented(event, sms=_state(event))


def _state(event: CurrentsEvent) -> str:
    state = consent(text(event.own.get("subscription_status")))
    if state is None:
        raise MalformedError("event.properties.subscription_status: not a known state")
    return state


def _consented(
    event: CurrentsEvent,
    *,
    email: str | None = None,
    push: str | None = None,
    sms: str | None = None,
) -> list[Produced] | str:
    if not event.user.external_user_id:
        return "consent of a user without external id"
    profile = BrazeProfile(
        event_id=derived("braze", "profile", event.id),
        occurred_at=event.at_ms,
        version=event.at_ms,
        source="braze/currents",
        trace_id=trace_of(event.id),
        customer_ref=event.user.external_user_id,
        known=True,
        email=email,
        push=push,
        sms=sms,
    )
    return [(BRAZE_PROFILES, profile)]


PROFILE_READERS: Mapping[str, Callable[[CurrentsEvent, BrazeSettings], list[Produced] | str]] = {
    GLOBAL_STATE: _global_state,
    GROUP_STATE: _group_state,
}
