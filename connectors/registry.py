"""Every connector, in one list. A platform is configured when its required variables are set."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors import bigcommerce, braze, trading_grid
from connectors.bigcommerce.settings import BigCommerceSettings
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import Sink, Source
from connectors.trading_grid.settings import TradingGridSettings
from gridwire.settings import SettingsError, declared, load


@dataclass(frozen=True, slots=True)
class Connector:
    """One platform: `source` and `sink` are made of an instance of `settings`."""

    name: str
    settings: type[msgspec.Struct]
    source: Callable[[Any], Source]
    sink: Callable[[Any], Sink]

    def configured(self, environ: Mapping[str, str]) -> bool:
        """Whether any of its required variables is set: then all must be."""
        required = (one for one in declared(self.settings) if one.required)
        return any(
            environ.get(one.env.name) or (one.secret and environ.get(f"{one.env.name}_FILE"))
            for one in required
        )

    def load(self, environ: Mapping[str, str]) -> msgspec.Struct:
        """Its settings. Raises SettingsError, also where values do not fit one another."""
        settings = load(self.settings, environ)
        self.source(settings)
        self.sink(settings)
        return settings


CONNECTORS: tuple[Connector, ...] = (
    Connector("braze", BrazeSettings, braze.source, braze.sink),
    Connector("bigcommerce", BigCommerceSettings, bigcommerce.source, bigcommerce.sink),
    Connector("trading-grid", TradingGridSettings, trading_grid.source, trading_grid.sink),
)


def configured(
    environ: Mapping[str, str] | None = None,
) -> tuple[tuple[Connector, msgspec.Struct], ...]:
    """The configured connectors with their settings. Raises SettingsError with every problem."""
    environ = os.environ if environ is None else environ
    found: list[tuple[Connector, msgspec.Struct]] = []
    problems: list[str] = []
    for connector in CONNECTORS:
        if not connector.configured(environ):
            continue
        try:
            found.append((connector, connector.load(environ)))
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return tuple(found)
