"""How BigCommerce's changes reach gridwire: thin webhooks, what completes them, and four polls."""

from collections.abc import Generator, Iterator
from typing import Any

import msgspec

from connectors.bigcommerce import hooks, verdicts, wire
from connectors.bigcommerce.health import HookHealth
from connectors.bigcommerce.paging import (
    LAG_MS,
    PAGE,
    SECOND_MS,
    Steps,
    earlier,
    listed,
    one,
    order_mark,
    product_mark,
    rows_of,
    spans,
)
from connectors.bigcommerce.probes import probes
from connectors.bigcommerce.settings import BigCommerceSettings
from connectors.bigcommerce.shapes import (
    AddressJson,
    BrandJson,
    ItemJson,
    LineJson,
    MessageJson,
    OrderJson,
    ProductJson,
    TransactionJson,
)
from connectors.kit.auth import HeaderToken
from connectors.kit.connector import (
    Delivery,
    Fetched,
    Intake,
    MalformedError,
    NotThereError,
    Page,
    Platform,
    Poll,
    Request,
    Response,
    Route,
    Source,
)
from connectors.kit.cursors import Ask, Span, sweep
from connectors.kit.reading import ms_iso, read
from connectors.kit.signatures import SecretHeader, StandardWebhooks
from gridwire.records import BigCommerceOrder, BigCommerceProduct, Notice, Record
from gridwire.settings import Secret, SettingsError
from gridwire.topics import (
    BIGCOMMERCE_NOTICES,
    BIGCOMMERCE_ORDER_MESSAGES,
    BIGCOMMERCE_ORDERS,
    BIGCOMMERCE_PRODUCTS,
    BIGCOMMERCE_TRANSACTIONS,
    Topic,
)

HOOK_BODY_BYTES_MAX = 100_000
ORDERS_PAGE = 20  # each order costs three more calls
CHANGED = "store/order/updated"
DAY_MS = 86_400_000
CATALOGUE = frozenset(
    ("store/product/created", "store/product/updated", "store/sku/created", "store/sku/updated")
)
PARTS = {"include": "variants,custom_fields"}
Produced = tuple[Topic[Any], Record]
Broken = list[tuple[bytes, str]]
PageSteps = Generator[Request, Response, Page]
FetchSteps = Generator[Request, Response, Fetched]


def platform(settings: BigCommerceSettings) -> Platform:
    """The store's management API."""
    return Platform(
        name="bigcommerce",
        base_url=f"{settings.api_url.rstrip('/')}/stores/{settings.store_hash}",
        auth=HeaderToken("x-auth-token", settings.access_token),
        verdict=verdicts.judge(settings.write_pause_s),
        rate=verdicts.rate,
        requests_per_s=settings.requests_per_s,
        concurrency=settings.concurrency,
        replicas_max=1,  # the quota is the store's
        headers={"accept": "application/json"},  # without it V2 may answer XML
        probes=probes(),
    )


def source(settings: BigCommerceSettings) -> Source:
    """Raises SettingsError where settings do not fit one another."""
    _check(settings)
    reader = Reader(settings)
    return Source(
        platform=platform(settings),
        routes=(route(settings),),
        notices=BIGCOMMERCE_NOTICES,
        fetches={
            hooks.ORDER: reader.fetch_order,
            hooks.MESSAGE: reader.fetch_message,
            hooks.TRANSACTION: reader.fetch_transaction,
            hooks.PRODUCT: reader.fetch_product,
            hooks.INVENTORY: reader.fetch_product,
        },
        polls=polls(settings, reader),
        webhooks_only=("order messages that are not flagged", "payment transactions"),
    )


