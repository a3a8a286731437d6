"""Settings from the environment: declared once with type, variable, default and meaning.

A settings class is a frozen `msgspec.Struct` whose fields are annotated with `Env`, and where their type leaves too
much open with bounds (`msgspec.Meta`) or a `Shape`. `load` reads them all, checks them, and raises one `SettingsError`
that lists every problem with its fix. A secret may be given as `NAME` or as `NAME_FILE`
(path of a mounted file).
"""

import difflib
import math
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from gridwire.quiet import keep_quiet
from gridwire.shapes import HOSTS, NAME, PORT_MAX, PROPERTIES, URLS, Shape, shown

S = TypeVar("S", bound=msgspec.Struct)
M = TypeVar("M")
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
# A variable with one of these beginnings that no settings class knows is a mistake.
PREFIXES = ("GRIDWIRE_", "BRAZE_", "BIGCOMMERCE_", "TG_")


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
    """A string that does not print itself, and that no log repeats."""

    __slots__ = ()

    def __new__(cls, value: str = "") -> typing.Self:
        keep_quiet(str.__str__(value))
        return super().__new__(cls, value)

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
    bounds: msgspec.Meta | None = None
    shape: Shape | None = None

    @property
    def required(self) -> bool:
        return self.default is msgspec.NODEFAULT

    @property
    def secret(self) -> bool:
        return self.type is Secret or self.type == (Secret | None)

    @property
    def private(self) -> bool:
        """A value is never shown."""
        return self.secret or (self.shape is not None and self.shape.private)

    @property
    def bounded_type(self) -> Any:
        """The type with its bounds, as msgspec has them."""
        return self.type if self.bounds is None else Annotated[self.type, self.bounds]


