"""What gridwire does in Braze, a module per kind of thing that it is done to."""

from connectors.braze.operations import (
    attributes,
    campaigns,
    canvases,
    catalogs,
    events,
    profiles,
    schedules,
    subscriptions,
)
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import Operation


def operations(settings: BrazeSettings) -> tuple[Operation, ...]:
    """By the workspace's settings."""
    return (
        *campaigns.operations(),
        *attributes.operations(settings),
        *profiles.operations(settings),
        *events.operations(settings),
        *canvases.operations(settings),
        *schedules.operations(settings),
        *catalogs.operations(settings),
        *subscriptions.operations(),
    )