def polls(settings: BigCommerceSettings, reader: "Reader") -> tuple[Poll, ...]:
    """What changed by time, all stock now and then, and whether webhooks come at all."""
    health = HookHealth(reactivate=settings.reactivate_hooks)
    return (
        Poll("bigcommerce.orders", settings.orders_poll_s, reader.poll_orders, between),
        Poll("bigcommerce.products", settings.products_poll_s, reader.poll_products, between),
        Poll(
            "bigcommerce.inventory",
            settings.inventory_poll_s,
            reader.poll_inventory,
            known=BIGCOMMERCE_PRODUCTS,
            sweep=True,
        ),
        Poll("bigcommerce.hooks", settings.hooks_poll_s, health.poll),
    )


def between(since_ms: int, until_ms: int) -> str:
    """The checkpoint to read what changed in that time."""
    first_ms = since_ms // SECOND_MS * SECOND_MS
    return Span(since_ms=first_ms, until_ms=max(first_ms, until_ms)).encoded()


def _check(settings: BigCommerceSettings) -> None:
    problems = []
    if "{customer_id}" not in settings.customer_ref:
        problems.append(
            "BIGCOMMERCE_CUSTOMER_REF lacks {customer_id}: set it to e.g. bc-{customer_id}"
        )
    if settings.require_signature and settings.client_secret is None:
        problems.append(
            "BIGCOMMERCE_REQUIRE_SIGNATURE needs BIGCOMMERCE_CLIENT_SECRET: set that, too"
        )
    if problems:
        raise SettingsError(problems)


def route(settings: BigCommerceSettings) -> Route:
    """POST /bigcommerce/hooks: the secret header always, a signature wherever there is one."""

    def read_hook(delivery: Delivery) -> Intake:
        return hooks.intake(delivery, settings.store_hash)

    secrets = (settings.hook_secret, settings.hook_secret_previous)
    verify: tuple[SecretHeader | StandardWebhooks, ...] = (
        SecretHeader(settings.hook_header.lower(), tuple(s for s in secrets if s is not None)),
    )
    if settings.client_secret is not None:
        key = signing_key(settings.client_secret)
        verify += (StandardWebhooks((key,), required=settings.require_signature),)
    return Route(
        name="bigcommerce.hooks",
        path="/bigcommerce/hooks",
        verify=verify,
        read=read_hook,
        body_bytes_max=HOOK_BODY_BYTES_MAX,
    )


def signing_key(client_secret: Secret) -> bytes:
    """The key of BigCommerce's signatures: the secret's own bytes.

    BigCommerce has one give base64(client_secret) to a Standard Webhooks library, which decodes it.
    """
    return client_secret.reveal().encode()


