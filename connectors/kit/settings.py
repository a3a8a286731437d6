"""Settings of sources and sinks that belong to no platform."""

from typing import Annotated, Literal

import msgspec

from gridwire.limits import Limits
from gridwire.settings import Env
from gridwire.shapes import PORT_MAX
from gridwire.topics import LEDGER_DAYS_MAX

UnsafeRepeats = Literal["at_most_once", "at_least_once"]
LIMITS = Limits(in_a_row_max=100, ratio_max=0.5, ratio_records=1_000)


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The webhook gateway."""

    host: Annotated[
        str, Env("GRIDWIRE_GATEWAY_HOST", "the address that webhooks are received on")
    ] = "0.0.0.0"
    port: Annotated[
        int,
        msgspec.Meta(ge=0, le=PORT_MAX),
        Env("GRIDWIRE_GATEWAY_PORT", "the port that webhooks are received on (0: any)"),
    ] = 8080
    in_flight_bytes_max: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_GATEWAY_IN_FLIGHT_BYTES",
            "how many bytes of bodies may be held before deliveries are answered 503",
        ),
    ] = 64_000_000
    in_flight_requests_max: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_GATEWAY_IN_FLIGHT_REQUESTS",
            "how many deliveries may be under way before others are answered 503",
        ),
    ] = 2_000
    deadline_s: Annotated[
        float,
        msgspec.Meta(gt=0, lt=15),
        Env(
            "GRIDWIRE_GATEWAY_DEADLINE_S",
            "seconds within which Kafka must acknowledge, below the senders' own time-out (15 s)",
        ),
    ] = 10.0


class FetchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Completing thin webhooks: how long an object may stay away."""

    attempts_max: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env("GRIDWIRE_FETCH_ATTEMPTS", "how often a notice is fetched before it is given up"),
    ] = 15
    age_s_max: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env(
            "GRIDWIRE_FETCH_AGE_S",
            "seconds after which a notice that cannot be fetched is given up",
        ),
    ] = 3_600.0


class SinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Delivering commands: when to give up, and what to do where an outcome is not known."""

    attempts_max: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_SINK_ATTEMPTS",
            "how often a command may fail while its platform is well before it is given up",
        ),
    ] = 10
    age_s_max: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("GRIDWIRE_SINK_AGE_S", "seconds after its first attempt when a command is given up"),
    ] = 21_600.0
    unsafe_repeats: Annotated[
        UnsafeRepeats,
        Env(
            "GRIDWIRE_SINK_UNSAFE_REPEATS",
            "at_most_once (an operation that cannot be repeated safely and whose outcome is not known "
            "is reported, not repeated) or at_least_once (it is repeated)",
        ),
    ] = "at_most_once"
    ledger_hours: Annotated[
        float,
        msgspec.Meta(gt=0, le=24 * LEDGER_DAYS_MAX),
        Env(
            "GRIDWIRE_SINK_LEDGER_HOURS",
            "hours for which a command that was carried out is remembered, and not carried out again under the same "
            "id (at most 168: the topic's retention)",
        ),
    ] = 24.0 * LEDGER_DAYS_MAX
    ledger_ids_max: Annotated[
        int,
        msgspec.Meta(ge=1_000, le=10_000_000),
        Env(
            "GRIDWIRE_SINK_LEDGER_IDS",
            "how many such commands are remembered per partition, about 100 bytes of memory each",
        ),
    ] = 100_000
    rejects_in_a_row_max: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_SINK_REJECTS_IN_A_ROW_MAX",
            "how many commands of one operation may be refused or given up in a row before it stops",
        ),
    ] = LIMITS.in_a_row_max
    rejects_ratio_max: Annotated[
        float,
        msgspec.Meta(gt=0, le=1),
        Env(
            "GRIDWIRE_SINK_REJECTS_RATIO_MAX",
            "the share of an operation's latest commands that may be refused or given up before it stops (1: any)",
        ),
    ] = LIMITS.ratio_max
    rejects_ratio_records: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_SINK_REJECTS_RATIO_RECORDS",
            "of how many of its latest commands that share is; fewer are not judged",
        ),
    ] = LIMITS.ratio_records
