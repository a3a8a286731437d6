"""What is configurable about BigCommerce."""

from typing import Annotated

import msgspec

from gridwire.settings import Env, Secret
from gridwire.shapes import HEADER, URL


class BigCommerceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Variables that begin with BIGCOMMERCE_."""

    store_hash: Annotated[
        str,
        Env("BIGCOMMERCE_STORE_HASH", "the store hash, as in api.bigcommerce.com/stores/<hash>"),
    ]
    access_token: Annotated[
        Secret, Env("BIGCOMMERCE_ACCESS_TOKEN", "the access token of the store's API account")
    ]
    hook_secret: Annotated[
        Secret,
        Env(
            "BIGCOMMERCE_HOOK_SECRET", "the value of the header that the webhooks were created with"
        ),
    ]
    hook_secret_previous: Annotated[
        Secret | None,
        Env("BIGCOMMERCE_HOOK_SECRET_PREVIOUS", "the value before, while hooks are re-created"),
    ] = None
    hook_header: Annotated[
        str, HEADER, Env("BIGCOMMERCE_HOOK_HEADER", "the name of that header")
    ] = "x-gridwire-secret"
    client_secret: Annotated[
        Secret | None,
        Env(
            "BIGCOMMERCE_CLIENT_SECRET",
            "the client secret of the API account: signatures of webhooks are checked with it",
        ),
    ] = None
    require_signature: Annotated[
        bool,
        Env(
            "BIGCOMMERCE_REQUIRE_SIGNATURE",
            "true to refuse webhooks without a signature (not proven to come with every hook)",
        ),
    ] = False
    api_url: Annotated[
        str, URL, Env("BIGCOMMERCE_API_URL", "the address of the management API")
    ] = "https://api.bigcommerce.com"
    requests_per_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("BIGCOMMERCE_REQUESTS_PER_S", "calls per second to start with; the quota adapts it"),
    ] = 4.0
    concurrency: Annotated[
        int, msgspec.Meta(ge=1), Env("BIGCOMMERCE_CONCURRENCY", "calls under way at once")
    ] = 4
    inventory_items_max: Annotated[
        int,
        msgspec.Meta(ge=1, le=2_000),
        Env(
            "BIGCOMMERCE_INVENTORY_ITEMS_MAX",
            "stock updates per call; BigCommerce takes up to 2000, and saves all of a call or none",
        ),
    ] = 10
    write_pause_s: Annotated[
        float,
        msgspec.Meta(ge=0),
        Env(
            "BIGCOMMERCE_WRITE_PAUSE_S",
            "seconds before a write is repeated after a 5xx (BigCommerce asks for a minute)",
        ),
    ] = 60.0
    customer_ref: Annotated[
        str,
        Env("BIGCOMMERCE_CUSTOMER_REF", "the customer reference made of a {customer_id}"),
    ] = "{customer_id}"
    locations: Annotated[
        dict[str, int],
        Env(
            "BIGCOMMERCE_LOCATIONS",
            'a JSON object of location codes to location ids, e.g. {"DC-EAST": 2}',
        ),
    ] = msgspec.field(default_factory=dict)
    default_location_id: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env("BIGCOMMERCE_DEFAULT_LOCATION_ID", "the location of updates that name none"),
    ] = 1
    product_line_field: Annotated[
        str,
        Env("BIGCOMMERCE_PRODUCT_LINE_FIELD", "the custom field with a product's product line"),
    ] = "product_line"
    substitute_field: Annotated[
        str,
        Env("BIGCOMMERCE_SUBSTITUTE_FIELD", "the custom field with the sku of a substitute"),
    ] = "substitute_sku"
    handling_days_field: Annotated[
        str,
        Env("BIGCOMMERCE_HANDLING_DAYS_FIELD", "the custom field with days from order to shipment"),
    ] = "handling_days"
    read_flags: Annotated[
        bool,
        Env(
            "BIGCOMMERCE_READ_FLAGS",
            "true to look for flagged messages whenever an order changes (no webhook tells)",
        ),
    ] = True
    backfill_days: Annotated[
        int,
        msgspec.Meta(ge=0),
        Env("BIGCOMMERCE_BACKFILL_DAYS", "days of orders that the first poll reads"),
    ] = 30
    orders_poll_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("BIGCOMMERCE_ORDERS_POLL_S", "seconds between two polls of changed orders"),
    ] = 300.0
    products_poll_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("BIGCOMMERCE_PRODUCTS_POLL_S", "seconds between two polls of changed products"),
    ] = 900.0
    inventory_poll_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("BIGCOMMERCE_INVENTORY_POLL_S", "seconds between two readings of all tracked stock"),
    ] = 3_600.0
    hooks_poll_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("BIGCOMMERCE_HOOKS_POLL_S", "seconds between two looks whether webhooks are active"),
    ] = 300.0
    reactivate_hooks: Annotated[
        bool,
        Env(
            "BIGCOMMERCE_REACTIVATE_HOOKS",
            "false to only report webhooks that BigCommerce has switched off",
        ),
    ] = True
    poll_overlap_s: Annotated[
        int,
        msgspec.Meta(ge=0),
        Env("BIGCOMMERCE_POLL_OVERLAP_S", "seconds that a poll looks back behind the last one"),
    ] = 120
