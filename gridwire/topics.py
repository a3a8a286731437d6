"""Every topic that gridwire writes, each with its record, key and keeping. Names: `a.b-c`, never `_`.

Keys decide partitions (murmur2) and order. Topics that are joined are keyed alike and have the same number of
partitions; `co_partitioned` topics share the configured number, `reference` topics are small and have one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, Literal, TypeVar

from gridwire import records as r

Kind = Literal["source", "stream", "enriched", "command", "receipt", "reference", "internal"]
DAY_MS = 86_400_000
LEDGER_DAYS_MAX = 7  # as long as commands are kept: what is gone cannot come a second time
APPROVAL_DAYS_MAX = 60  # an approval that expires later could be gone before it does
R = TypeVar("R", bound=r.Record)


@dataclass(frozen=True, slots=True, eq=False)
class Topic(Generic[R]):
    """One topic of Avro records. `key` gives the message key of a record.

    What readers outside are told of a data product, required for enriched topics: `owner`, whom to ask; `grain`, the
    message key and what one record is about; `freshness`, how long after `occurred_at` a record is written; `latest`,
    how the latest state is read.
    """

    name: str
    record: type[R]
    key: Callable[[R], str]
    kind: Kind
    doc: str
    retention_ms: int = 7 * DAY_MS
    compacted: bool = False
    owner: str = ""
    grain: str = ""
    freshness: str = ""
    latest: str = ""

    @property
    def subject(self) -> str:
        """Schema registry subject (TopicNameStrategy)."""
        return f"{self.name}-value"

    @property
    def platform(self) -> str | None:
        """The platform of a source, command or receipt topic."""
        parts = self.name.split(".")
        return parts[1] if self.kind in ("source", "command", "receipt") else None


def _notices(platform: str) -> Topic[r.Notice]:
    return Topic(
        name=f"source.{platform}.notices",
        record=r.Notice,
        key=lambda notice: notice.key,
        kind="internal",
        doc="Thin webhooks and change-feed entries whose object is fetched next.",
    )


def _receipts(platform: str) -> Topic[r.Receipt]:
    return Topic(
        name=f"receipt.{platform}",
        record=r.Receipt,
        key=lambda receipt: receipt.lane,
        kind="receipt",
        doc="What became of each command: outcome, the platform's object id, attempts, latency.",
        retention_ms=30 * DAY_MS,
    )


def _of_customers(name: str, record: type[R], doc: str) -> Topic[R]:
    """What flows tell one another about customers."""
    return Topic(
        name=name,
        record=record,
        key=attrgetter("customer_ref"),
        kind="stream",
        doc=f"{doc}, keyed by customer reference.",
    )


BRAZE_ENGAGEMENT = Topic(
    name="source.braze.engagement",
    record=r.Engagement,
    key=lambda event: event.user_id,
    kind="source",
    doc="Engagement events from Braze Currents, keyed by user.",
)
BRAZE_PROFILES = Topic(
    name="source.braze.profiles",
    record=r.BrazeProfile,
    key=lambda profile: profile.customer_ref,
    kind="source",
    doc="Consent and segment attributes of users, keyed by customer reference.",
)
BRAZE_FEEDBACK = Topic(
    name="source.braze.feedback",
    record=r.BrazeFeedback,
    key=lambda feedback: feedback.order_ref or feedback.customer_ref,
    kind="source",
    doc="What customers answered or showed, keyed by order reference; by customer where no order is named.",
)
BRAZE_SENDS = Topic(
    name="source.braze.sends",
    record=r.BrazeSend,
    key=lambda send: send.external_send_id,
    kind="source",
    doc="What became of transactional messages, keyed by the command that asked for them.",
    retention_ms=30 * DAY_MS,
)
BRAZE_SCHEDULES = Topic(
    name="source.braze.schedules",
    record=r.BrazeSchedule,
    key=lambda schedule: schedule.customer_ref,
    kind="source",
    doc="Messages scheduled in Braze and taken back, keyed by customer reference.",
)
BRAZE_STOCK_SUBSCRIPTIONS = Topic(
    name="source.braze.stock-subscriptions",
    record=r.StockSubscription,
    key=lambda subscription: subscription.sku,
    kind="source",
    doc="Who asked to be told when a product is back in stock, keyed by sku.",
)
BIGCOMMERCE_NOTICES = _notices("bigcommerce")
BIGCOMMERCE_ORDERS = Topic(
    name="source.bigcommerce.orders",
    record=r.BigCommerceOrder,
    key=lambda order: order.order_ref,
    kind="source",
    doc="Orders as fetched after each change, keyed by order reference.",
)
BIGCOMMERCE_ORDER_MESSAGES = Topic(
    name="source.bigcommerce.order-messages",
    record=r.BigCommerceOrderMessage,
    key=lambda message: message.order_ref,
    kind="source",
    doc="Messages on orders, keyed by order reference.",
)
BIGCOMMERCE_TRANSACTIONS = Topic(
    name="source.bigcommerce.transactions",
    record=r.BigCommerceTransaction,
    key=lambda transaction: transaction.order_ref,
    kind="source",
    doc="Payment transactions on orders, keyed by order reference.",
)
BIGCOMMERCE_PRODUCTS = Topic(
    name="source.bigcommerce.products",
    record=r.BigCommerceProduct,
    key=lambda product: product.sku,
    kind="source",
    doc="Products, one record per sku, keyed by sku.",
)
TRADING_GRID_NOTICES = _notices("trading-grid")
TRADING_GRID_THREADS = Topic(
    name="source.trading-grid.threads",
    record=r.Thread,
    key=lambda thread: thread.thread_id,
    kind="source",
    doc="Threads as they stood after each change, keyed by thread.",
)
TRADING_GRID_DOCUMENTS = Topic(
    name="source.trading-grid.documents",
    record=r.Document,
    key=lambda document: document.document_id,
    kind="source",
    doc="Documents as they stood after each change, keyed by document.",
)
TRADING_GRID_PARTNERS = Topic(
    name="source.trading-grid.partners",
    record=r.Partner,
    key=lambda partner: partner.partner_id,
    kind="reference",
    doc="Partners as they stood after each change, keyed by partner: the partners table itself.",
    compacted=True,
)
TRADING_GRID_AVAILABILITY = Topic(
    name="source.trading-grid.availability",
    record=r.Availability,
    key=lambda update: update.sku,
    kind="source",
    doc="Availability updates of partners, keyed by sku.",
)
ORDER_THREADS = Topic(
    name="stream.order-threads",
    record=r.OrderThread,
    key=lambda entry: entry.order_ref,
    kind="stream",
    doc="Thread changes once per order that the thread names, keyed by order reference.",
)
ORDER_DOCUMENTS = Topic(
    name="stream.order-documents",
    record=r.OrderDocument,
    key=lambda entry: entry.order_ref,
    kind="stream",
    doc="Document changes once per order that the document names, keyed by order reference.",
)
ORDER_CASES = _of_customers(
    "stream.order-cases",
    r.CustomerCase,
    "Cases of a customer's orders before it is decided who speaks of them",
)
CUSTOMER_CASES = _of_customers(
    "stream.customer-cases", r.CustomerCase, "Cases that concern a customer's order"
)
DOCUMENT_RELEASES = _of_customers(
    "stream.document-releases", r.DocumentRelease, "Processes whose documents are all approved"
)
AVAILABILITY_NOTICES = _of_customers(
    "stream.availability-notices",
    r.AvailabilityNotice,
    "News of a product for each customer who waits for it",
)
FILED_FEEDBACK = _of_customers(
    "stream.filed-feedback", r.FiledFeedback, "Feedback that a thread has taken up"
)
CUSTOMER_RECOVERIES = _of_customers(
    "stream.customer-recoveries",
    r.CustomerRecovery,
    "Recoveries that wait for people's decision, and those that went out after it",
)
APPROVALS = Topic(
    name="stream.approvals",
    record=r.Approval,
    key=lambda approval: approval.key,
    kind="stream",
    doc="What a person must decide before a flow goes on, keyed as the flow's state.",
    retention_ms=APPROVAL_DAYS_MAX * DAY_MS,
)
APPROVAL_DECISIONS = Topic(
    name="stream.approval-decisions",
    record=r.ApprovalDecision,
    key=lambda decision: decision.key,
    kind="stream",
    doc="What was decided by `gridwire approvals`, keyed as the state of the flow that asked.",
    retention_ms=APPROVAL_DAYS_MAX * DAY_MS,
)
ORDERED_UNITS = Topic(
    name="stream.ordered-units",
    record=r.OrderedUnits,
    key=lambda units: units.sku,
    kind="stream",
    doc="Open units of each order line, keyed by sku.",
)
CUSTOMER_FACTS = Topic(
    name="stream.customer-facts",
    record=r.BrazeProfile,
    key=lambda fact: fact.customer_ref,
    kind="stream",
    doc="What engagement events tell about customers that we did not know, keyed by customer.",
)
CART_ACTIVITY = Topic(
    name="stream.cart-activity",
    record=r.CartActivity,
    key=lambda activity: activity.user_id,
    kind="stream",
    doc="Cart events and orders among the engagement events, keyed by user.",
)
ENGAGEMENT_PARTIALS = Topic(
    name="stream.engagement-partials",
    record=r.EngagementPartial,
    key=lambda partial: f"{partial.partner_id}|{partial.region}|{partial.sku}",
    kind="stream",
    doc="What each batch of events adds to an engagement window, keyed by partner, region and sku.",
)
PRODUCTS = Topic(
    name="table.products",
    record=r.Product,
    key=lambda product: product.sku,
    kind="reference",
    doc="Products in the common form, keyed by sku: the products table itself.",
    compacted=True,
)
ENRICHED_ENGAGEMENT = Topic(
    name="enriched.engagement",
    record=r.EnrichedEngagement,
    key=lambda event: event.user_id,
    kind="enriched",
    doc="Every engagement event with partner, region and product line.",
    owner="maintainers of the flow braze.engagement-insight",
    grain="`user_id`; one record per engagement event.",
    freshness=(
        "`occurred_at` is when the user did it. A record follows once Braze has delivered its batch and its round is "
        "committed: Braze's delay, and ours, below a second without lag (rounds and commits of 100 ms by default). "
        "After an outage records follow as the lag shrinks."
    ),
    latest=(
        "Events are facts and are not amended. Keep one record per `event_id`: a repeat of an event so old that its id "
        "is forgotten comes with the same one. Order holds per user (the key); between partitions there is none."
    ),
)
ENGAGEMENT_WINDOWS = Topic(
    name="enriched.engagement-windows",
    record=r.EngagementWindow,
    key=lambda window: f"{window.partner_id}|{window.region}|{window.sku}",
    kind="enriched",
    doc="Engagement per partner, region and product in tumbling windows, with baseline and spikes.",
    retention_ms=30 * DAY_MS,
    owner="maintainers of the flow braze.engagement-insight",
    grain="`partner_id|region|sku`; one record per window and amendment of it.",
    freshness=(
        "`occurred_at` is the window's end (`window_end`), not the time of an event. Amendment 0 is written when the "
        "partition's time reaches that end, after all input that waits: soon after it, later by the lag. Amendments "
        "follow while late events count: `grace_minutes` (60 by default) after the end, or longer where our own "
        "processing lags, and at most one per `amend_delay_s` (60)."
    ),
    latest=(
        "Each amendment has the whole window and replaces the earlier ones: keep, per `partner_id`, `region`, `sku` "
        "and `window_start`, the record with the highest `amendment`. The message key has no `window_start`: who "
        "compacts by key keeps the last window alone. A window without events has no record."
    ),
)
BRAZE_COMMANDS = Topic(
    name="command.braze",
    record=r.BrazeCommand,
    key=lambda command: command.lane,
    kind="command",
    doc="What Braze is to do, keyed by lane.",
)
BIGCOMMERCE_COMMANDS = Topic(
    name="command.bigcommerce",
    record=r.BigCommerceCommand,
    key=lambda command: command.lane,
    kind="command",
    doc="What BigCommerce is to do, keyed by lane.",
)
TRADING_GRID_COMMANDS = Topic(
    name="command.trading-grid",
    record=r.TradingGridCommand,
    key=lambda command: command.lane,
    kind="command",
    doc="What Trading Grid is to do, keyed by lane.",
)
CHECKPOINTS = Topic(
    name="checkpoint.sources",
    record=r.Checkpoint,
    key=lambda checkpoint: f"{checkpoint.platform}/{checkpoint.resource}",
    kind="internal",
    doc="How far each polled resource has been read, keyed by platform and resource.",
    compacted=True,
)
DEAD_LETTER_MARKS = Topic(
    name="mark.dead-letters",
    record=r.DeadLetterMark,
    key=lambda mark: mark.letter,
    kind="internal",
    doc="Which dead letters were replayed or discarded, keyed by letter id.",
    compacted=True,
)
BRAZE_RECEIPTS = _receipts("braze")
BIGCOMMERCE_RECEIPTS = _receipts("bigcommerce")
TRADING_GRID_RECEIPTS = _receipts("trading-grid")

TOPICS: tuple[Topic[Any], ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Topic)
)
BY_NAME = {topic.name: topic for topic in TOPICS}


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A dead-letter topic: the original bytes and key, with the reason in headers."""

    name: str
    doc: str
    retention_ms: int = 30 * DAY_MS


DEAD_LETTER_SOURCES = DeadLetters(
    "dead-letter.sources",
    "What an authenticated sender sent and we could not read, and notices that could not be completed.",
)
DEAD_LETTER_STREAMS = DeadLetters("dead-letter.streams", "Records that a flow could not process.")
DEAD_LETTER_SINKS = DeadLetters("dead-letter.sinks", "Commands that a platform refused for good.")
DEAD_LETTERS = (DEAD_LETTER_SOURCES, DEAD_LETTER_STREAMS, DEAD_LETTER_SINKS)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Which commands of one sink had their effect: ids in bytes of ours, partition by partition as its commands."""

    name: str
    doc: str
    retention_ms: int = LEDGER_DAYS_MAX * DAY_MS


def ledger_of(commands: Topic[Any]) -> Ledger:
    """The ledger of a command topic."""
    name = commands.name.removeprefix("command.")
    return Ledger(f"ledger.{name}", f"Commands of {commands.name} that had their effect.")


LEDGERS = tuple(ledger_of(topic) for topic in TOPICS if topic.kind == "command")
