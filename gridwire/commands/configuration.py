"""Everything that the environment configures, loaded once and checked as a whole."""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from connectors import registry
from connectors.kit.settings import FetchSettings, GatewaySettings, SinkSettings
from gridwire.settings import (
    Env,
    KafkaSettings,
    SettingsError,
    declared,
    load,
    unknown_variables,
)
from gridwire.tracing import TraceSettings
from streams import settings as flow_settings
from streams.feeds import FEEDS
from streams.flow import Flow
from streams.flows import FLOWS
from streams.runtime.settings import StreamsSettings, state_problems


class CommonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to no role."""

    platforms: Annotated[
        tuple[str, ...],
        Env(
            "GRIDWIRE_PLATFORMS",
            "a comma-separated list of the platforms in use, where the streams role does not see their variables "
            "(empty: those whose variables are set)",
        ),
    ] = ()
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Env("GRIDWIRE_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR"),
    ] = "INFO"


CLASSES: tuple[type[msgspec.Struct], ...] = (
    CommonSettings,
    KafkaSettings,
    GatewaySettings,
    FetchSettings,
    SinkSettings,
    StreamsSettings,
    TraceSettings,
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The environment as typed settings. `inactive`: flow id → platforms that are not configured."""

    common: CommonSettings
    kafka: KafkaSettings
    gateway: GatewaySettings
    fetch: FetchSettings
    sinks: SinkSettings
    streams: StreamsSettings
    traces: TraceSettings
    connectors: tuple[tuple[registry.Connector, msgspec.Struct], ...]
    flows: tuple[Flow[Any], ...]
    inactive: Mapping[str, tuple[str, ...]]
    flow_settings: Mapping[str, msgspec.Struct]


def known_variables() -> set[str]:
    """Every variable that anything reads."""
    classes = [*CLASSES, *(connector.settings for connector in registry.CONNECTORS)]
    names = {setting.env.name for cls in classes for setting in declared(cls)}
    return names | flow_settings.variables((*FEEDS, *FLOWS))


def configuration(environ: Mapping[str, str] | None = None) -> Configuration:
    """All settings. Raises one SettingsError that lists every problem."""
    environ = os.environ if environ is None else environ
    problems = unknown_variables(known_variables(), environ)
    loaded: dict[type[msgspec.Struct], Any] = {}
    for cls in CLASSES:
        try:
            loaded[cls] = load(cls, environ)
        except SettingsError as error:
            problems += error.problems
    if StreamsSettings in loaded:
        problems += state_problems(loaded[StreamsSettings])
    problems += _unknown_names(loaded)
    connectors: tuple[tuple[registry.Connector, msgspec.Struct], ...] = ()
    by_flow: Mapping[str, msgspec.Struct] = {}
    try:
        connectors = registry.configured(environ)
    except SettingsError as error:
        problems += error.problems
    try:
        by_flow = flow_settings.load((*FEEDS, *FLOWS), environ)
    except SettingsError as error:
        problems += error.problems
    if problems:
        raise SettingsError(problems)
    common: CommonSettings = loaded[CommonSettings]
    platforms = set(common.platforms) or {connector.name for connector, _ in connectors}
    flows, inactive = flow_settings.active(FLOWS, platforms)
    return Configuration(
        common=common,
        kafka=loaded[KafkaSettings],
        gateway=loaded[GatewaySettings],
        fetch=loaded[FetchSettings],
        sinks=loaded[SinkSettings],
        streams=loaded[StreamsSettings],
        traces=loaded[TraceSettings],
        connectors=connectors,
        flows=flows,
        inactive=inactive,
        flow_settings=by_flow,
    )


def _unknown_names(loaded: Mapping[type[msgspec.Struct], Any]) -> list[str]:
    """Names of flows and platforms that there are not."""
    problems = []
    if StreamsSettings in loaded:
        ids = [flow.id for flow in (*FLOWS, *FEEDS)]
        problems += _unknown("GRIDWIRE_FLOWS", "flow", loaded[StreamsSettings].flows, ids)
    if CommonSettings in loaded:
        names = [connector.name for connector in registry.CONNECTORS]
        problems += _unknown(
            "GRIDWIRE_PLATFORMS", "platform", loaded[CommonSettings].platforms, names
        )
    return problems


def _unknown(variable: str, what: str, given: Iterable[str], known: list[str]) -> list[str]:
    problems = []
    for name in given:
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}? Known" if close else "known"
        problems.append(f"{variable} names no {what} in {name!r}: {hint} are {', '.join(known)}")
    return problems
