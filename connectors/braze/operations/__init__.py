"""What gridwire does in Braze beside messages to one user: events, Canvases, schedules, catalogues, subscriptions."""

from connectors.braze.operations import canvases, catalogs, schedules, subscriptions, tracking
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import Operation


def operations(settings: BrazeSettings) -> tuple[Operation, ...]:
    """By the workspace's settings."""
    return (
        *tracking.operations(settings),
        *canvases.operations(settings),
        *schedules.operations(settings),
        *catalogs.operations(settings),
        *subscriptions.operations(),
    )
