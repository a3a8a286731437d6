"""Whether any platform is configured, and what is missing where none is."""

from connectors.registry import CONNECTORS
from gridwire.commands.configuration import Configuration
from gridwire.settings import SettingsError, declared


def none_configured() -> str:
    """What is said where no platform is, with the variables that make each of them configured."""
    wanted = "; or ".join(
        f"{', '.join(one.env.name for one in declared(connector.settings) if one.required)} for {connector.name}"
        for connector in CONNECTORS
    )
    return f"no platform is configured: set {wanted}"


def require_one(config: Configuration) -> None:
    """Raises SettingsError where no platform is configured."""
    if not config.connectors:
        raise SettingsError([none_configured()])
