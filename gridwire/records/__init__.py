"""Typed records, generated from schemas/avro by `make generate`. Do not edit."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What every record starts with. The runtime and the connectors stamp these fields."""

    event_id: str = ""
    occurred_at: int = 0
    produced_at: int = 0
    source: str = ""
    version: int = 0
    trace_id: str = ""
    causation_id: str | None = None


FeedbackKind = Literal["unknown", "survey", "low_rating", "churn_signal", "campaign"]


FeedbackConcern = Literal["other", "delivery", "damage", "invoice", "product"]


ScheduleState = Literal["unknown", "created", "deleted", "gone"]


SendStatus = Literal["unknown", "sent", "processed", "delivered", "bounced", "aborted"]


EngagementKind = Literal[
    "other",
    "email_send",
    "email_delivery",
    "email_open",
    "email_click",
    "email_bounce",
    "email_unsubscribe",
    "push_open",
    "in_app_impression",
    "in_app_click",
    "product_view",
    "cart_update",
    "checkout",
    "purchase",
    "order_placed",
    "conversion",
]


Consent = Literal["unknown", "opted_in", "subscribed", "unsubscribed"]


LetterState = Literal["unknown", "replayed", "discarded"]


OrderStatus = Literal[
    "unknown",
    "incomplete",
    "pending",
    "awaiting_payment",
    "awaiting_fulfillment",
    "awaiting_shipment",
    "awaiting_pickup",
    "manual_verification",
    "partially_shipped",
    "shipped",
    "completed",
    "cancelled",
    "declined",
    "refunded",
    "partially_refunded",
    "disputed",
]


Outcome = Literal["unknown", "delivered", "rejected", "expired"]


Decision = Literal["unknown", "granted", "refused"]


AvailabilityNews = Literal["unknown", "delayed", "discontinued"]


Interest = Literal["unknown", "ordered", "subscribed"]


RecoveryState = Literal["unknown", "held", "sent"]


class SetInventory(msgspec.Struct, frozen=True, kw_only=True):
    """Set the absolute stock of one sku at one location."""

    sku: str
    location_code: str
    quantity: int
    sequence: int


class SetSelling(msgspec.Struct, frozen=True, kw_only=True):
    """Set how a product or variant sells. Null leaves a field as it is."""

    sku: str
    product_id: int
    variant_id: int | None = None
    purchasable: bool | None = None
    message: str | None = None
    availability_description: str | None = None
    preorder_release_at: int | None = None
    quantity_minimum: int | None = None
    quantity_maximum: int | None = None


class BigCommerceCommand(Record, frozen=True, kw_only=True):
    """Something to do in BigCommerce. Exactly one operation field is set; its name stands in `operation`."""

    flow: str
    lane: str
    operation: str
    set_inventory: SetInventory | None = None
    set_selling: SetSelling | None = None


class BigCommerceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One order line."""

    line_ref: str
    sku: str
    name: str
    quantity: int
    quantity_shipped: int
    quantity_refunded: int = 0
    product_id: int
    variant_id: int | None = None
    return_id: int | None = None


class BigCommerceOrder(Record, frozen=True, kw_only=True):
    """A BigCommerce order as fetched after a change."""

    order_ref: str
    order_id: int
    customer_ref: str | None = None
    status_id: int
    payment_status: str
    created_at: int
    modified_at: int
    staff_notes: str
    ship_country: str | None = None
    ship_subdivision: str | None = None
    lines: tuple[BigCommerceLine, ...] = ()
    event_type: str


class BigCommerceOrderMessage(Record, frozen=True, kw_only=True):
    """A message on a BigCommerce order."""

    order_ref: str
    message_id: int
    type: str
    is_flagged: bool
    from_customer: bool
    subject: str
    message: str


class BigCommerceProduct(Record, frozen=True, kw_only=True):
    """One sku (variant) of a BigCommerce product as fetched after a change."""

    sku: str
    product_id: int
    variant_id: int | None = None
    variants: int
    name: str
    brand: str | None = None
    product_line: str | None = None
    substitute_sku: str | None = None
    inventory_tracked: bool
    available_to_sell: int | None = None
    availability: str
    is_visible: bool
    purchasing_disabled: bool
    deleted: bool = False
    handling_days: int | None = None


class BigCommerceTransaction(Record, frozen=True, kw_only=True):
    """A payment transaction on a BigCommerce order."""

    order_ref: str
    transaction_id: str
    type: str
    status: str
    declined: bool


class TriggerCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """Send one API-triggered campaign to one existing user."""

    campaign_id: str
    customer_ref: str
    trigger_properties: Mapping[str, str] = msgspec.field(default_factory=dict)
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)
    transactional: bool = False


class SetAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """Set custom attributes of one existing user."""

    customer_ref: str
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)


class RefreshProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Read a user's consent and segment attributes and publish them to source.braze.profiles."""

    customer_ref: str


class TrackEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Record a custom event of one existing user."""

    customer_ref: str
    name: str
    time: int
    properties: Mapping[str, str] = msgspec.field(default_factory=dict)
    repeatable: bool = False


class TriggerCanvas(msgspec.Struct, frozen=True, kw_only=True):
    """Enter one existing user into an API-triggered Canvas."""

    canvas_id: str
    customer_ref: str
    context: Mapping[str, str] = msgspec.field(default_factory=dict)
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)


class ScheduleCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """Send one API-triggered campaign to one existing user later."""

    campaign_id: str
    customer_ref: str
    trigger_properties: Mapping[str, str] = msgspec.field(default_factory=dict)
    send_at: int
    order_ref: str | None = None
    about: str


class ScheduleCanvas(msgspec.Struct, frozen=True, kw_only=True):
    """Enter one existing user into an API-triggered Canvas later."""

    canvas_id: str
    customer_ref: str
    context: Mapping[str, str] = msgspec.field(default_factory=dict)
    send_at: int
    order_ref: str | None = None
    about: str


class DeleteSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Take back a message that we scheduled and that has not gone out. Exactly one of campaign_id and canvas_id is set."""

    schedule_id: str
    customer_ref: str
    campaign_id: str | None = None
    canvas_id: str | None = None
    order_ref: str | None = None
    about: str


class UpsertCatalogItem(msgspec.Struct, frozen=True, kw_only=True):
    """Write one item of a catalogue as a whole: it replaces the item, or creates it."""

    catalog: str
    sku: str
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)
    stock: int
    sequence: int


class SetSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """Set the state of one user in one subscription group."""

    customer_ref: str
    group_id: str
    state: str


class BrazeCommand(Record, frozen=True, kw_only=True):
    """Something to do in Braze. Exactly one operation field is set; its name stands in `operation`."""

    flow: str
    lane: str
    operation: str
    trigger_campaign: TriggerCampaign | None = None
    set_attributes: SetAttributes | None = None
    refresh_profile: RefreshProfile | None = None
    track_event: TrackEvent | None = None
    trigger_canvas: TriggerCanvas | None = None
    schedule_campaign: ScheduleCampaign | None = None
    schedule_canvas: ScheduleCanvas | None = None
    delete_schedule: DeleteSchedule | None = None
    upsert_catalog_item: UpsertCatalogItem | None = None
    set_subscription: SetSubscription | None = None


class BrazeFeedback(Record, frozen=True, kw_only=True):
    """What a customer answered or showed: a survey, a low rating, a churn signal, an answer to a campaign."""

    feedback_id: str
    customer_ref: str
    order_ref: str | None = None
    kind: FeedbackKind
    concerns: FeedbackConcern
    question: str | None = None
    score: float | None = None
    scale_max: float | None = None
    text: str | None = None
    sku: str | None = None
    canvas_id: str | None = None
    campaign_id: str | None = None


class BrazeProfile(Record, frozen=True, kw_only=True):
    """What Braze said about one user: consent and segment attributes. Null: this record says nothing about it."""

    customer_ref: str
    known: bool
    email: str | None = None
    push: str | None = None
    sms: str | None = None
    value_tier: str | None = None
    churn_risk: float | None = None
    region: str | None = None


class BrazeSchedule(Record, frozen=True, kw_only=True):
    """A message that we scheduled in Braze was created, deleted, or found to be gone."""

    schedule_id: str
    customer_ref: str
    order_ref: str | None = None
    about: str
    campaign_id: str | None = None
    canvas_id: str | None = None
    send_at: int | None = None
    state: ScheduleState


class BrazeSend(Record, frozen=True, kw_only=True):
    """What became of one transactional message that we asked for."""

    external_send_id: str
    dispatch_id: str
    status: SendStatus
    campaign_id: str | None = None
    reason: str | None = None


class Engagement(Record, frozen=True, kw_only=True):
    """One engagement event from Braze Currents."""

    user_id: str
    identified: bool
    kind: EngagementKind
    event_type: str
    channel: str | None = None
    sku: str | None = None
    quantity: int = 1
    revenue_minor: int | None = None
    currency: str | None = None
    region: str | None = None
    campaign_id: str | None = None
    canvas_id: str | None = None
    order_ref: str | None = None
    machine_open: bool = False
    suspected_bot: bool = False
    properties: Mapping[str, str] = msgspec.field(default_factory=dict)


class StockSubscription(Record, frozen=True, kw_only=True):
    """A customer asked Braze to be told when a product is back in stock."""

    sku: str
    customer_ref: str
    catalog: str
    types: tuple[str, ...] = ()


class Checkpoint(Record, frozen=True, kw_only=True):
    """How far a polled resource has been read: written in one transaction with the records of its page."""

    platform: str
    resource: str
    cursor: str


class Customer(Record, frozen=True, kw_only=True):
    """What gridwire must know about a customer to speak to them: the row of the customers table."""

    customer_ref: str
    known_to_braze: bool
    email: Consent
    push: Consent
    sms: Consent
    value_tier: str | None = None
    churn_risk: float | None = None
    region: str | None = None
    said_at: Mapping[str, int] = msgspec.field(default_factory=dict)


class OutstandingSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    schedule_id: str
    order_ref: str | None = None
    about: str
    campaign_id: str | None = None
    canvas_id: str | None = None
    send_at: int | None = None


class CustomerSchedules(Record, frozen=True, kw_only=True):
    """Messages that we scheduled in Braze for one customer and that have not gone out."""

    customer_ref: str
    outstanding: tuple[OutstandingSchedule, ...] = ()


class DeadLetterMark(Record, frozen=True, kw_only=True):
    """What an operator did with a dead letter: written in one transaction with the record that goes back."""

    letter: str
    state: LetterState
    target: str | None = None
    flow: str
    reason: str


