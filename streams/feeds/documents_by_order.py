"""Documents of Trading Grid → once per order that they name, keyed by the order."""

from gridwire import topics
from gridwire.records import Document, OrderDocument
from streams.flow import Effects, Filtered, Flow, Leg, NoSettings, map_leg
from streams.rules.references import ORDER, orders_named


def split(document: Document) -> Effects:
    """One record per order, related or referred to, of a document that a process needs."""
    if document.process is None:
        yield Filtered("no process needs it")
        return
    referred = [one.id.partition("/")[0] for one in document.external_refs if one.type == ORDER]
    found = tuple(dict.fromkeys((*orders_named(document.related), *filter(None, referred))))
    if not found:
        yield Filtered("names no order")
    for order_ref in found:
        yield OrderDocument(order_ref=order_ref, document=document)


def legs(_: NoSettings) -> tuple[Leg, ...]:
    return (
        map_leg(
            name="split",
            reads=topics.TRADING_GRID_DOCUMENTS,
            emits=split,
            writes=(topics.ORDER_DOCUMENTS,),
        ),
    )


FLOW = Flow(
    id="feed.documents-by-order",
    purpose="Each document that a process needs reaches the order that the process is about.",
    needs=("trading-grid",),
    settings=NoSettings,
    legs=legs,
)
