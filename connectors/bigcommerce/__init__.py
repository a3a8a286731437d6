"""BigCommerce: orders, payments, messages and products in; stock and selling switches out."""

from connectors.bigcommerce.sink import sink
from connectors.bigcommerce.source import source

__all__ = ["sink", "source"]