class Notice(Record, frozen=True, kw_only=True):
    """A platform said that an object changed; the object itself is fetched next (thin webhook or change feed)."""

    platform: str
    resource: str
    resource_id: str
    key: str
    event_type: str
    detail: Mapping[str, str] = msgspec.field(default_factory=dict)
    fetch_attempt: int = 0
    not_before: int | None = None


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order, with the partner that supplies it."""

    line_ref: str
    sku: str
    name: str
    quantity: int
    quantity_shipped: int
    quantity_refunded: int = 0
    partner_id: str | None = None


class Order(Record, frozen=True, kw_only=True):
    """One order in the common form, whatever shop it came from: the row of the orders table."""

    order_ref: str
    platform: str
    customer_ref: str | None = None
    status: OrderStatus
    ship_region: str | None = None
    created_at: int
    lines: tuple[OrderLine, ...] = ()


class Product(Record, frozen=True, kw_only=True):
    """One stock keeping unit in the common form: the row of the products table, a full copy on every worker."""

    sku: str
    name: str
    product_line: str | None = None
    substitute_sku: str | None = None
    bigcommerce_product_id: int | None = None
    bigcommerce_variant_id: int | None = None
    variants: int = 1
    available_to_sell: int | None = None
    stock_at: int | None = None
    stock_since: int | None = None
    available_before: int | None = None
    stock_before_at: int | None = None
    handling_days: int | None = None


class Receipt(Record, frozen=True, kw_only=True):
    """What became of one command at its platform."""

    command_id: str
    flow: str
    platform: str
    operation: str
    lane: str
    outcome: Outcome
    object_id: str | None = None
    reason: str | None = None
    attempts: int
    latency_ms: int


class EngagementWindow(Record, frozen=True, kw_only=True):
    """Engagement per partner, region and product in one tumbling window; written when the window closes and again when a late event amends it."""

    partner_id: str
    region: str
    sku: str
    product_line: str | None = None
    window_start: int
    window_end: int
    counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    units: int
    revenue_minor: Mapping[str, int] = msgspec.field(default_factory=dict)
    abandoned_carts: int
    group_large_enough: bool
    demand: float
    baseline: float | None = None
    spike: bool
    amendment: int


class EnrichedEngagement(Record, frozen=True, kw_only=True):
    """An engagement event with the partner, region and product line that it concerns."""

    user_id: str
    kind: EngagementKind
    channel: str | None = None
    sku: str | None = None
    quantity: int
    revenue_minor: int | None = None
    currency: str | None = None
    region: str | None = None
    partner_id: str | None = None
    product_line: str | None = None
    campaign_id: str | None = None
    canvas_id: str | None = None


class Approval(Record, frozen=True, kw_only=True):
    """A person must decide before a flow goes on."""

    approval_id: str
    flow: str
    key: str
    question: str
    order_ref: str | None = None
    amount_minor: int
    currency: str
    limit_minor: int
    asked_at: int
    expires_at: int


class ApprovalDecision(Record, frozen=True, kw_only=True):
    """What a person decided."""

    approval_id: str
    flow: str
    key: str
    decision: Decision
    by: str
    note: str = ""


class AvailabilityNotice(Record, frozen=True, kw_only=True):
    """News of a product for one customer who waits for it."""

    customer_ref: str
    sku: str
    news: AvailabilityNews
    interest: Interest
    order_ref: str | None = None
    product_name: str | None = None
    available_from: int | None = None
    substitute_sku: str | None = None
    substitute_name: str | None = None


class CartActivity(Record, frozen=True, kw_only=True):
    """One user's cart event or order, as far as abandoned carts need it, keyed by the user."""

    user_id: str
    ordered: bool
    sku: str | None = None
    quantity: int
    at: int
    arrived_at: int
    partner_id: str | None = None
    region: str
    product_line: str | None = None


class ExternalRef(msgspec.Struct, frozen=True, kw_only=True):
    """The same thing in another system; unique per (system, type, id) within a kind."""

    system: str
    type: str
    id: str


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a thread is about."""

    type: str
    id: str


class ThreadLine(msgspec.Struct, frozen=True, kw_only=True):
    """One order line that a thread is about."""

    line_ref: str
    sku: str
    quantity: int
    reason_code: str


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """How a thread was resolved."""

    code: str
    action: str
    summary: str
    amount_minor: int | None = None
    currency: str | None = None
    decided_at: int | None = None


class Thread(Record, frozen=True, kw_only=True):
    """A Trading Grid thread (case, exception) as it stood after a change."""

    thread_id: str
    event_type: str
    kind: str
    status: str
    previous_status: str | None = None
    subject: str
    priority: str
    partner_id: str | None = None
    actor_type: str
    actor_id: str | None = None
    respond_by: int | None = None
    resolve_by: int | None = None
    breached: bool = False
    revised_delivery_at: int | None = None
    external_refs: tuple[ExternalRef, ...] = ()
    related: tuple[Related, ...] = ()
    lines: tuple[ThreadLine, ...] = ()
    resolution: Resolution | None = None
    custom: Mapping[str, str] = msgspec.field(default_factory=dict)


class CustomerCase(Record, frozen=True, kw_only=True):
    """A case that concerns a customer's order, keyed by the customer."""

    customer_ref: str
    order_ref: str
    order_status: OrderStatus
    skus: tuple[str, ...] = ()
    partner_name: str | None = None
    thread: Thread
    speaker: str = ""
    tell_at: int = 0
    before: str = ""
    seen: bool = False
    spoken: tuple[str, ...] = ()
    feedback_id: str | None = None
    moved: bool = False


class CustomerRecovery(Record, frozen=True, kw_only=True):
    """Where the recovery of an incident stands that waited for a decision of people: whoever decides who speaks must know whether it went out."""

    customer_ref: str
    thread_id: str
    state: RecoveryState
    at: int


class DocumentRelease(Record, frozen=True, kw_only=True):
    """All documents that a process requires are approved: the customer may hear of it."""

    customer_ref: str
    order_ref: str
    process: str
    process_ref: str = ""
    document_ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class EngagementPartial(Record, frozen=True, kw_only=True):
    """Part of an engagement window: what one batch of events, or one abandoned cart, adds to it."""

    partner_id: str
    region: str
    sku: str
    product_line: str | None = None
    window_start: int
    arrived_at: int = 0
    counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    units: int
    revenue_minor: Mapping[str, int] = msgspec.field(default_factory=dict)
    abandoned_carts: int
    users: tuple[int, ...] = ()


class FiledFeedback(Record, frozen=True, kw_only=True):
    """Feedback of a customer that a thread of Trading Grid has taken up: whoever closes the loop waits for that thread."""

    customer_ref: str
    order_ref: str
    feedback_id: str
    kind: FeedbackKind
    thread_id: str | None = None
    external_ref: str = ""
    system: str = ""


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """Who may see a document; all empty: nobody but its partner."""

    partner_ids: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


class Document(Record, frozen=True, kw_only=True):
    """A document of a partner as it stood after a change."""

    document_id: str
    event_type: str
    type: str
    number: str = ""
    status: str
    previous_status: str | None = None
    version_no: int = 1
    partner_id: str | None = None
    actor_type: str
    actor_id: str | None = None
    process: str | None = None
    process_ref: str | None = None
    external_refs: tuple[ExternalRef, ...] = ()
    related: tuple[Related, ...] = ()
    audience: Audience | None = None
    requires_ack: bool = False
    ack_due_at: int | None = None
    valid_from: int | None = None
    valid_until: int | None = None
    expires_at: int | None = None
    attachment_id: str | None = None
    custom: Mapping[str, str] = msgspec.field(default_factory=dict)


class OrderDocument(Record, frozen=True, kw_only=True):
    """A document change for one of the orders that it names, keyed by the order."""

    order_ref: str
    document: Document


class OrderThread(Record, frozen=True, kw_only=True):
    """A thread change for one of the orders that it names, keyed by the order."""

    order_ref: str
    thread: Thread


class OrderedUnits(Record, frozen=True, kw_only=True):
    """How many units of one sku one order line holds, keyed by the sku."""

    order_ref: str
    line_ref: str
    sku: str
    partner_id: str | None = None
    units_open: int
    units_shipped: int = 0
    ordered_at: int
    customer_ref: str | None = None


class Availability(Record, frozen=True, kw_only=True):
    """A partner's availability update for one sku and location."""

    update_id: str
    partner_id: str
    sku: str
    location_code: str = ""
    type: str
    quantity: int | None = None
    lead_time_days: int | None = None
    available_from: int | None = None
    allocation_limit: int | None = None
    substitute_sku: str | None = None
    effective_at: int | None = None
    expires_at: int | None = None
    sequence: int
    decision_status: str


class Partner(Record, frozen=True, kw_only=True):
    """A trading partner as it stood after a change: the row of the partners table, a full copy on every worker."""

    partner_id: str
    partner_code: str
    name: str
    status: str
    roles: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    product_lines: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    timezone: str = "UTC"
    selling_enabled: bool = True


class OpenThread(msgspec.Struct, frozen=True, kw_only=True):
    """Create a thread unless one with this external reference exists."""

    external_ref: str
    system: str
    kind: str
    subject: str
    body: str
    priority: str
    partner_id: str | None = None
    resolve_by: int | None = None
    related: tuple[Related, ...] = ()
    lines: tuple[ThreadLine, ...] = ()
    custom: Mapping[str, str] = msgspec.field(default_factory=dict)


class AddComment(msgspec.Struct, frozen=True, kw_only=True):
    """Add a comment to the thread with this id, or with this external reference."""

    external_ref: str
    system: str
    body: str
    visibility: str
    source_ref: str
    thread_id: str | None = None


class MoveThread(msgspec.Struct, frozen=True, kw_only=True):
    """Walk the thread with this external reference to a status over legal transitions."""

    external_ref: str
    system: str
    to: str
    reason_code: str
    note: str
    resolution_code: str | None = None
    resolution_action: str | None = None
    resolution_summary: str | None = None


class PutInsight(msgspec.Struct, frozen=True, kw_only=True):
    """Write an insight; the same key replaces."""

    key: str
    partner_id: str
    kind: str
    window_from: int
    window_to: int
    region: str
    sku: str
    metrics: Mapping[str, float] = msgspec.field(default_factory=dict)


class TradingGridCommand(Record, frozen=True, kw_only=True):
    """Something to do in Trading Grid. Exactly one operation field is set; its name stands in `operation`."""

    flow: str
    lane: str
    operation: str
    open_thread: OpenThread | None = None
    add_comment: AddComment | None = None
    move_thread: MoveThread | None = None
    put_insight: PutInsight | None = None


