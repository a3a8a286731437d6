"""Settings from the environment: declared once with type, variable, default and meaning.

A settings class is a frozen `msgspec.Struct` whose fields are annotated with `Env`. `load` reads them all and
raises one `SettingsError` that lists every problem with its fix. A secret may be given as `NAME` or as `NAME_FILE`
(path of a mounted file).
"""

import difflib
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
# A variable with one of these beginnings that no settings class knows is a mistake.
PREFIXES = ("GRIDWIRE_", "BRAZE_", "BIGCOMMERCE_", "TG_", "SFCC_", "MAILCHIMP_", "STORYTEQ_")


@dataclass(frozen=True, slots=True)
class Env:
    """Where a setting comes from and what it means."""

    name: str
    doc: str


class SettingsError(Exception):
    """The environment does not make a valid configuration; the message lists every problem with its fix."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("configuration is not valid:\n" + "\n".join(f"  - {p}" for p in problems))
        self.problems = problems


class Secret(str):
    """A string that does not print itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return "…"

    def reveal(self) -> str:
        """The secret itself: only for the place that sends it."""
        return str.__str__(self)


@dataclass(frozen=True, slots=True)
class Setting:
    """One declared setting, as documentation and loading see it."""

    field: str
    env: Env
    type: Any
    default: Any  # msgspec.NODEFAULT: required

    @property
    def required(self) -> bool:
        return self.default is msgspec.NODEFAULT

    @property
    def secret(self) -> bool:
        return self.type is Secret or self.type == (Secret | None)


def declared(cls: type[msgspec.Struct]) -> list[Setting]:
    """All settings of a class, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    settings = []
    for field in msgspec.structs.fields(cls):
        hint = hints[field.name]
        env = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Env)), None)
        if env is None:
            raise TypeError(
                f"{cls.__name__}.{field.name} has no Env: annotate it with Annotated[type, Env(…)]"
            )
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        settings.append(Setting(field.name, env, typing.get_args(hint)[0], default))
    return settings


def load(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """The settings of `cls` from `environ` (default: the process environment). Raises SettingsError."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    problems: list[str] = []
    for setting in declared(cls):
        try:
            raw = _raw(setting, environ)
            if raw is None and setting.required:
                problems.append(f"{setting.env.name} is missing: set it to {setting.env.doc}")
            elif raw is not None:
                values[setting.field] = convert(raw, setting.type)
        except (ValueError, OSError) as error:
            problems.append(
                f"{setting.env.name} is not valid ({error}): set it to {setting.env.doc}"
            )
    if problems:
        raise SettingsError(problems)
    return cls(**values)


def _raw(setting: Setting, environ: Mapping[str, str]) -> str | None:
    path = environ.get(f"{setting.env.name}_FILE") if setting.secret else None
    if path:
        return Path(path).read_text().strip()
    raw = environ.get(setting.env.name)
    return raw or None


def convert(raw: str, kind: Any) -> Any:
    """`raw` as a value of `kind`. Raises ValueError with what is wrong."""
    options = [option for option in typing.get_args(kind) if option is not type(None)]
    if type(None) in typing.get_args(kind) and len(options) == 1:
        return convert(raw, options[0])
    if kind is bool:
        if raw.lower() in TRUE + FALSE:
            return raw.lower() in TRUE
        raise ValueError(f"{raw!r} is neither true nor false")
    if kind in (str, Secret, Path, int, float):
        return kind(raw)
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if typing.get_origin(kind) is typing.Literal:
        if raw in typing.get_args(kind):
            return raw
        raise ValueError(f"{raw!r} is none of {', '.join(typing.get_args(kind))}")
    try:
        return msgspec.json.decode(raw.encode(), type=kind)
    except msgspec.DecodeError as error:  # also ValidationError
        raise ValueError(f"not JSON of the right shape: {error}") from error


def unknown_variables(known: set[str], environ: Mapping[str, str] | None = None) -> list[str]:
    """Problems with variables that look like ours but that nothing reads (a typo would else go unseen)."""
    environ = os.environ if environ is None else environ
    problems = []
    for name in sorted(environ):
        base = name.removesuffix("_FILE")
        if not name.startswith(PREFIXES) or name in known or base in known:
            continue
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else "remove it"
        problems.append(f"{name} is not a known setting: {hint}")
    return problems


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach Kafka and the schema registry; shared by every role."""

    bootstrap: Annotated[str, Env("KAFKA_BOOTSTRAP", "host:port[,host:port] of the Kafka brokers")]
    registry_url: Annotated[
        str, Env("SCHEMA_REGISTRY_URL", "the URL of a Confluent-compatible schema registry")
    ]
    security: Annotated[
        dict[str, str],
        Env(
            "GRIDWIRE_KAFKA_SECURITY",
            "a JSON object of librdkafka security properties, e.g. sasl.mechanism",
        ),
    ] = msgspec.field(default_factory=dict)
    delivery: Annotated[
        typing.Literal["exactly_once", "at_least_once"],
        Env("GRIDWIRE_DELIVERY", "exactly_once (transactions) or at_least_once"),
    ] = "exactly_once"
    partitions: Annotated[
        int,
        Env(
            "GRIDWIRE_PARTITIONS",
            "the number of partitions of topics that are joined (fixed once data is in)",
        ),
    ] = 4
    replication: Annotated[
        int, Env("GRIDWIRE_REPLICATION", "the replication factor of topics that gridwire creates")
    ] = 1
    group_prefix: Annotated[
        str, Env("GRIDWIRE_GROUP_PREFIX", "the beginning of consumer group and transactional ids")
    ] = "gridwire"
    ops_host: Annotated[
        str, Env("GRIDWIRE_OPS_HOST", "the address that /metrics, /livez and /readyz listen on")
    ] = "0.0.0.0"
    ops_port: Annotated[
        int, Env("GRIDWIRE_OPS_PORT", "the port of /metrics, /livez and /readyz (0: any free port)")
    ] = 9100
    topic_creation: Annotated[
        typing.Literal["request", "metadata", "none"],
        Env(
            "GRIDWIRE_TOPIC_CREATION",
            "request (create what is missing), none (an operator does), or metadata (name topics, and a broker "
            "that creates them by itself does)",
        ),
    ] = "request"
    session_timeout_ms: Annotated[
        int,
        Env(
            "GRIDWIRE_SESSION_TIMEOUT_MS",
            "milliseconds after which a silent group member is missed",
        ),
    ] = 10_000
    slot: Annotated[
        int, Env("GRIDWIRE_SLOT", "the stable number of this replica, e.g. its StatefulSet ordinal")
    ] = 0
