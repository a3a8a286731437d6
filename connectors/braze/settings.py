"""What is configurable about Braze. What its documents leave open is configuration, too."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from gridwire.records import FeedbackKind
from gridwire.settings import Env, Secret, SettingsError
from gridwire.shapes import URL

FEEDBACK_EVENTS: Mapping[str, FeedbackKind] = {
    "survey_answered": "survey",
    "low_rating": "low_rating",
    "churn_signal": "churn_signal",
    "campaign_feedback": "campaign",
}


class BrazeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Variables that begin with BRAZE_."""

    base_url: Annotated[
        str,
        URL,
        Env(
            "BRAZE_BASE_URL",
            "the REST endpoint of your Braze instance, e.g. https://rest.iad-01.braze.com",
        ),
    ]
    api_key: Annotated[
        Secret,
        Env(
            "BRAZE_API_KEY",
            "a REST API key with users.track, users.export.ids, campaigns.trigger.send, canvas.trigger.send, "
            "campaigns.trigger.schedule.create and .delete, canvas.trigger.schedule.create and .delete, "
            "catalogs.replace_items, subscription.status.get and .set and, where used, transactional.send",
        ),
    ]
    currents_token: Annotated[
        Secret,
        Env("BRAZE_CURRENTS_TOKEN", "the token that the Currents custom HTTP connector sends"),
    ]
    currents_token_previous: Annotated[
        Secret | None,
        Env("BRAZE_CURRENTS_TOKEN_PREVIOUS", "the token before, while it is being replaced"),
    ] = None
    webhook_token: Annotated[
        Secret | None,
        Env(
            "BRAZE_WEBHOOK_TOKEN",
            "the bearer token of webhooks from Canvases and campaigns; unset: no such route",
        ),
    ] = None
    postback_secret: Annotated[
        Secret | None,
        Env(
            "BRAZE_POSTBACK_SECRET",
            "the `secret` in the URL of transactional postbacks; unset: no such route",
        ),
    ] = None
    feedback_events: Annotated[
        dict[str, FeedbackKind],
        Env(
            "BRAZE_FEEDBACK_EVENTS",
            "a JSON object of event types of webhooks to survey, low_rating, churn_signal or campaign; "
            "what is not in it is engagement",
        ),
    ] = msgspec.field(default_factory=lambda: dict(FEEDBACK_EVENTS))
    back_in_stock_events: Annotated[
        tuple[str, ...],
        Env(
            "BRAZE_BACK_IN_STOCK_EVENTS",
            "custom events by which users ask to be told when a catalogue item is back in stock",
        ),
    ] = ("back_in_stock_subscribed",)
    requests_per_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("BRAZE_REQUESTS_PER_S", "calls per second to start with; Braze's answers adapt it"),
    ] = 50.0
    concurrency: Annotated[
        int, msgspec.Meta(ge=1), Env("BRAZE_CONCURRENCY", "calls under way at once")
    ] = 8
    track_items_max: Annotated[
        int,
        msgspec.Meta(ge=1, le=75),
        Env(
            "BRAZE_TRACK_ITEMS_MAX",
            "attributes or events per call of /users/track: 50 is right for every contract, older ones allow 75",
        ),
    ] = 50
    canvas_context: Annotated[
        Literal["context", "canvas_entry_properties"],
        Env("BRAZE_CANVAS_CONTEXT_KEY", "the name under which a Canvas takes its context"),
    ] = "context"
    schedule_context: Annotated[
        Literal["context", "canvas_entry_properties"],
        Env("BRAZE_SCHEDULE_CONTEXT_KEY", "the same, where an entry is scheduled"),
    ] = "context"
    catalog_requests_per_min: Annotated[
        float,
        msgspec.Meta(gt=0, le=16_000),
        Env(
            "BRAZE_CATALOG_REQUESTS_PER_MIN",
            "catalogue requests a minute of one sinks process: of all together Braze looks at 10 for what is back",
        ),
    ] = 10.0
    catalog_linger_s: Annotated[
        float,
        msgspec.Meta(ge=0, le=60),
        Env("BRAZE_CATALOG_LINGER_S", "seconds that a catalogue request waits for more items"),
    ] = 1.0
    catalog_stock_field: Annotated[
        str,
        Env(
            "BRAZE_CATALOG_STOCK_FIELD",
            "the catalogue's numeric field that back-in-stock triggers look at",
        ),
    ] = "stock"
    sms_group_id: Annotated[
        str | None,
        Env(
            "BRAZE_SMS_GROUP_ID",
            "the subscription group whose state is consent to SMS; unset: SMS stays unknown",
        ),
    ] = None
    product_view_events: Annotated[
        tuple[str, ...],
        Env("BRAZE_PRODUCT_VIEW_EVENTS", "custom events that say a product was looked at"),
    ] = ("ecommerce.product_viewed",)
    cart_events: Annotated[
        tuple[str, ...], Env("BRAZE_CART_EVENTS", "custom events that say a cart was changed")
    ] = ("ecommerce.cart_updated",)
    checkout_events: Annotated[
        tuple[str, ...], Env("BRAZE_CHECKOUT_EVENTS", "custom events that say checkout began")
    ] = ("ecommerce.checkout_started",)
    order_events: Annotated[
        tuple[str, ...], Env("BRAZE_ORDER_EVENTS", "custom events that say an order was placed")
    ] = ("ecommerce.order_placed",)
    products_property: Annotated[
        str,
        Env("BRAZE_PRODUCTS_PROPERTY", "the event property that lists products, one object each"),
    ] = "products"
    sku_properties: Annotated[
        tuple[str, ...],
        Env("BRAZE_SKU_PROPERTIES", "the properties that may hold the sku; the first found counts"),
    ] = ("sku", "product_id")
    link_sku: Annotated[
        str,
        Env(
            "BRAZE_LINK_SKU",
            "a regular expression whose first group is the sku in the URL of a clicked link",
        ),
    ] = r"(?:[?&]sku=|/products/)([^/?&#]+)"
    quantity_property: Annotated[
        str, Env("BRAZE_QUANTITY_PROPERTY", "the property that holds the units")
    ] = "quantity"
    price_property: Annotated[
        str, Env("BRAZE_PRICE_PROPERTY", "the property that holds the price of one unit")
    ] = "price"
    currency_property: Annotated[
        str, Env("BRAZE_CURRENCY_PROPERTY", "the property that holds the ISO 4217 currency")
    ] = "currency"
    region_property: Annotated[
        str,
        Env("BRAZE_REGION_PROPERTY", "the property that holds the region (ISO 3166-2 or -1)"),
    ] = "region"
    order_property: Annotated[
        str, Env("BRAZE_ORDER_PROPERTY", "the property that holds the order's id or reference")
    ] = "order_id"
    order_ref: Annotated[
        str,
        Env("BRAZE_ORDER_REF", "the order reference made of an {order_id} that has no colon"),
    ] = "bigcommerce:{order_id}"
    value_tier_attribute: Annotated[
        str, Env("BRAZE_VALUE_TIER_ATTRIBUTE", "the custom attribute with a user's value tier")
    ] = "value_tier"
    churn_risk_attribute: Annotated[
        str,
        Env("BRAZE_CHURN_RISK_ATTRIBUTE", "the custom attribute with a churn risk of 0 to 1"),
    ] = "churn_risk"
    region_attribute: Annotated[
        str,
        Env("BRAZE_REGION_ATTRIBUTE", "the custom attribute with a user's region, else `country`"),
    ] = "region"


def check(settings: BrazeSettings) -> None:
    """Raises SettingsError where a value is of no use."""
    problems = []
    try:
        groups = re.compile(settings.link_sku).groups
    except re.error:
        groups = 0
    if groups < 1:
        problems.append(
            "BRAZE_LINK_SKU is not a regular expression with a group: put the sku in ()"
        )
    if "{order_id}" not in settings.order_ref:
        problems.append("BRAZE_ORDER_REF lacks {order_id}: set it to e.g. bigcommerce:{order_id}")
    if not settings.sku_properties:
        problems.append("BRAZE_SKU_PROPERTIES is empty: name the property that holds the sku")
    if problems:
        raise SettingsError(problems)