def declared(cls: type[msgspec.Struct]) -> list[Setting]:
    """All settings of a class, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    settings = []
    for field in msgspec.structs.fields(cls):
        hint = hints[field.name]
        env = _said(hint, Env)
        if env is None:
            raise TypeError(
                f"{cls.__name__}.{field.name} has no Env: annotate it with Annotated[type, Env(…)]"
            )
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        kind = typing.get_args(hint)[0]
        bounds, shape = _said(hint, msgspec.Meta), _said(hint, Shape)
        settings.append(Setting(field.name, env, kind, default, bounds, shape))
    return settings


def _said(hint: Any, kind: type[M]) -> M | None:
    """What an annotation says in an object of `kind`."""
    return next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, kind)), None)


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
                values[setting.field] = _checked(raw, setting)
        except (ValueError, OSError) as error:
            problems.append(
                f"{_given(setting, environ)} is not valid ({error}): {_fix(setting, environ)}"
            )
    if problems:
        raise SettingsError(problems)
    return cls(**values)


def _raw(setting: Setting, environ: Mapping[str, str]) -> str | None:
    """None where it is not set. Raises ValueError, OSError where its file has nothing."""
    raw = environ.get(setting.env.name)
    path = environ.get(f"{setting.env.name}_FILE") if setting.secret else None
    if path:
        if raw:
            raise ValueError(f"{setting.env.name} is set, too: remove one of them")
        held = _held(Path(path))
        if not held:
            raise ValueError("the file is empty")
        return held
    if raw is not None and not raw.strip() and setting.shape and not setting.shape.empty:
        raise ValueError("it is set, and empty")
    return raw or None


def _held(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise ValueError("the file is no UTF-8 text") from error
    except OSError as error:
        raise OSError(error.strerror or type(error).__name__) from error


def _given(setting: Setting, environ: Mapping[str, str]) -> str:
    """The variable that a value came from, with the value where that may be shown."""
    if _from_file(setting, environ):
        return f"{setting.env.name}_FILE"  # the secret itself may have been put there
    if setting.private:
        return setting.env.name
    return f"{setting.env.name}={shown(environ.get(setting.env.name, ''))}"


def _from_file(setting: Setting, environ: Mapping[str, str]) -> bool:
    return setting.secret and bool(environ.get(f"{setting.env.name}_FILE"))


def _fix(setting: Setting, environ: Mapping[str, str]) -> str:
    remove = "" if setting.required else ", or remove it"
    what = "the path of a file that holds " if _from_file(setting, environ) else ""
    return f"set it to {what}{setting.env.doc}{remove}"


def _checked(raw: str, setting: Setting) -> Any:
    """`raw` as a value of the setting. Raises ValueError with what is wrong."""
    value = convert(raw, setting.type)
    if setting.bounds is not None:
        _check_bounds(value, setting.bounds)
    if setting.shape is not None:
        setting.shape.check(value)
    return value


def _check_bounds(value: float, bounds: msgspec.Meta) -> None:
    broken = (
        (bounds.ge is not None and value < bounds.ge, "at least", bounds.ge),
        (bounds.gt is not None and value <= bounds.gt, "more than", bounds.gt),
        (bounds.le is not None and value > bounds.le, "at most", bounds.le),
        (bounds.lt is not None and value >= bounds.lt, "less than", bounds.lt),
    )
    for is_broken, words, bound in broken:
        if is_broken:
            raise ValueError(f"it must be {words} {bound}")


def convert(raw: str, kind: Any) -> Any:
    """`raw` as a value of `kind`. Raises ValueError with what is wrong."""
    options = [option for option in typing.get_args(kind) if option is not type(None)]
    if type(None) in typing.get_args(kind) and len(options) == 1:
        return convert(raw, options[0])
    if kind is bool:
        if raw.lower() in TRUE + FALSE:
            return raw.lower() in TRUE
        raise ValueError(f"{raw!r} is neither true nor false")
    if kind in (int, float):
        return _number(raw, kind)
    if kind in (str, Secret, Path):
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


def _number(raw: str, kind: type[int] | type[float]) -> float:
    try:
        value = kind(raw)
    except ValueError:
        raise ValueError("it is no whole number" if kind is int else "it is no number") from None
    if not math.isfinite(value):
        raise ValueError("it is no number")
    return value


def unknown_variables(known: set[str], environ: Mapping[str, str] | None = None) -> list[str]:
    """Problems with variables that look like ours but that nothing reads (a typo would else go unseen)."""
    environ = os.environ if environ is None else environ
    problems = []
    for name in sorted(environ):
        base = name.removesuffix("_FILE")
        if not name.startswith(PREFIXES) or name in known or base in known:
            continue
        prefix = next(one for one in PREFIXES if name.startswith(one))
        alike = [one for one in known if one.startswith(prefix)]
        close = difflib.get_close_matches(name, alike, n=1)
        hint = f"did you mean {close[0]}?" if close else "remove it"
        problems.append(f"{name} is not a known setting: {hint}")
    return problems


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach Kafka and the schema registry; shared by every role."""

    bootstrap: Annotated[
        str, HOSTS, Env("KAFKA_BOOTSTRAP", "host:port[,host:port] of the Kafka brokers")
    ]
    registry_url: Annotated[
        str, URLS, Env("SCHEMA_REGISTRY_URL", "the URL of a Confluent-compatible schema registry")
    ]
    security: Annotated[
        dict[str, str],
        PROPERTIES,
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
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_PARTITIONS",
            "the number of partitions of topics that are joined (fixed once data is in)",
        ),
    ] = 4
    replication: Annotated[
        int,
        msgspec.Meta(ge=1, le=32_767),
        Env("GRIDWIRE_REPLICATION", "the replication factor of topics that gridwire creates"),
    ] = 1
    group_prefix: Annotated[
        str,
        NAME,
        Env("GRIDWIRE_GROUP_PREFIX", "the beginning of consumer group and transactional ids"),
    ] = "gridwire"
    ops_host: Annotated[
        str, Env("GRIDWIRE_OPS_HOST", "the address that /metrics, /livez and /readyz listen on")
    ] = "0.0.0.0"
    ops_port: Annotated[
        int,
        msgspec.Meta(ge=0, le=PORT_MAX),
        Env("GRIDWIRE_OPS_PORT", "the port of /metrics, /livez and /readyz (0: any free port)"),
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
        msgspec.Meta(ge=1_000, le=300_000),
        Env(
            "GRIDWIRE_SESSION_TIMEOUT_MS",
            "milliseconds after which a silent group member is missed",
        ),
    ] = 10_000
    slot: Annotated[
        int,
        msgspec.Meta(ge=0),
        Env("GRIDWIRE_SLOT", "the stable number of this replica, e.g. its StatefulSet ordinal"),
    ] = 0
