"""The tables that flows look rows up in."""

from gridwire import records as r
from gridwire import topics
from streams.flow import Table


def bigcommerce_product(product: r.Product) -> tuple[str, ...]:
    """The BigCommerce product that a sku belongs to; none for one that is not sold there."""
    found = product.bigcommerce_product_id
    return () if found is None else (str(found),)


ORDERS = Table(
    name="orders",
    row=r.Order,
    key=lambda order: order.order_ref,
    doc="Orders of all shops in the common form, partitioned by order reference.",
    retain_days=400,  # a year of returns, warranties and questions, and a month
)
CUSTOMERS = Table(
    name="customers",
    row=r.Customer,
    key=lambda customer: customer.customer_ref,
    doc="Consent and segment of customers, partitioned by customer reference.",
    retain_days=730,  # who comes back later counts as not read yet: the profile is asked for again
)
SCHEDULES = Table(
    name="schedules",
    row=r.CustomerSchedules,
    key=lambda row: row.customer_ref,
    doc="Messages scheduled in Braze that have not gone out, partitioned by customer reference.",
    retain_days=120,  # Braze schedules at most 90 days ahead
)
PARTNERS = Table(
    name="partners",
    row=r.Partner,
    key=lambda partner: partner.partner_id,
    doc="Trading partners; a full copy on every worker.",
    copy_of=topics.TRADING_GRID_PARTNERS,
    indexes={
        "sku": lambda partner: partner.skus,
        "brand": lambda partner: partner.brands,
        "region": lambda partner: partner.regions,
    },
)
PRODUCTS = Table(
    name="products",
    row=r.Product,
    key=lambda product: product.sku,
    doc="Products of all shops in the common form; a full copy on every worker.",
    copy_of=topics.PRODUCTS,
    indexes={"bigcommerce-product": bigcommerce_product},
)
