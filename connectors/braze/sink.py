"""What gridwire does in Braze. Each kind of operation is a module in `operations`."""

from connectors.braze.operations import operations
from connectors.braze.platform import platform
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import Sink
from gridwire.topics import BRAZE_COMMANDS, BRAZE_RECEIPTS


def sink(settings: BrazeSettings) -> Sink:
    """Carries out `command.braze`."""
    return Sink(
        platform=platform(settings),
        commands=BRAZE_COMMANDS,
        receipts=BRAZE_RECEIPTS,
        operations={operation.name: operation for operation in operations(settings)},
    )
