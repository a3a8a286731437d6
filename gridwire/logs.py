"""Structured logs: one JSON object per line on stderr, through the standard `logging` module.

    log = logging.getLogger(__name__)
    log.info("delivery refused", extra={"platform": "braze", "reason": "stale timestamp"})

The message is a fixed phrase, what varies stands in `extra`. Secrets and personal data have no place in either; as a
net below that rule, secret-looking fields and texts (tokens, signatures, e-mail addresses) are blotted out.
"""

import logging
import re
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import IO, Any

import msgspec

from gridwire.quiet import BLOT, hushed
from gridwire.settings import Secret

TEXT_CHARS_MAX = 2_000
CAUSES_MAX = 5
FRAMES_MAX = 20
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
SECRET_FIELD = re.compile(
    r"secret|token|password|authorization|api_?key|signature|cookie", re.IGNORECASE
)
SECRET_TEXT = re.compile(
    r"(?i:bearer|basic)\s+[\w.~+/=-]{8,}"  # Authorization headers
    r"|whsec_[\w+/=-]+"
    r"|(?i:(?<=token=)|(?<=secret=)|(?<=password=)|(?<=key=)|(?<=sig=))[^&\s\"']+"
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"  # e-mail addresses
)


def scrubbed(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """`text` without what looks like a secret or an e-mail address, cut at `chars_max`."""
    return SECRET_TEXT.sub(BLOT, hushed(text)[:chars_max])


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Secret) or SECRET_FIELD.search(name):
        return BLOT
    if value is None or isinstance(value, bool | int | float):
        return value
    return scrubbed(str(value))


def _where(error: BaseException) -> tuple[str, str]:
    """Classes of an error and its causes, and where it was raised. Messages may hold what was read: they stay out."""
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < CAUSES_MAX:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return " < ".join(kinds), _places(traceback.extract_tb(error.__traceback__))


def place(frame: FrameType) -> str:
    """Where a running thread is: files, lines and functions, the innermost last."""
    return _places(traceback.extract_stack(frame))


def _places(frames: traceback.StackSummary) -> str:
    last = frames[-FRAMES_MAX:]
    return " > ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in last)


class JsonFormatter(logging.Formatter):
    """One line of JSON per event: at, level, logger, role, event, the `extra` fields, error."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "at": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "role": self._role,
            "event": scrubbed(record.getMessage()),
        }
        for name, value in record.__dict__.items():
            if name not in STANDARD and name not in line:
                line[name] = _value(name, value)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"], line["traceback"] = _where(record.exc_info[1])
        return msgspec.json.encode(line).decode()


def configure(role: str, level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Sends all logging of this process as JSON lines to `stream` (stderr). `role`: sources, streams, sinks …"""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(role))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for quiet in ("uvicorn.access", "httpx", "httpcore", "aiohttp.access", "asyncio"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
