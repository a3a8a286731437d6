"""A simulated Braze workspace: profiles, campaigns, canvases, catalogs, and Currents."""

from sandbox.braze.simulator import Braze
from sandbox.core.simulator import Simulator, World

__all__ = ["create"]


def create(world: World) -> Simulator:
    """A fresh workspace."""
    return Braze(world)
