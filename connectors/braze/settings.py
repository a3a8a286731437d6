"""What is configurable about Braze. What its documents leave open is configuration, too."""

from typing import Annotated

import msgspec

from gridwire.settings import Env, Secret


class BrazeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Variables that begin with BRAZE_."""

    base_url: Annotated[
        str,
        Env(
            "BRAZE_BASE_URL",
            "the REST endpoint of your Braze instance, e.g. https://rest.iad-01.braze.com",
        ),
    ]
    api_key: Annotated[
        Secret,
        Env(
            "BRAZE_API_KEY",
            "a REST API key with users.track, users.export.ids, campaigns.trigger.send, "
            "subscription.status.get and, where used, transactional.send",
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
    requests_per_s: Annotated[
        float,
        Env("BRAZE_REQUESTS_PER_S", "calls per second to start with; Braze's answers adapt it"),
    ] = 50.0
    concurrency: Annotated[int, Env("BRAZE_CONCURRENCY", "calls under way at once")] = 8
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
    link_sku_parameter: Annotated[
        str,
        Env("BRAZE_LINK_SKU_PARAMETER", "the query parameter that names a clicked link's product"),
    ] = "sku"
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
