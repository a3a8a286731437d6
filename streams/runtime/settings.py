"""Settings of the streams role."""

from typing import Annotated, Literal

import msgspec

from gridwire.settings import Env
from gridwire.shapes import NAME, URLS


class StreamsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How rounds are cut and committed, and which flows run here."""

    worker_group: Annotated[
        str,
        NAME,
        Env(
            "GRIDWIRE_WORKER_GROUP",
            "the name of this group of workers; groups share no state, and the one called streams fills "
            "the shared streams",
        ),
    ] = "streams"
    flows: Annotated[
        tuple[str, ...],
        Env("GRIDWIRE_FLOWS", "a comma-separated list of flow ids to run here (empty: all)"),
    ] = ()
    commit_interval_ms: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env("GRIDWIRE_COMMIT_INTERVAL_MS", "milliseconds between commits under load"),
    ] = 100
    round_records_max: Annotated[
        int, msgspec.Meta(ge=1), Env("GRIDWIRE_ROUND_RECORDS_MAX", "the most records in one round")
    ] = 4_000
    round_ms: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_ROUND_MS",
            "milliseconds of work that a round is cut to: rounds take fewer records where they take longer",
        ),
    ] = 100
    columns: Annotated[
        Literal["arrow", "rows"],
        Env("GRIDWIRE_COLUMNS", "arrow: legs that can work on Arrow columns do; rows: none does"),
    ] = "arrow"
    seen_ids_max: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_SEEN_IDS_MAX", "how many event ids each partition of a source topic remembers"
        ),
    ] = 200_000
    go_live_at_ms: Annotated[
        int,
        msgspec.Meta(ge=0),
        Env(
            "GRIDWIRE_GO_LIVE_AT_MS", "the epoch milliseconds before which events give no commands"
        ),
    ] = 0
    state: Annotated[
        Literal["memory", "disk"],
        Env(
            "GRIDWIRE_STATE",
            "memory, or disk where the state of a worker is larger than its memory",
        ),
    ] = "memory"
    state_dir: Annotated[
        str,
        Env(
            "GRIDWIRE_STATE_DIR",
            "the folder of state on disk; it may be lost at any time, the changelogs have everything",
        ),
    ] = ""
    state_cache_mb: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_STATE_CACHE_MB",
            "megabytes of memory for the cache of state on disk, shared by all partitions",
        ),
    ] = 256
    queries_show_personal: Annotated[
        bool,
        Env(
            "GRIDWIRE_QUERIES_SHOW_PERSONAL",
            "true to show personal data in /tables and `gridwire table`",
        ),
    ] = False
    worker_urls: Annotated[
        tuple[str, ...],
        URLS,
        Env(
            "GRIDWIRE_WORKER_URLS",
            "a comma-separated list of the workers' ops ports, e.g. http://streams-0:9100, for `gridwire table`",
        ),
    ] = ()
    stall_s_max: Annotated[
        float,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_STALL_S_MAX",
            "the seconds that a partition may lag without any commit, or a loop or a restore stand still, before "
            "/livez asks for a restart; below 60 a restart of a broker may look like one",
        ),
    ] = 120.0
    dead_letters_in_a_row_max: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_DEAD_LETTERS_IN_A_ROW_MAX",
            "how many dead letters in a row of one leg stop the worker",
        ),
    ] = 1_000
    dead_letters_ratio_max: Annotated[
        float,
        msgspec.Meta(ge=0, le=1),
        Env(
            "GRIDWIRE_DEAD_LETTERS_RATIO_MAX",
            "the share of a leg's latest records that may be dead letters before the worker stops (1: any)",
        ),
    ] = 0.5
    dead_letters_ratio_records: Annotated[
        int,
        msgspec.Meta(ge=1),
        Env(
            "GRIDWIRE_DEAD_LETTERS_RATIO_RECORDS",
            "how many of a leg's latest records that share is taken of; fewer are not judged",
        ),
    ] = 1_000


def state_problems(settings: StreamsSettings) -> list[str]:
    """What is wrong with the settings of state, each with its fix."""
    if settings.state == "disk" and not settings.state_dir:
        return [
            "GRIDWIRE_STATE_DIR is missing: GRIDWIRE_STATE=disk needs a folder with room for the state"
        ]
    if settings.state == "disk" and settings.state_cache_mb < 1:
        return [
            "GRIDWIRE_STATE_CACHE_MB is less than 1: set it to the megabytes that may be used, e.g. 256"
        ]
    return []
