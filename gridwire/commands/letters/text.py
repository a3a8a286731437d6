"""Letters for people to read. Personal data, as the schemas tag it, is left out unless raw bytes are asked for."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any, Literal

from gridwire.codec import Codec, CodecError, RegistryUnavailableError
from gridwire.commands.letters.letter import Letter, State
from gridwire.dead_letters import OURS
from gridwire.records import DeadLetterMark
from gridwire.redaction import HIDDEN, Redaction
from gridwire.replays import REPLAY_OF
from gridwire.topics import BY_NAME

Raw = Literal["hex", "base64"]


def moment(at_ms: int) -> str:
    """A time in UTC, to the millisecond."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{ms:03d}Z"


def _columns(*cells: str) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


WIDTHS = (28, 24, 9, 40, 30, 40, 7, 32, 28)
HEAD = _columns(
    "letter", "failed at", "state", "flow", "reason", "record", "attempt", "trace", "replay of"
)


def line(letter: Letter, state: State) -> str:
    """A letter in one line of a list, below HEAD."""
    offset = letter.row(state)["offset"]
    return _columns(
        str(letter.id),
        moment(letter.failed_ms),
        state,
        letter.flow,
        letter.reason,
        f"{letter.topic}/{letter.partition}/{offset}" if letter.topic else "no topic",
        str(letter.attempt),
        letter.trace_id or "-",
        letter.text(REPLAY_OF) or "-",
    )


# ---- one letter in full ------------------------------------------------------------------------------------------
def shown(
    letter: Letter, state: State, mark: DeadLetterMark | None, codec: Codec, raw: Raw | None
) -> dict[str, Any]:
    """Everything about a letter: what is listed, its own headers by size, key and record without personal data.

    `raw`: key, value and headers byte for byte beside it, whatever they hold.
    """
    found = letter.row(state)
    if mark is not None:
        found |= {"marked_at": mark.occurred_at, "target": mark.target}
    found["headers"] = dict(letter.texts) | {
        name: f"({len(value or b'')} bytes)"
        for name, value in letter.headers
        if not name.startswith(OURS)
    }
    found |= _content(letter, codec)
    if raw is not None:
        found["raw"] = {
            "encoding": raw,
            "key": _bytes(letter.key, raw),
            "value": _bytes(letter.value, raw),
            "headers": [
                [name, _bytes(value, raw)]
                for name, value in letter.headers
                if not name.startswith(OURS)
            ],
        }
    return found


def _bytes(value: bytes | None, raw: Raw) -> str | None:
    if value is None:
        return None
    return value.hex() if raw == "hex" else base64.b64encode(value).decode()


def _content(letter: Letter, codec: Codec) -> dict[str, Any]:
    """Key and record; why not, where they cannot be shown."""
    hidden = {"key": HIDDEN if letter.key else None, "record": None}
    topic = BY_NAME.get(letter.topic)
    if letter.timer is not None or topic is None:
        what = "the state of a timer" if letter.timer else "what a platform sent"
        return hidden | {"note": f"{what}, {len(letter.value or b'')} bytes: --raw shows them"}
    try:
        record = codec.of(topic).decode(letter.value)
    except CodecError as error:
        return hidden | {
            "note": f"not readable here either ({error.reason}): --raw shows its bytes"
        }
    except RegistryUnavailableError as error:
        return hidden | {"note": f"{error}: the record cannot be decoded without it"}
    redaction = Redaction.of(record)
    key = (letter.key or b"").decode(errors="replace")
    return {"key": redaction.scrubbed(key), "record": redaction.record}


def paragraph(found: Mapping[str, Any]) -> str:
    """`shown`, as text."""
    lines = [f"{found['id']}"]
    lines += [f"  {name}: {_value(name, value)}" for name, value in found.items() if name != "id"]
    return "\n".join(one for one in lines if not one.endswith(": "))


def _value(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.endswith("_at"):
        return moment(value)
    if isinstance(value, dict):
        return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
    return str(value)
