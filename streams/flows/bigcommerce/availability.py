"""A partner's availability → stock and selling switches in BigCommerce, never more than there is."""

import msgspec

from gridwire import topics
from gridwire.records import Availability
from streams.flow import Flow, Fold, GoOn, Leg, Wait, on, on_timer
from streams.flows.bigcommerce.availability_shelf import FLOW_ID, Supply, Texts
from streams.flows.bigcommerce.availability_stocking import Stocking
from streams.rules.availability_updates import speaking
from streams.rules.bounds import Minutes, Positive
from streams.rules.dates import HOUR_MS, MINUTE_MS
from streams.tables import PARTNERS, PRODUCTS


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and texts of the availability flow.

    row_wait_minutes: how long an update waits for its product and partner before it is a dead letter.
    order_memory_hours: orders so old still count against a statement that arrives after them.
    inactive_recheck_minutes: how soon a partner that is active again counts. updates_max, lines_max: remembered per
    sku; beyond lines_max the oldest order lines are taken together. The texts are what shoppers read: `{days}` and
    `{name}` are filled in.
    """

    row_wait_minutes: Minutes = 30
    order_memory_hours: Positive = 48
    inactive_recheck_minutes: Positive = 15
    updates_max: Positive = 200
    lines_max: Positive = 500
    lead_time_text: str = "Ships within {days}."
    substitute_text: str = "We suggest {name} instead."
    discontinued_text: str = "This product is discontinued."
    unavailable_text: str = "This product is not available at the moment."


def _template(setting: str, text: str, name: str) -> str:
    """`text`, in which only `{name}` is to be filled in. Raises ValueError."""
    try:
        text.format(**{name: ""})
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{setting}: only {{{name}}} may stand in braces") from error
    return text


def _stocking(settings: Settings) -> Stocking:
    return Stocking(
        memory_ms=settings.order_memory_hours * HOUR_MS,
        recheck_ms=settings.inactive_recheck_minutes * MINUTE_MS,
        updates_max=settings.updates_max,
        lines_max=settings.lines_max,
        texts=Texts(
            lead_time=_template("lead_time_text", settings.lead_time_text, "days"),
            substitute=_template("substitute_text", settings.substitute_text, "name"),
            discontinued=settings.discontinued_text,
            unavailable=settings.unavailable_text,
        ),
    )


def _substitute(update: Availability) -> str | None:
    return update.substitute_sku


def legs(settings: Settings) -> tuple[Leg, ...]:
    stocking = _stocking(settings)
    waiting = Wait(minutes=settings.row_wait_minutes)
    said = on(
        topics.TRADING_GRID_AVAILABILITY,
        lambda update: update.sku,
        stocking.hear,
        lookups=(
            PRODUCTS.by(lambda update: update.sku, waiting),
            PARTNERS.by(lambda update: update.partner_id, waiting),
            PRODUCTS.by(_substitute, GoOn()),
        ),
    )
    ordered = on(
        topics.ORDERED_UNITS,
        lambda units: units.sku,
        stocking.count,
        lookups=(PRODUCTS.by(lambda units: units.sku, GoOn()),),
    )
    time = on_timer(
        stocking.look,
        lookups=(
            PRODUCTS.by(lambda fired: fired.key, GoOn()),
            PARTNERS.each(lambda fired: speaking(fired.state)),
        ),
    )
    return (
        Fold(
            name="shelve",
            state=Supply,
            inputs=(said, ordered),
            writes=(topics.BIGCOMMERCE_COMMANDS,),
            on_timer=time,
        ),
    )


FLOW = Flow(
    id=FLOW_ID,
    purpose="The shop sells what partners have, and no more.",
    needs=("trading-grid", "bigcommerce"),
    settings=Settings,
    legs=legs,
)
