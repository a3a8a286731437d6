"""What a clean stop leaves beside the rows: up to which offset of each changelog they are complete.

The marker is removed before the first write, so a crash leaves none. Where it is missing, does not fit or is too old
(`streams.runtime.marks.distrusted`) everything is read again.
"""

import logging
import time
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

FORMAT = 1
MARKER = "clean-stop.json"


class Place(msgspec.Struct, frozen=True):
    """Up to where (exclusive) a changelog partition is contained. `topic_id`: of the topic as it was then."""

    topic: str
    topic_id: str
    offset: int


class Marker(msgspec.Struct, frozen=True):
    """What a clean stop leaves behind. `places`: by store.

    `stopped_at_ms` (epoch ms): when the state was last whole. A stop in mid-restore keeps what the marker before it
    said; in mid-rebuild it is when that began.
    """

    format: int
    partition: int
    partitions: int
    stopped_at_ms: int
    places: dict[str, Place]


def read(path: Path) -> Marker | None:
    """None where there is none, or none that this version understands."""
    try:
        marker = msgspec.json.decode(path.read_bytes(), type=Marker)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        log.warning("marker not readable", extra={"reason": type(error).__name__})
        return None
    return marker if marker.format == FORMAT else None


def taken(path: Path) -> Marker | None:
    """Reads a marker and removes it: from here on a crash leaves none."""
    marker = read(path)
    path.unlink(missing_ok=True)
    return marker


def left(path: Path, marker: Marker) -> None:
    """Leaves a marker, whole or not at all."""
    path.with_suffix(".new").write_bytes(msgspec.json.encode(marker))
    path.with_suffix(".new").replace(path)


def now_ms() -> int:
    """The wall clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000
