"""Settings of flows: one variable per flow, a JSON object of the fields that differ from their defaults."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gridwire.settings import SettingsError
from streams.flow import Flow

PREFIX = "GRIDWIRE_FLOW_"


def variable(flow: Flow[Any]) -> str:
    """E.g. GRIDWIRE_FLOW_BRAZE_CASE_NOTIFICATION."""
    return PREFIX + flow.id.upper().replace(".", "_").replace("-", "_")


def variables(flows: Sequence[Flow[Any]]) -> set[str]:
    return {variable(flow) for flow in flows}


def load(
    flows: Sequence[Flow[Any]], environ: Mapping[str, str] | None = None
) -> dict[str, msgspec.Struct]:
    """Settings by flow id. Raises SettingsError with every problem and its fix."""
    environ = os.environ if environ is None else environ
    found: dict[str, msgspec.Struct] = {}
    problems: list[str] = []
    for flow in flows:
        raw = environ.get(variable(flow))
        try:
            found[flow.id] = flow.settings() if not raw else _decode(flow, raw)
        except (msgspec.DecodeError, ValueError) as error:
            problems.append(
                f"{variable(flow)} is not valid ({error}): set it to a JSON object of {_fields(flow)}"
            )
    if problems:
        raise SettingsError(problems)
    return found


def _decode(flow: Flow[Any], raw: str) -> msgspec.Struct:
    given = msgspec.json.decode(raw)
    known = {field.name for field in msgspec.structs.fields(flow.settings)}
    unknown = set(given) - known if isinstance(given, dict) else set()
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    settings: msgspec.Struct = msgspec.convert(given, flow.settings, strict=True)
    flow.legs(settings)  # a flow may refuse values that do not fit one another
    return settings


def _fields(flow: Flow[Any]) -> str:
    return ", ".join(field.name for field in msgspec.structs.fields(flow.settings)) or "nothing"


def active(
    flows: Sequence[Flow[Any]], platforms: set[str]
) -> tuple[tuple[Flow[Any], ...], dict[str, tuple[str, ...]]]:
    """The flows whose platforms are all configured, and for the others which are missing."""
    missing = {flow.id: tuple(p for p in flow.needs if p not in platforms) for flow in flows}
    on = tuple(flow for flow in flows if not missing[flow.id])
    return on, {flow_id: gone for flow_id, gone in missing.items() if gone}
