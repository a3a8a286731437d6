"""Trading Grid: threads, partners and availability in; threads, comments and insights out."""

from connectors.trading_grid.sink import sink
from connectors.trading_grid.source import source

__all__ = ["sink", "source"]