# The Avro schema of each record, self-contained.
SCHEMAS: Mapping[type[Record], str] = {
    BigCommerceCommand: '{"type": "record", "name": "BigCommerceCommand", "namespace": "gridwire.bigcommerce", "doc": "Something to do in BigCommerce. Exactly one operation field is set; its name stands in `operation`.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "flow", "type": "string", "doc": "Flow that gives the command."}, {"name": "lane", "type": "string", "doc": "Ordering key: commands of one lane are carried out one after another, in order."}, {"name": "operation", "type": "string", "doc": "Name of the one operation field that is set."}, {"name": "set_inventory", "type": ["null", {"type": "record", "name": "SetInventory", "doc": "Set the absolute stock of one sku at one location.", "fields": [{"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "location_code", "type": "string", "doc": "Trading Grid location code; mapped to a BigCommerce location id by configuration."}, {"name": "quantity", "type": "long", "doc": "Units."}, {"name": "sequence", "type": "long", "doc": "Sequence of the update that led to it."}]}], "default": null, "doc": "Set stock."}, {"name": "set_selling", "type": ["null", {"type": "record", "name": "SetSelling", "doc": "Set how a product or variant sells. Null leaves a field as it is.", "fields": [{"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "product_id", "type": "long", "doc": "BigCommerce product id."}, {"name": "variant_id", "type": ["null", "long"], "default": null, "doc": "BigCommerce variant id: set the switch on the variant; null: on the product."}, {"name": "purchasable", "type": ["null", "boolean"], "default": null, "doc": "May be bought. True alone also ends a preorder; together with preorder_release_at it starts one."}, {"name": "message", "type": ["null", "string"], "default": null, "doc": "Shown to the shopper where it may not be bought (<= 255 characters); empty: none."}, {"name": "availability_description", "type": ["null", "string"], "default": null, "doc": "Lead time text (<= 255 characters); empty: none."}, {"name": "preorder_release_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Release date: availability becomes preorder. 0: it is no preorder any more."}, {"name": "quantity_minimum", "type": ["null", "long"], "default": null, "doc": "Least units per order."}, {"name": "quantity_maximum", "type": ["null", "long"], "default": null, "doc": "Most units per order; 0: no limit."}]}], "default": null, "doc": "Set selling switches."}]}',
    BigCommerceOrder: '{"type": "record", "name": "BigCommerceOrder", "namespace": "gridwire.bigcommerce", "doc": "A BigCommerce order as fetched after a change.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "order_ref", "type": "string", "doc": "bigcommerce:<order id>."}, {"name": "order_id", "type": "long", "doc": "BigCommerce order id."}, {"name": "customer_ref", "type": ["null", "string"], "default": null, "doc": "Customer reference by the configured template; null for a guest.", "pii": true}, {"name": "status_id", "type": "int", "doc": "BigCommerce status id (labels are renamable)."}, {"name": "payment_status", "type": "string", "doc": "authorized, captured, declined … or empty."}, {"name": "created_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "date_created."}, {"name": "modified_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "date_modified."}, {"name": "staff_notes", "type": "string", "doc": "Staff notes; may hold personal data.", "pii": true}, {"name": "ship_country", "type": ["null", "string"], "default": null, "doc": "ISO 3166-1 alpha-2 of the first ship-to address."}, {"name": "ship_subdivision", "type": ["null", "string"], "default": null, "doc": "State or province of the first ship-to address as the shop writes it."}, {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "BigCommerceLine", "doc": "One order line.", "fields": [{"name": "line_ref", "type": "string", "doc": "The platform\'s id of the line within its order."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "name", "type": "string", "doc": "Product name as ordered."}, {"name": "quantity", "type": "long", "doc": "Units ordered."}, {"name": "quantity_shipped", "type": "long", "doc": "Units shipped so far."}, {"name": "quantity_refunded", "type": "long", "doc": "Units refunded so far.", "default": 0}, {"name": "product_id", "type": "long", "doc": "BigCommerce product id."}, {"name": "variant_id", "type": ["null", "long"], "default": null, "doc": "BigCommerce variant id."}, {"name": "return_id", "type": ["null", "long"], "default": null, "doc": "Return that the line belongs to."}]}}, "default": [], "doc": "Order lines."}, {"name": "event_type", "type": "string", "doc": "What led to the fetch, e.g. store/order/statusUpdated or poll."}]}',
    BigCommerceOrderMessage: '{"type": "record", "name": "BigCommerceOrderMessage", "namespace": "gridwire.bigcommerce", "doc": "A message on a BigCommerce order.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "order_ref", "type": "string", "doc": "bigcommerce:<order id>."}, {"name": "message_id", "type": "long", "doc": "BigCommerce message id."}, {"name": "type", "type": "string", "doc": "Message type."}, {"name": "is_flagged", "type": "boolean", "doc": "Flagged by staff or customer."}, {"name": "from_customer", "type": "boolean", "doc": "Written by the customer."}, {"name": "subject", "type": "string", "doc": "Subject; may hold personal data.", "pii": true}, {"name": "message", "type": "string", "doc": "Text; may hold personal data.", "pii": true}]}',
    BigCommerceProduct: '{"type": "record", "name": "BigCommerceProduct", "namespace": "gridwire.bigcommerce", "doc": "One sku (variant) of a BigCommerce product as fetched after a change.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "product_id", "type": "long", "doc": "BigCommerce product id."}, {"name": "variant_id", "type": ["null", "long"], "default": null, "doc": "BigCommerce variant id."}, {"name": "variants", "type": "int", "doc": "How many variants the product has."}, {"name": "name", "type": "string", "doc": "Product name."}, {"name": "brand", "type": ["null", "string"], "default": null, "doc": "Brand."}, {"name": "product_line", "type": ["null", "string"], "default": null, "doc": "Value of the configured custom field, else the brand."}, {"name": "substitute_sku", "type": ["null", "string"], "default": null, "doc": "Value of the configured custom field."}, {"name": "inventory_tracked", "type": "boolean", "doc": "Stock is tracked."}, {"name": "available_to_sell", "type": ["null", "long"], "default": null, "doc": "Units; null where stock is not tracked."}, {"name": "availability", "type": "string", "doc": "available, disabled or preorder."}, {"name": "is_visible", "type": "boolean", "doc": "Shown to shoppers."}, {"name": "purchasing_disabled", "type": "boolean", "doc": "The variant cannot be bought."}, {"name": "deleted", "type": "boolean", "doc": "The product is gone.", "default": false}, {"name": "handling_days", "type": ["null", "int"], "default": null, "doc": "Value of the configured custom field: days from order to shipment; null: not said."}]}',
    BigCommerceTransaction: '{"type": "record", "name": "BigCommerceTransaction", "namespace": "gridwire.bigcommerce", "doc": "A payment transaction on a BigCommerce order.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "order_ref", "type": "string", "doc": "bigcommerce:<order id>."}, {"name": "transaction_id", "type": "string", "doc": "BigCommerce transaction id."}, {"name": "type", "type": "string", "doc": "purchase, authorization, capture, refund, void, pending or settled."}, {"name": "status", "type": "string", "doc": "ok, error, declined … as BigCommerce says."}, {"name": "declined", "type": "boolean", "doc": "The payment was declined."}]}',
    BrazeCommand: '{"type": "record", "name": "BrazeCommand", "namespace": "gridwire.braze", "doc": "Something to do in Braze. Exactly one operation field is set; its name stands in `operation`.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "flow", "type": "string", "doc": "Flow that gives the command."}, {"name": "lane", "type": "string", "doc": "Ordering key: commands of one lane are carried out one after another, in order."}, {"name": "operation", "type": "string", "doc": "Name of the one operation field that is set."}, {"name": "trigger_campaign", "type": ["null", {"type": "record", "name": "TriggerCampaign", "doc": "Send one API-triggered campaign to one existing user.", "fields": [{"name": "campaign_id", "type": "string", "doc": "Braze campaign id."}, {"name": "customer_ref", "type": "string", "doc": "External id of the user.", "pii": true}, {"name": "trigger_properties", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Trigger properties.", "pii": true}, {"name": "attributes", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Attributes set on the user before the message.", "pii": true}, {"name": "transactional", "type": "boolean", "doc": "Use the transactional endpoint with the command id as external_send_id (24 h deduplication).", "default": false}]}], "default": null, "doc": "Trigger a campaign."}, {"name": "set_attributes", "type": ["null", {"type": "record", "name": "SetAttributes", "doc": "Set custom attributes of one existing user.", "fields": [{"name": "customer_ref", "type": "string", "doc": "External id of the user.", "pii": true}, {"name": "attributes", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Attributes.", "pii": true}]}], "default": null, "doc": "Set attributes."}, {"name": "refresh_profile", "type": ["null", {"type": "record", "name": "RefreshProfile", "doc": "Read a user\'s consent and segment attributes and publish them to source.braze.profiles.", "fields": [{"name": "customer_ref", "type": "string", "doc": "External id of the user.", "pii": true}]}], "default": null, "doc": "Read a profile."}, {"name": "track_event", "type": ["null", {"type": "record", "name": "TrackEvent", "doc": "Record a custom event of one existing user.", "fields": [{"name": "customer_ref", "type": "string", "doc": "External id of the user.", "pii": true}, {"name": "name", "type": "string", "doc": "Name of the event."}, {"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened."}, {"name": "properties", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Properties; the sink adds hub_event_id, the command\'s id.", "pii": true}, {"name": "repeatable", "type": "boolean", "default": false, "doc": "A second such event changes nothing in Braze (it ends a journey that has ended): it may be sent again where no answer came."}]}], "default": null, "doc": "Record an event."}, {"name": "trigger_canvas", "type": ["null", {"type": "record", "name": "TriggerCanvas", "doc": "Enter one existing user into an API-triggered Canvas.", "fields": [{"name": "canvas_id", "type": "string", "doc": "Braze Canvas id."}, {"name": "customer_ref", "type": "string", "doc": "External id of the user.", "pii": true}, {"name": "context", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Context of the entry.", "pii": true}, {"name": "attributes", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Attributes set on the user before the entry.", "pii": true}]}], "default": null, "doc": "Enter a Canvas."}, {"name": "schedule_campaign", "type": ["null", {"type": "record", "name": "ScheduleCampaign", "doc": "Send one API-triggered campaign to one existing user later.", "fields": [{"name": "campaign_id", "type": "string", "doc": "Braze campaign id."}, {"name": "customer_ref", "type": "string", "doc": "External id of the user.", "pii": true}, {"name": "trigger_properties", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Trigger properties.", "pii": true}, {"name": "send_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it goes out."}, {"name": "order_ref", "type": ["null", "string"], "default": null, "doc": "Order that the message is about."}, {"name": "about", "type": "string", "doc": "Flow that schedules it."}]}], "default": null, "doc": "Schedule a campaign."}, {"name": "schedule_canvas", "type": ["null", {"type": "record", "name": "ScheduleCanvas", "doc": "Enter one existing user into an API-triggered Canvas later.", "fields": [{"name": "canvas_id", "type": "string", "doc": "Braze Canvas id."}, {"name": "customer_ref", "type": "string", "doc": "External id of the user.", "pii": true}, {"name": "context", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Context of the entry.", "pii": true}, {"name": "send_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it is entered."}, {"name": "order_ref", "type": ["null", "string"], "default": null, "doc": "Order that the message is about."}, {"name": "about", "type": "string", "doc": "Flow that schedules it."}]}], "default": null, "doc": "Schedule an entry into a Canvas."}, {"name": "delete_schedule", "type": ["null", {"type": "record", "name": "DeleteSchedule", "doc": "Take back a message that we scheduled and that has not gone out. Exactly one of campaign_id and canvas_id is set.", "fields": [{"name": "schedule_id", "type": "string", "doc": "Braze\'s id of the schedule."}, {"name": "customer_ref", "type": "string", "doc": "External id of the user.", "pii": true}, {"name": "campaign_id", "type": ["null", "string"], "default": null, "doc": "Campaign of the schedule."}, {"name": "canvas_id", "type": ["null", "string"], "default": null, "doc": "Canvas of the schedule."}, {"name": "order_ref", "type": ["null", "string"], "default": null, "doc": "Order that the message is about."}, {"name": "about", "type": "string", "doc": "Flow that schedules it."}]}], "default": null, "doc": "Delete a schedule."}, {"name": "upsert_catalog_item", "type": ["null", {"type": "record", "name": "UpsertCatalogItem", "doc": "Write one item of a catalogue as a whole: it replaces the item, or creates it.", "fields": [{"name": "catalog", "type": "string", "doc": "Braze catalogue."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit: the item\'s id."}, {"name": "fields", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "The item\'s other fields."}, {"name": "stock", "type": "long", "doc": "Units available: the field that back-in-stock triggers look at."}, {"name": "sequence", "type": "long", "doc": "Grows with every change of the item: of two, the larger one holds."}]}], "default": null, "doc": "Write a catalogue item."}, {"name": "set_subscription", "type": ["null", {"type": "record", "name": "SetSubscription", "doc": "Set the state of one user in one subscription group.", "fields": [{"name": "customer_ref", "type": "string", "doc": "External id of the user.", "pii": true}, {"name": "group_id", "type": "string", "doc": "Subscription group."}, {"name": "state", "type": "string", "doc": "subscribed or unsubscribed."}]}], "default": null, "doc": "Set a subscription state."}]}',
    BrazeFeedback: '{"type": "record", "name": "BrazeFeedback", "namespace": "gridwire.braze", "doc": "What a customer answered or showed: a survey, a low rating, a churn signal, an answer to a campaign.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "feedback_id", "type": "string", "doc": "Id of this piece of feedback; the same in every delivery of it."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference (Braze external id).", "pii": true}, {"name": "order_ref", "type": ["null", "string"], "default": null, "doc": "Order reference; null where the feedback names no order."}, {"name": "kind", "type": {"type": "enum", "name": "FeedbackKind", "symbols": ["unknown", "survey", "low_rating", "churn_signal", "campaign"], "default": "unknown", "doc": "FeedbackKind; unknown symbols read as unknown."}, "doc": "What kind of feedback it is."}, {"name": "concerns", "type": {"type": "enum", "name": "FeedbackConcern", "symbols": ["other", "delivery", "damage", "invoice", "product"], "default": "other", "doc": "FeedbackConcern; unknown symbols read as other."}, "doc": "What it is about."}, {"name": "question", "type": ["null", "string"], "default": null, "doc": "The question that was asked, as its author wrote it."}, {"name": "score", "type": ["null", "double"], "default": null, "doc": "The answer as a number, or the churn risk."}, {"name": "scale_max", "type": ["null", "double"], "default": null, "doc": "The best score there is, e.g. 5 or 10."}, {"name": "text", "type": ["null", "string"], "default": null, "doc": "What the customer wrote; may hold anything.", "pii": true}, {"name": "sku", "type": ["null", "string"], "default": null, "doc": "Stock keeping unit, where the feedback names one."}, {"name": "canvas_id", "type": ["null", "string"], "default": null, "doc": "Canvas that asked."}, {"name": "campaign_id", "type": ["null", "string"], "default": null, "doc": "Campaign that asked."}]}',
    BrazeProfile: '{"type": "record", "name": "BrazeProfile", "namespace": "gridwire.braze", "doc": "What Braze said about one user: consent and segment attributes. Null: this record says nothing about it.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "customer_ref", "type": "string", "doc": "Braze external id.", "pii": true}, {"name": "known", "type": "boolean", "doc": "False: Braze answered that it has no such user."}, {"name": "email", "type": ["null", "string"], "default": null, "doc": "opted_in, subscribed or unsubscribed."}, {"name": "push", "type": ["null", "string"], "default": null, "doc": "opted_in, subscribed or unsubscribed."}, {"name": "sms", "type": ["null", "string"], "default": null, "doc": "opted_in, subscribed or unsubscribed."}, {"name": "value_tier", "type": ["null", "string"], "default": null, "doc": "Value tier attribute."}, {"name": "churn_risk", "type": ["null", "double"], "default": null, "doc": "Churn risk between 0 and 1."}, {"name": "region", "type": ["null", "string"], "default": null, "doc": "ISO 3166-2 or ISO 3166-1 alpha-2."}]}',
    BrazeSchedule: '{"type": "record", "name": "BrazeSchedule", "namespace": "gridwire.braze", "doc": "A message that we scheduled in Braze was created, deleted, or found to be gone.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "schedule_id", "type": "string", "doc": "Braze\'s id of the schedule: Braze lists none, so it is known from here alone."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference (Braze external id).", "pii": true}, {"name": "order_ref", "type": ["null", "string"], "default": null, "doc": "Order that the message is about."}, {"name": "about", "type": "string", "doc": "Flow that scheduled it."}, {"name": "campaign_id", "type": ["null", "string"], "default": null, "doc": "Campaign that it sends; null where it enters a Canvas."}, {"name": "canvas_id", "type": ["null", "string"], "default": null, "doc": "Canvas that it enters; null where it sends a campaign."}, {"name": "send_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When it goes out."}, {"name": "state", "type": {"type": "enum", "name": "ScheduleState", "symbols": ["unknown", "created", "deleted", "gone"], "default": "unknown", "doc": "ScheduleState; unknown symbols read as unknown."}, "doc": "created; deleted before it went out; gone: Braze does not have it any more, it may have gone out."}]}',
    BrazeSend: '{"type": "record", "name": "BrazeSend", "namespace": "gridwire.braze", "doc": "What became of one transactional message that we asked for.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "external_send_id", "type": "string", "doc": "event_id of the command that asked for the message."}, {"name": "dispatch_id", "type": "string", "doc": "Braze\'s id of the dispatch."}, {"name": "status", "type": {"type": "enum", "name": "SendStatus", "symbols": ["unknown", "sent", "processed", "delivered", "bounced", "aborted"], "default": "unknown", "doc": "SendStatus; unknown symbols read as unknown."}, "doc": "How far it has come."}, {"name": "campaign_id", "type": ["null", "string"], "default": null, "doc": "Braze campaign id."}, {"name": "reason", "type": ["null", "string"], "default": null, "doc": "Why it was aborted or bounced, without addresses."}]}',
    Engagement: '{"type": "record", "name": "Engagement", "namespace": "gridwire.braze", "doc": "One engagement event from Braze Currents.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "user_id", "type": "string", "doc": "Braze external id of the user; the Braze user id where there is none.", "pii": true}, {"name": "identified", "type": "boolean", "doc": "True where user_id is an external id."}, {"name": "kind", "type": {"type": "enum", "name": "EngagementKind", "symbols": ["other", "email_send", "email_delivery", "email_open", "email_click", "email_bounce", "email_unsubscribe", "push_open", "in_app_impression", "in_app_click", "product_view", "cart_update", "checkout", "purchase", "order_placed", "conversion"], "default": "other", "doc": "EngagementKind; unknown symbols read as other."}, "doc": "What happened."}, {"name": "event_type", "type": "string", "doc": "Braze\'s own event type."}, {"name": "channel", "type": ["null", "string"], "default": null, "doc": "email, push, in_app, sms or null."}, {"name": "sku", "type": ["null", "string"], "default": null, "doc": "Product concerned, from product_id or the event\'s properties."}, {"name": "quantity", "type": "long", "doc": "Units, for carts and purchases; 1 where the event does not say.", "default": 1}, {"name": "revenue_minor", "type": ["null", "long"], "default": null, "doc": "Price times quantity in minor units of currency."}, {"name": "currency", "type": ["null", "string"], "default": null, "doc": "ISO 4217."}, {"name": "region", "type": ["null", "string"], "default": null, "doc": "Region from the event\'s properties."}, {"name": "campaign_id", "type": ["null", "string"], "default": null, "doc": "Braze campaign."}, {"name": "canvas_id", "type": ["null", "string"], "default": null, "doc": "Braze Canvas."}, {"name": "order_ref", "type": ["null", "string"], "default": null, "doc": "Order reference, where the event carries one."}, {"name": "machine_open", "type": "boolean", "doc": "The open was made by a machine (mail privacy proxy).", "default": false}, {"name": "suspected_bot", "type": "boolean", "doc": "Braze suspects a bot behind the click.", "default": false}, {"name": "properties", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Other properties of the event as strings; may hold personal data.", "pii": true}]}',
    StockSubscription: '{"type": "record", "name": "StockSubscription", "namespace": "gridwire.braze", "doc": "A customer asked Braze to be told when a product is back in stock.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit of the catalogue item."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference (Braze external id).", "pii": true}, {"name": "catalog", "type": "string", "doc": "Braze catalogue."}, {"name": "types", "type": {"type": "array", "items": "string"}, "default": [], "doc": "What they want to be told: back_in_stock, price_drop."}]}',
    Checkpoint: '{"type": "record", "name": "Checkpoint", "namespace": "gridwire.core", "doc": "How far a polled resource has been read: written in one transaction with the records of its page.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "platform", "type": "string", "doc": "Platform that is polled: braze, bigcommerce, trading-grid …"}, {"name": "resource", "type": "string", "doc": "Polled resource, e.g. orders, events."}, {"name": "cursor", "type": "string", "doc": "Where the next page begins, in the connector\'s own notation. Never personal data."}]}',
    Customer: '{"type": "record", "name": "Customer", "namespace": "gridwire.core", "doc": "What gridwire must know about a customer to speak to them: the row of the customers table.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference (Braze external id).", "pii": true}, {"name": "known_to_braze", "type": "boolean", "doc": "False: Braze has no such user."}, {"name": "email", "type": {"type": "enum", "name": "Consent", "symbols": ["unknown", "opted_in", "subscribed", "unsubscribed"], "default": "unknown", "doc": "Consent; unknown symbols read as unknown."}, "doc": "Consent to e-mail."}, {"name": "push", "type": "gridwire.core.Consent", "doc": "Consent to push."}, {"name": "sms", "type": "gridwire.core.Consent", "doc": "Consent to SMS."}, {"name": "value_tier", "type": ["null", "string"], "default": null, "doc": "Value tier attribute."}, {"name": "churn_risk", "type": ["null", "double"], "default": null, "doc": "Churn risk between 0 and 1."}, {"name": "region", "type": ["null", "string"], "default": null, "doc": "The customer\'s region: ISO 3166-2 or ISO 3166-1 alpha-2."}, {"name": "said_at", "type": {"type": "map", "values": {"type": "long", "logicalType": "timestamp-millis"}}, "default": {}, "doc": "Field → when that was so which it says: facts about different fields come in any order."}]}',
    CustomerSchedules: '{"type": "record", "name": "CustomerSchedules", "namespace": "gridwire.core", "doc": "Messages that we scheduled in Braze for one customer and that have not gone out.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference (Braze external id).", "pii": true}, {"name": "outstanding", "type": {"type": "array", "items": {"type": "record", "name": "OutstandingSchedule", "doc": "One of them.", "fields": [{"name": "schedule_id", "type": "string", "doc": "Braze\'s id of the schedule."}, {"name": "order_ref", "type": ["null", "string"], "default": null, "doc": "Order that the message is about."}, {"name": "about", "type": "string", "doc": "Flow that scheduled it."}, {"name": "campaign_id", "type": ["null", "string"], "default": null, "doc": "Campaign that it sends."}, {"name": "canvas_id", "type": ["null", "string"], "default": null, "doc": "Canvas that it enters."}, {"name": "send_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When it goes out."}]}}, "default": [], "doc": "By time of sending."}]}',
    DeadLetterMark: '{"type": "record", "name": "DeadLetterMark", "namespace": "gridwire.core", "doc": "What an operator did with a dead letter: written in one transaction with the record that goes back.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "letter", "type": "string", "doc": "Id of the dead letter: `<topic>/<partition>/<offset>`."}, {"name": "state", "type": {"type": "enum", "name": "LetterState", "symbols": ["unknown", "replayed", "discarded"], "default": "unknown", "doc": "What became of a dead letter; unknown symbols read as unknown."}, "doc": "What was done with it."}, {"name": "target", "type": ["null", "string"], "default": null, "doc": "Topic that it went back to; null where it was discarded."}, {"name": "flow", "type": "string", "doc": "Flow, leg or connector that gave it up."}, {"name": "reason", "type": "string", "doc": "Why it was given up: a short fixed phrase."}]}',
    Notice: '{"type": "record", "name": "Notice", "namespace": "gridwire.core", "doc": "A platform said that an object changed; the object itself is fetched next (thin webhook or change feed).", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "platform", "type": "string", "doc": "Platform that sent it: braze, bigcommerce, trading-grid …"}, {"name": "resource", "type": "string", "doc": "Kind of object, e.g. order, product, thread, partner, availability."}, {"name": "resource_id", "type": "string", "doc": "The platform\'s id of the object."}, {"name": "key", "type": "string", "doc": "Ordering key: the key that the completed record will carry, e.g. an order reference."}, {"name": "event_type", "type": "string", "doc": "The platform\'s own event name, e.g. store/order/statusUpdated."}, {"name": "detail", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Small facts from the notice that the fetch needs, e.g. previous_status. Never personal data."}, {"name": "fetch_attempt", "type": "int", "doc": "How often the fetch of this notice has failed so far.", "default": 0}, {"name": "not_before", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Parked: do not fetch before this time."}]}',
    Order: '{"type": "record", "name": "Order", "namespace": "gridwire.core", "doc": "One order in the common form, whatever shop it came from: the row of the orders table.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "order_ref", "type": "string", "doc": "Order reference, e.g. bigcommerce:1001."}, {"name": "platform", "type": "string", "doc": "Shop platform that owns the order."}, {"name": "customer_ref", "type": ["null", "string"], "default": null, "doc": "Reference of the customer (Braze external id); null for a guest.", "pii": true}, {"name": "status", "type": {"type": "enum", "name": "OrderStatus", "symbols": ["unknown", "incomplete", "pending", "awaiting_payment", "awaiting_fulfillment", "awaiting_shipment", "awaiting_pickup", "manual_verification", "partially_shipped", "shipped", "completed", "cancelled", "declined", "refunded", "partially_refunded", "disputed"], "default": "unknown", "doc": "OrderStatus; unknown symbols read as unknown."}, "doc": "Status in the common vocabulary."}, {"name": "ship_region", "type": ["null", "string"], "default": null, "doc": "Region of the ship-to address: ISO 3166-2, or ISO 3166-1 alpha-2 where the subdivision is unknown."}, {"name": "created_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the order was placed."}, {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "OrderLine", "doc": "One line of an order, with the partner that supplies it.", "fields": [{"name": "line_ref", "type": "string", "doc": "The platform\'s id of the line within its order."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "name", "type": "string", "doc": "Product name as ordered."}, {"name": "quantity", "type": "long", "doc": "Units ordered."}, {"name": "quantity_shipped", "type": "long", "doc": "Units shipped so far."}, {"name": "quantity_refunded", "type": "long", "doc": "Units refunded so far.", "default": 0}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Trading Grid id of the supplying partner; null: internal."}]}}, "default": [], "doc": "The order\'s lines."}]}',
    Product: '{"type": "record", "name": "Product", "namespace": "gridwire.core", "doc": "One stock keeping unit in the common form: the row of the products table, a full copy on every worker.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "name", "type": "string", "doc": "Product name."}, {"name": "product_line", "type": ["null", "string"], "default": null, "doc": "Product line used for entitlement and insights."}, {"name": "substitute_sku", "type": ["null", "string"], "default": null, "doc": "What to offer instead."}, {"name": "bigcommerce_product_id", "type": ["null", "long"], "default": null, "doc": "BigCommerce product id."}, {"name": "bigcommerce_variant_id", "type": ["null", "long"], "default": null, "doc": "BigCommerce variant id."}, {"name": "variants", "type": "int", "doc": "How many variants the BigCommerce product has; more than one: sell switches are set on the variant.", "default": 1}, {"name": "available_to_sell", "type": ["null", "long"], "default": null, "doc": "Units that the shop could sell at stock_at; null where stock is not tracked."}, {"name": "stock_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When available_to_sell was read."}, {"name": "stock_since", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When available_to_sell was first read as what it is now."}, {"name": "available_before", "type": ["null", "long"], "default": null, "doc": "The last reading that differed from available_to_sell: what could be sold before the latest change."}, {"name": "stock_before_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When available_before was last read."}, {"name": "handling_days", "type": ["null", "int"], "default": null, "doc": "Days from order to shipment promised for this product; null: the configured default."}]}',
    Receipt: '{"type": "record", "name": "Receipt", "namespace": "gridwire.core", "doc": "What became of one command at its platform.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "command_id", "type": "string", "doc": "event_id of the command."}, {"name": "flow", "type": "string", "doc": "Flow that gave the command."}, {"name": "platform", "type": "string", "doc": "Platform that received it."}, {"name": "operation", "type": "string", "doc": "Operation of the command, e.g. open_thread."}, {"name": "lane", "type": "string", "doc": "Ordering key of the command."}, {"name": "outcome", "type": {"type": "enum", "name": "Outcome", "symbols": ["unknown", "delivered", "rejected", "expired"], "default": "unknown", "doc": "Outcome; unknown symbols read as unknown."}, "doc": "delivered; rejected for good by the platform; expired after bounded retries; unknown to this reader."}, {"name": "object_id", "type": ["null", "string"], "default": null, "doc": "The platform\'s id of the object that was written."}, {"name": "reason", "type": ["null", "string"], "default": null, "doc": "Why it was not delivered; never personal data."}, {"name": "attempts", "type": "int", "doc": "Requests that were made for it."}, {"name": "latency_ms", "type": "long", "doc": "From the command\'s produced_at to its outcome."}]}',
    EngagementWindow: '{"type": "record", "name": "EngagementWindow", "namespace": "gridwire.enriched", "doc": "Engagement per partner, region and product in one tumbling window; written when the window closes and again when a late event amends it.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "partner_id", "type": "string", "doc": "Supplying partner."}, {"name": "region", "type": "string", "doc": "Region; empty: unknown."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "product_line", "type": ["null", "string"], "default": null, "doc": "Product line."}, {"name": "window_start", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "Start."}, {"name": "window_end", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "End, exclusive."}, {"name": "counts", "type": {"type": "map", "values": "long"}, "default": {}, "doc": "Events by kind."}, {"name": "units", "type": "long", "doc": "Units bought."}, {"name": "revenue_minor", "type": {"type": "map", "values": "long"}, "default": {}, "doc": "Revenue in minor units by currency."}, {"name": "abandoned_carts", "type": "long", "doc": "Carts without an order in time."}, {"name": "group_large_enough", "type": "boolean", "doc": "At least the configured number of distinct users."}, {"name": "demand", "type": "double", "doc": "Demand figure that the baseline is made of: product views, carts and purchases."}, {"name": "baseline", "type": ["null", "double"], "default": null, "doc": "Mean demand of the last closed windows; null: none yet."}, {"name": "spike", "type": "boolean", "doc": "Demand exceeds the baseline by the configured factor."}, {"name": "amendment", "type": "int", "doc": "0 at the first close, then 1, 2 …"}]}',
    EnrichedEngagement: '{"type": "record", "name": "EnrichedEngagement", "namespace": "gridwire.enriched", "doc": "An engagement event with the partner, region and product line that it concerns.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "user_id", "type": "string", "doc": "Braze external id of the user.", "pii": true}, {"name": "kind", "type": {"type": "enum", "name": "EngagementKind", "symbols": ["other", "email_send", "email_delivery", "email_open", "email_click", "email_bounce", "email_unsubscribe", "push_open", "in_app_impression", "in_app_click", "product_view", "cart_update", "checkout", "purchase", "order_placed", "conversion"], "default": "other", "doc": "EngagementKind; unknown symbols read as other.", "namespace": "gridwire.braze"}, "doc": "What happened."}, {"name": "channel", "type": ["null", "string"], "default": null, "doc": "email, push, in_app, sms or null."}, {"name": "sku", "type": ["null", "string"], "default": null, "doc": "Product concerned."}, {"name": "quantity", "type": "long", "doc": "Units."}, {"name": "revenue_minor", "type": ["null", "long"], "default": null, "doc": "Minor units of currency."}, {"name": "currency", "type": ["null", "string"], "default": null, "doc": "ISO 4217."}, {"name": "region", "type": ["null", "string"], "default": null, "doc": "Event\'s region, else the customer\'s."}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Supplying partner; null: none."}, {"name": "product_line", "type": ["null", "string"], "default": null, "doc": "Product line."}, {"name": "campaign_id", "type": ["null", "string"], "default": null, "doc": "Braze campaign."}, {"name": "canvas_id", "type": ["null", "string"], "default": null, "doc": "Braze Canvas."}]}',
    Approval: '{"type": "record", "name": "Approval", "namespace": "gridwire.streams", "doc": "A person must decide before a flow goes on.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "approval_id", "type": "string", "doc": "UUID of the question; a function of what it is about."}, {"name": "flow", "type": "string", "doc": "Flow that asks."}, {"name": "key", "type": "string", "doc": "Key of the flow\'s state that waits: the decision goes back under it.", "pii": true}, {"name": "question", "type": "string", "doc": "What is to be decided, in one sentence without personal data."}, {"name": "order_ref", "type": ["null", "string"], "default": null, "doc": "Order that it is about."}, {"name": "amount_minor", "type": "long", "doc": "Amount in minor units of currency."}, {"name": "currency", "type": "string", "doc": "ISO 4217."}, {"name": "limit_minor", "type": "long", "doc": "What the flow may spend without asking, in minor units."}, {"name": "asked_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it was asked."}, {"name": "expires_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the flow gives up waiting."}]}',
    ApprovalDecision: '{"type": "record", "name": "ApprovalDecision", "namespace": "gridwire.streams", "doc": "What a person decided.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "approval_id", "type": "string", "doc": "The approval."}, {"name": "flow", "type": "string", "doc": "Flow that asked."}, {"name": "key", "type": "string", "doc": "Key of the flow\'s state that waits.", "pii": true}, {"name": "decision", "type": {"type": "enum", "name": "Decision", "symbols": ["unknown", "granted", "refused"], "default": "unknown", "doc": "Decision; unknown symbols read as unknown."}, "doc": "The decision."}, {"name": "by", "type": "string", "doc": "Who decided."}, {"name": "note", "type": "string", "default": "", "doc": "Why; no personal data of customers."}]}',
    AvailabilityNotice: '{"type": "record", "name": "AvailabilityNotice", "namespace": "gridwire.streams", "doc": "News of a product for one customer who waits for it.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference (Braze external id).", "pii": true}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "news", "type": {"type": "enum", "name": "AvailabilityNews", "symbols": ["unknown", "delayed", "discontinued"], "default": "unknown", "doc": "AvailabilityNews; unknown symbols read as unknown."}, "doc": "What the news is."}, {"name": "interest", "type": {"type": "enum", "name": "Interest", "symbols": ["unknown", "ordered", "subscribed"], "default": "unknown", "doc": "Interest; unknown symbols read as unknown."}, "doc": "Why it concerns them: a line that has not shipped, or a back-in-stock subscription."}, {"name": "order_ref", "type": ["null", "string"], "default": null, "doc": "Order with the line; null for a subscription."}, {"name": "product_name", "type": ["null", "string"], "default": null, "doc": "Name of the product."}, {"name": "available_from", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When it will be available."}, {"name": "substitute_sku", "type": ["null", "string"], "default": null, "doc": "What to offer instead."}, {"name": "substitute_name", "type": ["null", "string"], "default": null, "doc": "Name of that product."}]}',
    CartActivity: '{"type": "record", "name": "CartActivity", "namespace": "gridwire.streams", "doc": "One user\'s cart event or order, as far as abandoned carts need it, keyed by the user.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "user_id", "type": "string", "doc": "Braze external id of the user.", "pii": true}, {"name": "ordered", "type": "boolean", "doc": "True: an order or purchase; false: a change of the cart."}, {"name": "sku", "type": ["null", "string"], "default": null, "doc": "Product concerned; null: an order that names none and so ends all carts before it."}, {"name": "quantity", "type": "long", "doc": "Units in the cart; 0: taken out of the cart."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened; an event from the future counts when it arrived."}, {"name": "arrived_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it reached gridwire."}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Supplying partner."}, {"name": "region", "type": "string", "doc": "Region; empty: unknown."}, {"name": "product_line", "type": ["null", "string"], "default": null, "doc": "Product line."}]}',
    CustomerCase: '{"type": "record", "name": "CustomerCase", "namespace": "gridwire.streams", "doc": "A case that concerns a customer\'s order, keyed by the customer.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference.", "pii": true}, {"name": "order_ref", "type": "string", "doc": "Order reference."}, {"name": "order_status", "type": {"type": "enum", "name": "OrderStatus", "symbols": ["unknown", "incomplete", "pending", "awaiting_payment", "awaiting_fulfillment", "awaiting_shipment", "awaiting_pickup", "manual_verification", "partially_shipped", "shipped", "completed", "cancelled", "declined", "refunded", "partially_refunded", "disputed"], "default": "unknown", "doc": "OrderStatus; unknown symbols read as unknown.", "namespace": "gridwire.core"}, "doc": "Status of the order when the case changed."}, {"name": "skus", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Stock keeping units concerned."}, {"name": "partner_name", "type": ["null", "string"], "default": null, "doc": "Partner that handles the case."}, {"name": "thread", "type": {"type": "record", "name": "Thread", "namespace": "gridwire.trading_grid", "doc": "A Trading Grid thread (case, exception) as it stood after a change.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "thread_id", "type": "string", "doc": "Trading Grid id."}, {"name": "event_type", "type": "string", "doc": "What changed: thread.created, thread.status_changed, thread.comment_added …"}, {"name": "kind", "type": "string", "doc": "Kind from the closed list of thread kinds."}, {"name": "status", "type": "string", "doc": "open, acknowledged, in_progress, awaiting_partner, awaiting_internal, escalated, resolved, reopened, closed or cancelled."}, {"name": "previous_status", "type": ["null", "string"], "default": null, "doc": "Status before this change, where it changed."}, {"name": "subject", "type": "string", "doc": "Subject line."}, {"name": "priority", "type": "string", "doc": "low, normal, high or urgent."}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Partner whose thread it is; null: internal."}, {"name": "actor_type", "type": "string", "doc": "internal, partner or system."}, {"name": "actor_id", "type": ["null", "string"], "default": null, "doc": "Who made the change; our own client\'s id for our own writes."}, {"name": "respond_by", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Due time of the first answer."}, {"name": "resolve_by", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Due time of the resolution."}, {"name": "breached", "type": "boolean", "doc": "A due time has passed.", "default": false}, {"name": "revised_delivery_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Revised delivery date that the partner promised."}, {"name": "external_refs", "type": {"type": "array", "items": {"type": "record", "name": "ExternalRef", "doc": "The same thing in another system; unique per (system, type, id) within a kind.", "fields": [{"name": "system", "type": "string", "doc": "bigcommerce, sfcc, gridwire …"}, {"name": "type", "type": "string", "doc": "order, order-exception, …"}, {"name": "id", "type": "string", "doc": "Id there."}]}}, "default": [], "doc": "The same matter in other systems."}, {"name": "related", "type": {"type": "array", "items": {"type": "record", "name": "Related", "doc": "Something that a thread is about.", "fields": [{"name": "type", "type": "string", "doc": "order, shipment, product, document or invoice."}, {"name": "id", "type": "string", "doc": "Its reference; an order\'s is its order reference, e.g. bigcommerce:1001."}]}}, "default": [], "doc": "What the thread is about."}, {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "ThreadLine", "doc": "One order line that a thread is about.", "fields": [{"name": "line_ref", "type": "string", "doc": "Line id within the order."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "quantity", "type": "long", "doc": "Units concerned."}, {"name": "reason_code", "type": "string", "doc": "Reason from the closed list of reason codes."}]}}, "default": [], "doc": "Order lines concerned."}, {"name": "resolution", "type": ["null", {"type": "record", "name": "Resolution", "doc": "How a thread was resolved.", "fields": [{"name": "code", "type": "string", "doc": "Resolution code."}, {"name": "action", "type": "string", "doc": "refund, replace, credit, cancel, ship or none."}, {"name": "summary", "type": "string", "doc": "One sentence."}, {"name": "amount_minor", "type": ["null", "long"], "default": null, "doc": "Amount in minor units of currency."}, {"name": "currency", "type": ["null", "string"], "default": null, "doc": "ISO 4217."}, {"name": "decided_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When it was decided."}]}], "default": null, "doc": "Set once resolved."}, {"name": "custom", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Custom fields of the thread."}]}, "doc": "The thread as it stood."}, {"name": "speaker", "type": "string", "default": "", "doc": "The one flow that speaks to the customer about this status; empty: not decided."}, {"name": "tell_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 0, "doc": "When what is new of the thread is told; 0: nothing is new."}, {"name": "before", "type": "string", "default": "", "doc": "Status of the thread that was told last; empty: none."}, {"name": "seen", "type": "boolean", "default": false, "doc": "The customer was told of the thread in an earlier status."}, {"name": "spoken", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Flows that spoke of the thread in an earlier status, not long ago."}, {"name": "feedback_id", "type": ["null", "string"], "default": null, "doc": "The customer\'s feedback that the thread has taken up."}, {"name": "moved", "type": "boolean", "default": false, "doc": "The order is another customer\'s by now: whatever was begun for this one ends."}]}',
    CustomerRecovery: '{"type": "record", "name": "CustomerRecovery", "namespace": "gridwire.streams", "doc": "Where the recovery of an incident stands that waited for a decision of people: whoever decides who speaks must know whether it went out.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference (Braze external id).", "pii": true}, {"name": "thread_id", "type": "string", "doc": "The thread of the incident."}, {"name": "state", "type": {"type": "enum", "name": "RecoveryState", "symbols": ["unknown", "held", "sent"], "default": "unknown", "doc": "RecoveryState; unknown symbols read as unknown."}, "doc": "held: people decide first; sent: it went out."}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "Since when."}]}',
    DocumentRelease: '{"type": "record", "name": "DocumentRelease", "namespace": "gridwire.streams", "doc": "All documents that a process requires are approved: the customer may hear of it.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference (Braze external id).", "pii": true}, {"name": "order_ref", "type": "string", "doc": "Order reference."}, {"name": "process", "type": "string", "doc": "Process: onboarding, claim, warranty, financial_approval."}, {"name": "process_ref", "type": "string", "default": "", "doc": "Which process of that kind; empty: the only one of the order."}, {"name": "document_ids", "type": {"type": "array", "items": "string"}, "default": [], "doc": "The documents, by type."}, {"name": "types", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Their types, in the same order."}]}',
    EngagementPartial: '{"type": "record", "name": "EngagementPartial", "namespace": "gridwire.streams", "doc": "Part of an engagement window: what one batch of events, or one abandoned cart, adds to it.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "partner_id", "type": "string", "doc": "Supplying partner."}, {"name": "region", "type": "string", "doc": "Region; empty: unknown."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "product_line", "type": ["null", "string"], "default": null, "doc": "Product line."}, {"name": "window_start", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "Start of the tumbling window."}, {"name": "arrived_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 0, "doc": "When the earliest of its events reached gridwire: decides whether it is late, so that our own delay makes no event late."}, {"name": "counts", "type": {"type": "map", "values": "long"}, "default": {}, "doc": "Events by kind."}, {"name": "units", "type": "long", "doc": "Units bought."}, {"name": "revenue_minor", "type": {"type": "map", "values": "long"}, "default": {}, "doc": "Revenue in minor units by currency."}, {"name": "abandoned_carts", "type": "long", "doc": "Carts without an order in time."}, {"name": "users", "type": {"type": "array", "items": "long"}, "default": [], "doc": "Hashes of at most minimum-group-size distinct users: enough to tell whether the group is large enough, no more."}]}',
    FiledFeedback: '{"type": "record", "name": "FiledFeedback", "namespace": "gridwire.streams", "doc": "Feedback of a customer that a thread of Trading Grid has taken up: whoever closes the loop waits for that thread.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "customer_ref", "type": "string", "doc": "Customer reference (Braze external id).", "pii": true}, {"name": "order_ref", "type": "string", "doc": "Order reference."}, {"name": "feedback_id", "type": "string", "doc": "The feedback."}, {"name": "kind", "type": {"type": "enum", "name": "FeedbackKind", "symbols": ["unknown", "survey", "low_rating", "churn_signal", "campaign"], "default": "unknown", "doc": "FeedbackKind; unknown symbols read as unknown.", "namespace": "gridwire.braze"}, "doc": "What kind of feedback it is."}, {"name": "thread_id", "type": ["null", "string"], "default": null, "doc": "The thread it was added to; null: a thread was opened for it."}, {"name": "external_ref", "type": "string", "default": "", "doc": "External reference of the thread; empty where it has none."}, {"name": "system", "type": "string", "default": "", "doc": "System of that reference."}]}',
    OrderDocument: '{"type": "record", "name": "OrderDocument", "namespace": "gridwire.streams", "doc": "A document change for one of the orders that it names, keyed by the order.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "order_ref", "type": "string", "doc": "Order reference."}, {"name": "document", "type": {"type": "record", "name": "Document", "namespace": "gridwire.trading_grid", "doc": "A document of a partner as it stood after a change.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "document_id", "type": "string", "doc": "Trading Grid id."}, {"name": "event_type", "type": "string", "doc": "What changed: document.created, document.status_changed, document.acknowledged, document.expiring, or poll."}, {"name": "type", "type": "string", "doc": "po, po_ack, asn, packing_list, invoice, certificate_of_origin, customs, compliance_cert, pod, rma, credit_note, asset, package, guideline, policy, agreement, tax_form, insurance or other."}, {"name": "number", "type": "string", "default": "", "doc": "Number of the document."}, {"name": "status", "type": "string", "doc": "draft, submitted, under_review, approved, rejected, changes_requested, superseded or expired."}, {"name": "previous_status", "type": ["null", "string"], "default": null, "doc": "Status before this change, where it changed."}, {"name": "version_no", "type": "long", "default": 1, "doc": "Which version of the document\'s content it is."}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Partner whose document it is; null: internal."}, {"name": "actor_type", "type": "string", "doc": "internal, partner or system."}, {"name": "actor_id", "type": ["null", "string"], "default": null, "doc": "Who made the change; our own client\'s id for our own writes."}, {"name": "process", "type": ["null", "string"], "default": null, "doc": "Process that needs the document: onboarding, claim, warranty, financial_approval; null: none."}, {"name": "process_ref", "type": ["null", "string"], "default": null, "doc": "Which process of that kind, e.g. its thread; null: the only one of the order."}, {"name": "external_refs", "type": {"type": "array", "items": {"type": "record", "name": "ExternalRef", "doc": "The same thing in another system; unique per (system, type, id) within a kind.", "fields": [{"name": "system", "type": "string", "doc": "bigcommerce, sfcc, gridwire …"}, {"name": "type", "type": "string", "doc": "order, order-exception, …"}, {"name": "id", "type": "string", "doc": "Id there."}], "namespace": "gridwire.trading_grid"}}, "default": [], "doc": "The same document in other systems."}, {"name": "related", "type": {"type": "array", "items": {"type": "record", "name": "Related", "doc": "Something that a thread is about.", "fields": [{"name": "type", "type": "string", "doc": "order, shipment, product, document or invoice."}, {"name": "id", "type": "string", "doc": "Its reference; an order\'s is its order reference, e.g. bigcommerce:1001."}], "namespace": "gridwire.trading_grid"}}, "default": [], "doc": "What the document is about."}, {"name": "audience", "type": ["null", {"type": "record", "name": "Audience", "doc": "Who may see a document; all empty: nobody but its partner.", "fields": [{"name": "partner_ids", "type": {"type": "array", "items": "string"}, "default": [], "doc": "These partners."}, {"name": "roles", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Partners of these roles."}, {"name": "regions", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Partners of these regions."}]}], "default": null, "doc": "Who may see it; null: its partner alone."}, {"name": "requires_ack", "type": "boolean", "default": false, "doc": "Whoever sees it must acknowledge it."}, {"name": "ack_due_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "By when."}, {"name": "valid_from", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "From when it holds."}, {"name": "valid_until", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Until when it holds."}, {"name": "expires_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When it expires."}, {"name": "attachment_id", "type": ["null", "string"], "default": null, "doc": "Its file."}, {"name": "custom", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Custom fields of the document."}]}, "doc": "The document as it stood."}]}',
    OrderThread: '{"type": "record", "name": "OrderThread", "namespace": "gridwire.streams", "doc": "A thread change for one of the orders that it names, keyed by the order.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "order_ref", "type": "string", "doc": "Order reference."}, {"name": "thread", "type": {"type": "record", "name": "Thread", "namespace": "gridwire.trading_grid", "doc": "A Trading Grid thread (case, exception) as it stood after a change.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "thread_id", "type": "string", "doc": "Trading Grid id."}, {"name": "event_type", "type": "string", "doc": "What changed: thread.created, thread.status_changed, thread.comment_added …"}, {"name": "kind", "type": "string", "doc": "Kind from the closed list of thread kinds."}, {"name": "status", "type": "string", "doc": "open, acknowledged, in_progress, awaiting_partner, awaiting_internal, escalated, resolved, reopened, closed or cancelled."}, {"name": "previous_status", "type": ["null", "string"], "default": null, "doc": "Status before this change, where it changed."}, {"name": "subject", "type": "string", "doc": "Subject line."}, {"name": "priority", "type": "string", "doc": "low, normal, high or urgent."}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Partner whose thread it is; null: internal."}, {"name": "actor_type", "type": "string", "doc": "internal, partner or system."}, {"name": "actor_id", "type": ["null", "string"], "default": null, "doc": "Who made the change; our own client\'s id for our own writes."}, {"name": "respond_by", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Due time of the first answer."}, {"name": "resolve_by", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Due time of the resolution."}, {"name": "breached", "type": "boolean", "doc": "A due time has passed.", "default": false}, {"name": "revised_delivery_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Revised delivery date that the partner promised."}, {"name": "external_refs", "type": {"type": "array", "items": {"type": "record", "name": "ExternalRef", "doc": "The same thing in another system; unique per (system, type, id) within a kind.", "fields": [{"name": "system", "type": "string", "doc": "bigcommerce, sfcc, gridwire …"}, {"name": "type", "type": "string", "doc": "order, order-exception, …"}, {"name": "id", "type": "string", "doc": "Id there."}]}}, "default": [], "doc": "The same matter in other systems."}, {"name": "related", "type": {"type": "array", "items": {"type": "record", "name": "Related", "doc": "Something that a thread is about.", "fields": [{"name": "type", "type": "string", "doc": "order, shipment, product, document or invoice."}, {"name": "id", "type": "string", "doc": "Its reference; an order\'s is its order reference, e.g. bigcommerce:1001."}]}}, "default": [], "doc": "What the thread is about."}, {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "ThreadLine", "doc": "One order line that a thread is about.", "fields": [{"name": "line_ref", "type": "string", "doc": "Line id within the order."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "quantity", "type": "long", "doc": "Units concerned."}, {"name": "reason_code", "type": "string", "doc": "Reason from the closed list of reason codes."}]}}, "default": [], "doc": "Order lines concerned."}, {"name": "resolution", "type": ["null", {"type": "record", "name": "Resolution", "doc": "How a thread was resolved.", "fields": [{"name": "code", "type": "string", "doc": "Resolution code."}, {"name": "action", "type": "string", "doc": "refund, replace, credit, cancel, ship or none."}, {"name": "summary", "type": "string", "doc": "One sentence."}, {"name": "amount_minor", "type": ["null", "long"], "default": null, "doc": "Amount in minor units of currency."}, {"name": "currency", "type": ["null", "string"], "default": null, "doc": "ISO 4217."}, {"name": "decided_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When it was decided."}]}], "default": null, "doc": "Set once resolved."}, {"name": "custom", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Custom fields of the thread."}]}, "doc": "The thread as it stood."}]}',
    OrderedUnits: '{"type": "record", "name": "OrderedUnits", "namespace": "gridwire.streams", "doc": "How many units of one sku one order line holds, keyed by the sku.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "order_ref", "type": "string", "doc": "Order reference."}, {"name": "line_ref", "type": "string", "doc": "Line of the order."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Supplying partner."}, {"name": "units_open", "type": "long", "doc": "Units ordered and neither shipped, refunded nor cancelled."}, {"name": "units_shipped", "type": "long", "default": 0, "doc": "Units shipped so far: they have left the partner\'s stock."}, {"name": "ordered_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the order was placed."}, {"name": "customer_ref", "type": ["null", "string"], "default": null, "doc": "Customer whose order it is; null for guests.", "pii": true}]}',
    Availability: '{"type": "record", "name": "Availability", "namespace": "gridwire.trading_grid", "doc": "A partner\'s availability update for one sku and location.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "update_id", "type": "string", "doc": "Trading Grid id."}, {"name": "partner_id", "type": "string", "doc": "Partner that says it."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "location_code", "type": "string", "doc": "Location; empty: the default location.", "default": ""}, {"name": "type", "type": "string", "doc": "stock, lead_time, allocation, backorder, discontinuation or substitution."}, {"name": "quantity", "type": ["null", "long"], "default": null, "doc": "Units available."}, {"name": "lead_time_days", "type": ["null", "int"], "default": null, "doc": "Days until it can ship."}, {"name": "available_from", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When it will be available."}, {"name": "allocation_limit", "type": ["null", "long"], "default": null, "doc": "Most units that may be sold."}, {"name": "substitute_sku", "type": ["null", "string"], "default": null, "doc": "What to offer instead."}, {"name": "effective_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "From when it holds."}, {"name": "expires_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Until when it holds."}, {"name": "sequence", "type": "long", "doc": "Monotonic per partner, sku and location."}, {"name": "decision_status", "type": "string", "doc": "proposed, accepted, rejected, superseded or expired."}]}',
    Document: '{"type": "record", "name": "Document", "namespace": "gridwire.trading_grid", "doc": "A document of a partner as it stood after a change.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "document_id", "type": "string", "doc": "Trading Grid id."}, {"name": "event_type", "type": "string", "doc": "What changed: document.created, document.status_changed, document.acknowledged, document.expiring, or poll."}, {"name": "type", "type": "string", "doc": "po, po_ack, asn, packing_list, invoice, certificate_of_origin, customs, compliance_cert, pod, rma, credit_note, asset, package, guideline, policy, agreement, tax_form, insurance or other."}, {"name": "number", "type": "string", "default": "", "doc": "Number of the document."}, {"name": "status", "type": "string", "doc": "draft, submitted, under_review, approved, rejected, changes_requested, superseded or expired."}, {"name": "previous_status", "type": ["null", "string"], "default": null, "doc": "Status before this change, where it changed."}, {"name": "version_no", "type": "long", "default": 1, "doc": "Which version of the document\'s content it is."}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Partner whose document it is; null: internal."}, {"name": "actor_type", "type": "string", "doc": "internal, partner or system."}, {"name": "actor_id", "type": ["null", "string"], "default": null, "doc": "Who made the change; our own client\'s id for our own writes."}, {"name": "process", "type": ["null", "string"], "default": null, "doc": "Process that needs the document: onboarding, claim, warranty, financial_approval; null: none."}, {"name": "process_ref", "type": ["null", "string"], "default": null, "doc": "Which process of that kind, e.g. its thread; null: the only one of the order."}, {"name": "external_refs", "type": {"type": "array", "items": {"type": "record", "name": "ExternalRef", "doc": "The same thing in another system; unique per (system, type, id) within a kind.", "fields": [{"name": "system", "type": "string", "doc": "bigcommerce, sfcc, gridwire …"}, {"name": "type", "type": "string", "doc": "order, order-exception, …"}, {"name": "id", "type": "string", "doc": "Id there."}], "namespace": "gridwire.trading_grid"}}, "default": [], "doc": "The same document in other systems."}, {"name": "related", "type": {"type": "array", "items": {"type": "record", "name": "Related", "doc": "Something that a thread is about.", "fields": [{"name": "type", "type": "string", "doc": "order, shipment, product, document or invoice."}, {"name": "id", "type": "string", "doc": "Its reference; an order\'s is its order reference, e.g. bigcommerce:1001."}], "namespace": "gridwire.trading_grid"}}, "default": [], "doc": "What the document is about."}, {"name": "audience", "type": ["null", {"type": "record", "name": "Audience", "doc": "Who may see a document; all empty: nobody but its partner.", "fields": [{"name": "partner_ids", "type": {"type": "array", "items": "string"}, "default": [], "doc": "These partners."}, {"name": "roles", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Partners of these roles."}, {"name": "regions", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Partners of these regions."}]}], "default": null, "doc": "Who may see it; null: its partner alone."}, {"name": "requires_ack", "type": "boolean", "default": false, "doc": "Whoever sees it must acknowledge it."}, {"name": "ack_due_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "By when."}, {"name": "valid_from", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "From when it holds."}, {"name": "valid_until", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Until when it holds."}, {"name": "expires_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When it expires."}, {"name": "attachment_id", "type": ["null", "string"], "default": null, "doc": "Its file."}, {"name": "custom", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Custom fields of the document."}]}',
    Partner: '{"type": "record", "name": "Partner", "namespace": "gridwire.trading_grid", "doc": "A trading partner as it stood after a change: the row of the partners table, a full copy on every worker.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "partner_id", "type": "string", "doc": "Trading Grid id."}, {"name": "partner_code", "type": "string", "doc": "The company\'s own code for the partner."}, {"name": "name", "type": "string", "doc": "Company name."}, {"name": "status", "type": "string", "doc": "invited, registered, onboarding, testing, active, suspended or terminated."}, {"name": "roles", "type": {"type": "array", "items": "string"}, "default": [], "doc": "supplier, distributor, carrier, 3pl, retailer, agency, warehouse."}, {"name": "regions", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Regions served: ISO 3166-2 or ISO 3166-1 alpha-2."}, {"name": "product_lines", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Product lines handled."}, {"name": "entitlements", "type": {"type": "array", "items": "string"}, "default": [], "doc": "What the partner may see beyond its roles."}, {"name": "skus", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Stock keeping units that the partner supplies."}, {"name": "brands", "type": {"type": "array", "items": "string"}, "default": [], "doc": "Brands that the partner supplies."}, {"name": "timezone", "type": "string", "doc": "IANA time zone.", "default": "UTC"}, {"name": "selling_enabled", "type": "boolean", "doc": "False: compliance forbids selling this partner\'s products.", "default": true}]}',
    Thread: '{"type": "record", "name": "Thread", "namespace": "gridwire.trading_grid", "doc": "A Trading Grid thread (case, exception) as it stood after a change.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "thread_id", "type": "string", "doc": "Trading Grid id."}, {"name": "event_type", "type": "string", "doc": "What changed: thread.created, thread.status_changed, thread.comment_added …"}, {"name": "kind", "type": "string", "doc": "Kind from the closed list of thread kinds."}, {"name": "status", "type": "string", "doc": "open, acknowledged, in_progress, awaiting_partner, awaiting_internal, escalated, resolved, reopened, closed or cancelled."}, {"name": "previous_status", "type": ["null", "string"], "default": null, "doc": "Status before this change, where it changed."}, {"name": "subject", "type": "string", "doc": "Subject line."}, {"name": "priority", "type": "string", "doc": "low, normal, high or urgent."}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Partner whose thread it is; null: internal."}, {"name": "actor_type", "type": "string", "doc": "internal, partner or system."}, {"name": "actor_id", "type": ["null", "string"], "default": null, "doc": "Who made the change; our own client\'s id for our own writes."}, {"name": "respond_by", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Due time of the first answer."}, {"name": "resolve_by", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Due time of the resolution."}, {"name": "breached", "type": "boolean", "doc": "A due time has passed.", "default": false}, {"name": "revised_delivery_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Revised delivery date that the partner promised."}, {"name": "external_refs", "type": {"type": "array", "items": {"type": "record", "name": "ExternalRef", "doc": "The same thing in another system; unique per (system, type, id) within a kind.", "fields": [{"name": "system", "type": "string", "doc": "bigcommerce, sfcc, gridwire …"}, {"name": "type", "type": "string", "doc": "order, order-exception, …"}, {"name": "id", "type": "string", "doc": "Id there."}]}}, "default": [], "doc": "The same matter in other systems."}, {"name": "related", "type": {"type": "array", "items": {"type": "record", "name": "Related", "doc": "Something that a thread is about.", "fields": [{"name": "type", "type": "string", "doc": "order, shipment, product, document or invoice."}, {"name": "id", "type": "string", "doc": "Its reference; an order\'s is its order reference, e.g. bigcommerce:1001."}]}}, "default": [], "doc": "What the thread is about."}, {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "ThreadLine", "doc": "One order line that a thread is about.", "fields": [{"name": "line_ref", "type": "string", "doc": "Line id within the order."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "quantity", "type": "long", "doc": "Units concerned."}, {"name": "reason_code", "type": "string", "doc": "Reason from the closed list of reason codes."}]}}, "default": [], "doc": "Order lines concerned."}, {"name": "resolution", "type": ["null", {"type": "record", "name": "Resolution", "doc": "How a thread was resolved.", "fields": [{"name": "code", "type": "string", "doc": "Resolution code."}, {"name": "action", "type": "string", "doc": "refund, replace, credit, cancel, ship or none."}, {"name": "summary", "type": "string", "doc": "One sentence."}, {"name": "amount_minor", "type": ["null", "long"], "default": null, "doc": "Amount in minor units of currency."}, {"name": "currency", "type": ["null", "string"], "default": null, "doc": "ISO 4217."}, {"name": "decided_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "When it was decided."}]}], "default": null, "doc": "Set once resolved."}, {"name": "custom", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Custom fields of the thread."}]}',
    TradingGridCommand: '{"type": "record", "name": "TradingGridCommand", "namespace": "gridwire.trading_grid", "doc": "Something to do in Trading Grid. Exactly one operation field is set; its name stands in `operation`.", "fields": [{"name": "event_id", "type": "string", "doc": "UUID of this record; a function of its cause, so that a replay yields the same id."}, {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When it happened at the origin, UTC."}, {"name": "produced_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When gridwire wrote this record, UTC."}, {"name": "source", "type": "string", "doc": "Who wrote it: `<platform>/<intake>` or `<flow id>/<leg>`."}, {"name": "version", "type": "long", "doc": "Version or sequence of the object at its origin; 0 where the origin has none. Newer is larger."}, {"name": "trace_id", "type": "string", "doc": "Trace id (32 hex digits) shared by everything that follows from one platform event."}, {"name": "causation_id", "type": ["null", "string"], "default": null, "doc": "event_id of the record that led to this one; null at the origin."}, {"name": "flow", "type": "string", "doc": "Flow that gives the command."}, {"name": "lane", "type": "string", "doc": "Ordering key: commands of one lane are carried out one after another, in order."}, {"name": "operation", "type": "string", "doc": "Name of the one operation field that is set."}, {"name": "open_thread", "type": ["null", {"type": "record", "name": "OpenThread", "doc": "Create a thread unless one with this external reference exists.", "fields": [{"name": "external_ref", "type": "string", "doc": "`<order>[/<line>]/<partner>/<occurrence>`; unique."}, {"name": "system", "type": "string", "doc": "System of the reference, e.g. bigcommerce."}, {"name": "kind", "type": "string", "doc": "Thread kind."}, {"name": "subject", "type": "string", "doc": "Subject line."}, {"name": "body", "type": "string", "doc": "What happened; no personal data.", "pii": true}, {"name": "priority", "type": "string", "doc": "low, normal, high or urgent."}, {"name": "partner_id", "type": ["null", "string"], "default": null, "doc": "Partner; null: internal operations."}, {"name": "resolve_by", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null, "doc": "Due time."}, {"name": "related", "type": {"type": "array", "items": {"type": "record", "name": "Related", "doc": "Something that a thread is about.", "fields": [{"name": "type", "type": "string", "doc": "order, shipment, product, document or invoice."}, {"name": "id", "type": "string", "doc": "Its reference; an order\'s is its order reference, e.g. bigcommerce:1001."}], "namespace": "gridwire.trading_grid"}}, "default": [], "doc": "What it is about."}, {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "ThreadLine", "doc": "One order line that a thread is about.", "fields": [{"name": "line_ref", "type": "string", "doc": "Line id within the order."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "quantity", "type": "long", "doc": "Units concerned."}, {"name": "reason_code", "type": "string", "doc": "Reason from the closed list of reason codes."}], "namespace": "gridwire.trading_grid"}}, "default": [], "doc": "Order lines concerned."}, {"name": "custom", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "Custom fields."}]}], "default": null, "doc": "Create a thread."}, {"name": "add_comment", "type": ["null", {"type": "record", "name": "AddComment", "doc": "Add a comment to the thread with this id, or with this external reference.", "fields": [{"name": "external_ref", "type": "string", "doc": "The thread\'s external reference."}, {"name": "system", "type": "string", "doc": "System of the reference."}, {"name": "body", "type": "string", "doc": "Text; no personal data.", "pii": true}, {"name": "visibility", "type": "string", "doc": "shared or internal."}, {"name": "source_ref", "type": "string", "doc": "Loop guard: what this comment stems from."}, {"name": "thread_id", "type": ["null", "string"], "default": null, "doc": "The thread by its Trading Grid id, where it has no reference of ours."}]}], "default": null, "doc": "Comment on a thread."}, {"name": "move_thread", "type": ["null", {"type": "record", "name": "MoveThread", "doc": "Walk the thread with this external reference to a status over legal transitions.", "fields": [{"name": "external_ref", "type": "string", "doc": "The thread\'s external reference."}, {"name": "system", "type": "string", "doc": "System of the reference."}, {"name": "to", "type": "string", "doc": "Status to reach."}, {"name": "reason_code", "type": "string", "doc": "Reason code."}, {"name": "note", "type": "string", "doc": "Note; no personal data."}, {"name": "resolution_code", "type": ["null", "string"], "default": null, "doc": "Set when `to` is resolved."}, {"name": "resolution_action", "type": ["null", "string"], "default": null, "doc": "Set when `to` is resolved."}, {"name": "resolution_summary", "type": ["null", "string"], "default": null, "doc": "Set when `to` is resolved."}]}], "default": null, "doc": "Move a thread to a status."}, {"name": "put_insight", "type": ["null", {"type": "record", "name": "PutInsight", "doc": "Write an insight; the same key replaces.", "fields": [{"name": "key", "type": "string", "doc": "Key of the insight."}, {"name": "partner_id", "type": "string", "doc": "Partner that may read it."}, {"name": "kind", "type": "string", "doc": "engagement or demand_spike."}, {"name": "window_from", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "Start of the window."}, {"name": "window_to", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "End of the window, exclusive."}, {"name": "region", "type": "string", "doc": "Region."}, {"name": "sku", "type": "string", "doc": "Stock keeping unit."}, {"name": "metrics", "type": {"type": "map", "values": "double"}, "default": {}, "doc": "Figures by name; counts only."}]}], "default": null, "doc": "Write an insight."}]}',
}

# Top-level fields that hold personal data.
PII: Mapping[type[Record], tuple[str, ...]] = {
    BigCommerceOrder: ("customer_ref", "staff_notes"),
    BigCommerceOrderMessage: ("subject", "message"),
    BrazeFeedback: ("customer_ref", "text"),
    BrazeProfile: ("customer_ref",),
    BrazeSchedule: ("customer_ref",),
    Engagement: ("user_id", "properties"),
    StockSubscription: ("customer_ref",),
    Customer: ("customer_ref",),
    CustomerSchedules: ("customer_ref",),
    Order: ("customer_ref",),
    EnrichedEngagement: ("user_id",),
    Approval: ("key",),
    ApprovalDecision: ("key",),
    AvailabilityNotice: ("customer_ref",),
    CartActivity: ("user_id",),
    CustomerCase: ("customer_ref",),
    CustomerRecovery: ("customer_ref",),
    DocumentRelease: ("customer_ref",),
    FiledFeedback: ("customer_ref",),
    OrderedUnits: ("customer_ref",),
}
