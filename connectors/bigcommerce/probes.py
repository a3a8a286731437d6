"""What shows that the API account has the scopes that gridwire needs. A read shows the read-only scope; a write of an
empty list the other. That BigCommerce looks at the scope before it refuses the emptiness is assumed.
"""

from connectors.kit.connector import Probe, Request

ONE = {"limit": "1"}
EMPTY = frozenset({400, 404, 413, 422})
NO_ORDER = "/v3/orders/1/transactions"  # any order will do, and so will none


def probes() -> tuple[Probe, ...]:
    """Reads of what is fetched and polled, and writes of nothing where the sink writes."""
    stock = {"reason": "gridwire check", "items": list[object]()}
    return (
        Probe(
            "any scope",
            "create an API account for this store, and set BIGCOMMERCE_ACCESS_TOKEN to its token",
            Request("GET", "/v3/hooks", ONE),
        ),
        _probe("store_v2_orders_read_only", Request("GET", "/v2/orders", ONE)),
        _probe("store_v2_transactions_read_only", Request("GET", NO_ORDER, expect=EMPTY)),
        _probe("store_v2_products_read_only", Request("GET", "/v3/catalog/products", ONE)),
        _probe("store_inventory_read_only", Request("GET", "/v3/inventory/items", ONE)),
        _probe(
            "store_v2_products",
            Request("PUT", "/v3/catalog/products", json=list[object](), expect=EMPTY),
        ),
        _probe(
            "store_inventory",
            Request("PUT", "/v3/inventory/adjustments/absolute", json=stock, expect=EMPTY),
        ),
    )


def _probe(scope: str, request: Request) -> Probe:
    fix = f"create an API account with the scope {scope} (a token's scopes never change)"
    return Probe(scope, f"{fix}, and set BIGCOMMERCE_ACCESS_TOKEN", request)
