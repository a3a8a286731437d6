"""A simulated Trading Grid: the assumed Active Community contract, with its state and webhooks."""

from sandbox.core.simulator import Simulator, World
from sandbox.trading_grid.simulator import TradingGrid

__all__ = ["create"]


def create(world: World) -> Simulator:
    """A fresh Trading Grid community."""
    return TradingGrid(world)