class Reader:
    """Reads objects of the store: for notices and for polls alike."""

    def __init__(self, settings: BigCommerceSettings) -> None:
        self._settings = settings
        self._order_spans = spans(ORDERS_PAGE, settings.poll_overlap_s)
        self._product_spans = spans(PAGE, settings.poll_overlap_s)

    # ---- orders ----------------------------------------------------------------------------------
    def fetch_order(self, notice: Notice) -> FetchSteps:
        """The order of a notice. Raises NotThereError, MalformedError."""
        cause = wire.caused_by(notice)
        found = yield from one(f"/v2/orders/{notice.resource_id}", {}, OrderJson, "order")
        record = yield from self._order(found, cause)
        flagged: tuple[Produced, ...] = ()
        if notice.event_type == CHANGED:
            flagged = yield from self._flagged(found.id, cause)
        return ((BIGCOMMERCE_ORDERS, record), *flagged)

    def _order(self, found: OrderJson, cause: wire.Cause) -> Steps[BigCommerceOrder]:
        path = f"/v2/orders/{found.id}"
        lines = yield from listed(f"{path}/products", {}, LineJson, "order.products")
        where = "order.shipping_addresses"
        addresses = yield from listed(f"{path}/shipping_addresses", {}, AddressJson, where)
        return wire.order(found, lines, addresses, cause, self._settings)

    def _flagged(self, order_id: int, cause: wire.Cause) -> Steps[tuple[Produced, ...]]:
        """The flagged messages of an order. A flag is set after the message came, by no webhook."""
        if not self._settings.read_flags:
            return ()
        path, query = f"/v2/orders/{order_id}/messages", {"is_flagged": "true"}
        found = yield from listed(path, query, MessageJson, "message")
        return tuple(
            (BIGCOMMERCE_ORDER_MESSAGES, wire.message(message, order_id, cause))
            for message in found
            if message.is_flagged
        )

    def fetch_message(self, notice: Notice) -> FetchSteps:
        """A message on an order. Raises NotThereError, MalformedError."""
        order_id, wanted = notice.detail["order_id"], notice.resource_id
        query = {"min_id": wanted, "max_id": wanted}
        found = yield from listed(f"/v2/orders/{order_id}/messages", query, MessageJson, "message")
        for message in found:
            if str(message.id) == wanted:
                record = wire.message(message, order_id, wire.caused_by(notice))
                return ((BIGCOMMERCE_ORDER_MESSAGES, record),)
        raise NotThereError("message: not in the order's list")

    def fetch_transaction(self, notice: Notice) -> FetchSteps:
        """A payment transaction. Raises NotThereError, MalformedError."""
        order_id = notice.detail["order_id"]
        path = f"/v3/orders/{order_id}/transactions"
        found = yield from listed(path, {}, TransactionJson, "transaction")
        for transaction in found:
            if str(transaction.id) == notice.resource_id:
                record = wire.transaction(transaction, order_id, notice)
                return ((BIGCOMMERCE_TRANSACTIONS, record),)
        raise NotThereError("transaction: not in the order's list")

    def poll_orders(self, cursor: str | None, now_ms: int) -> PageSteps:
        """One page of changed orders. Raises MalformedError."""
        first_ms = now_ms - self._settings.backfill_days * DAY_MS
        at = self._order_spans.begin(cursor, now_ms, first_ms, earlier)
        rows, after = yield from self._order_spans.page(at, self._ask_orders, order_mark)
        records: list[Produced] = []
        broken = Broken()
        for row in rows:
            try:
                found = read(row, OrderJson, "order")
                record = yield from self._order(found, wire.POLLED)
                flagged = yield from self._flagged(found.id, wire.POLLED)
                records += [(BIGCOMMERCE_ORDERS, record), *flagged]
            except (MalformedError, NotThereError) as error:
                broken.append((msgspec.json.encode(row), str(error)))
        return Page(tuple(records), after.encoded(), not after.done, tuple(broken))

    def _ask_orders(self, asked: Ask) -> Steps[list[Any]]:
        query = {
            "min_date_modified": ms_iso(asked.since_ms),
            "max_date_modified": ms_iso(asked.until_ms),
            "sort": "date_modified:asc",
            "page": str(asked.number),
            "limit": str(asked.limit),
        }
        return rows_of((yield Request("GET", "/v2/orders", query)), "orders")

    # ---- products --------------------------------------------------------------------------------
    def fetch_product(self, notice: Notice) -> FetchSteps:
        """The product of a notice, a record per sku; what is gone, as deleted.

        Raises NotThereError (only where the product was just created), MalformedError.
        """
        reading = wire.Reading(
            notice.event_id,
            notice.occurred_at // 1000,
            wire.caused_by(notice),
            catalogue=notice.event_type in CATALOGUE,
        )
        path, product_id = f"/v3/catalog/products/{notice.resource_id}", int(notice.resource_id)
        try:
            found = yield from one(path, PARTS, ProductJson, "product")
        except NotThereError:
            if notice.event_type.endswith("/created"):
                raise
            return ((BIGCOMMERCE_PRODUCTS, wire.deleted(product_id, None, reading)),)
        records = yield from self._products([found], reading)
        if notice.event_type == "store/sku/deleted" and "variant_id" in notice.detail:
            variant_id = int(notice.detail["variant_id"])
            records.append(wire.deleted(product_id, variant_id, reading))
        return tuple((BIGCOMMERCE_PRODUCTS, record) for record in records)

    def _products(
        self, found: list[ProductJson], reading: wire.Reading
    ) -> Steps[list[BigCommerceProduct]]:
        """Records of all skus, with their brands and stock."""
        if not found:
            return []
        brand_ids = ",".join(
            sorted({str(product.brand_id) for product in found if product.brand_id})
        )
        names: dict[int, str] = {}
        if brand_ids:
            query = {"id:in": brand_ids}
            brands = yield from listed("/v3/catalog/brands", query, BrandJson, "brands")
            names = {brand.id: brand.name for brand in brands}
        query = {"product_id:in": ",".join(str(product.id) for product in found)}
        stock = yield from listed("/v3/inventory/items", query, ItemJson, "inventory")
        return list(self._records(found, names, stock, reading))

    def _records(
        self,
        found: list[ProductJson],
        brands: dict[int, str],
        stock: list[ItemJson],
        reading: wire.Reading,
    ) -> Iterator[BigCommerceProduct]:
        for product in found:
            brand = brands.get(product.brand_id or 0)
            yield from wire.products(product, brand, stock, reading, self._settings)

    def poll_products(self, cursor: str | None, now_ms: int) -> PageSteps:
        """One page of changed products; all of them at first. Raises MalformedError."""
        at = self._product_spans.begin(cursor, now_ms, 0, earlier)
        rows, after = yield from self._product_spans.page(at, self._ask_products, product_mark)
        found, broken = _products_of(rows)
        until_s = at.until_ms // SECOND_MS
        reading = wire.Reading(f"poll/{until_s}", until_s, wire.POLLED, catalogue=True)
        records = yield from self._products(found, reading)
        produced = tuple((BIGCOMMERCE_PRODUCTS, record) for record in records)
        return Page(produced, after.encoded(), not after.done, tuple(broken))

    def _ask_products(self, asked: Ask) -> Steps[list[Any]]:
        query = {
            **PARTS,
            "date_modified:min": ms_iso(asked.since_ms),
            "date_modified:max": ms_iso(asked.until_ms),
            "sort": "date_modified",
            "direction": "asc",
            "page": str(asked.number),
            "limit": str(asked.limit),
        }
        return rows_of((yield Request("GET", "/v3/catalog/products", query)), "products")

    def poll_inventory(self, cursor: str | None, now_ms: int) -> PageSteps:
        """One page of all tracked stock, with the products it belongs to. Raises MalformedError.

        The inventory knows no times of change, and an order's taking of stock changes no product.
        """
        at = sweep(cursor)
        query = {"page": str(at.page), "limit": str(PAGE)}
        rows = rows_of((yield Request("GET", "/v3/inventory/items", query)), "inventory")
        items = [read(row, ItemJson, "inventory") for row in rows]
        ids = sorted({str(i.identity.product_id) for i in items if i.identity.product_id})
        wanted = {**PARTS, "id:in": ",".join(ids), "limit": str(PAGE)}
        listing = (
            rows_of((yield Request("GET", "/v3/catalog/products", wanted)), "products")
            if ids
            else []
        )
        found, broken = _products_of(listing)
        now_s = (now_ms - LAG_MS) // SECOND_MS
        reading = wire.Reading(f"inventory/{now_ms}", now_s, wire.POLLED)
        records = yield from self._products(found, reading)
        produced = tuple((BIGCOMMERCE_PRODUCTS, record) for record in records)
        after = at.after(more=len(rows) == PAGE)
        return Page(produced, after.encoded(), after.page > 1, tuple(broken))


def _products_of(rows: list[Any]) -> tuple[list[ProductJson], Broken]:
    """The products that can be read, and the rest."""
    found, broken = [], Broken()
    for row in rows:
        try:
            product = read(row, ProductJson, "product")
            wire.modified_s(product)
            found.append(product)
        except MalformedError as error:
            broken.append((msgspec.json.encode(row), str(error)))
    return found, broken
