"""Reading platforms' JSON: typed shapes, times, and vendor texts that are fit for a reason."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

import msgspec

from connectors.kit.connector import (
    MalformedError,
    Misconfigured,
    Rejected,
    Request,
    Verdict,
)
from gridwire.quiet import hushed
from gridwire.redaction import texts_within

S = TypeVar("S")
# Numbers as Avro's long and int take them, and epoch seconds that are in seconds.
Long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Int = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
EpochS = Annotated[int, msgspec.Meta(ge=0, le=100_000_000_000)]
TEXT_CHARS_MAX = 200
SAID_CHARS_MAX = 20_000  # of a vendor's text; more is not looked at
ECHO_CHARS_MIN = 3  # shorter values stand in any text by chance
RESOURCE = re.compile(r"[a-z_]+|v\d+")
# What may be personal in a vendor's error text: quoted values, addresses, and words with digits.
PERSONAL = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\S+@\S+|\+?\S*\d{3,}\S*")


def read(value: Any, shape: type[S], where: str) -> S:
    """`value` as `shape`: numbers in strings are accepted, unknown fields ignored.

    Raises MalformedError naming the place below `where`, never the value.
    """
    try:
        return msgspec.convert(value, shape, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedError(f"{where}: {error}") from error


def iso_ms(text: str, where: str) -> int:
    """Epoch milliseconds of an ISO 8601 time; one without a zone is UTC. Raises MalformedError."""
    try:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise MalformedError(f"{where}: not an ISO 8601 time") from error


def iso_ms_or_none(text: str | None, where: str) -> int | None:
    """Epoch milliseconds, or None where there is no time. Raises MalformedError."""
    return iso_ms(text, where) if text else None


def ms_iso(at_ms: int) -> str:
    """ISO 8601 in UTC, to the millisecond, ending in Z."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def mail_date_s(text: str, where: str) -> int:
    """Epoch seconds of an RFC 2822 date. Raises MalformedError."""
    at = _mail_date(text)
    if at is None:
        raise MalformedError(f"{where}: not an RFC 2822 date")
    return at


def _mail_date(text: str) -> int | None:
    """Epoch seconds; a date without a zone is UTC. The parser fails on odd texts in many ways."""
    try:
        at = parsedate_to_datetime(text)
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def server_s(headers: Mapping[str, str]) -> int | None:
    """The platform's own clock in epoch seconds, from the Date header of an answer."""
    return _mail_date(headers["date"]) if "date" in headers else None


def number(text: str | None) -> float | None:
    """A header's number; None where it is missing or none."""
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def whole(text: str | None) -> int | None:
    """A header's whole number; None where it is missing or none."""
    value = number(text)
    return None if value is None else int(value)


def vendor_text(said: Any, request: Request) -> str:
    """A vendor's error text for a reason: one line, bounded, without secrets and what may be personal.

    Whatever of the request's own values it repeats is taken out, too: of its body, its query, its path.
    """
    line = hushed(" ".join(str(said)[:SAID_CHARS_MAX].split()))
    own = {*texts_within(request.json), *request.query.values(), *_ids_in(request.path)}
    for value in sorted(own, key=len, reverse=True):
        if len(value) >= ECHO_CHARS_MIN:
            line = line.replace(" ".join(value.split()), "…")
    return PERSONAL.sub("…", line)[:TEXT_CHARS_MAX]


def _ids_in(path: str) -> Iterator[str]:
    """Parts of a path that are no names of resources: as they stand, and as they were before they were quoted."""
    for part in path.split("/"):
        if part and RESOURCE.fullmatch(part) is None:
            yield part
            yield unquote(part)


def detailed(verdict: Verdict, request: Request, said: Any) -> Verdict:
    """A refusal with what the vendor said about it, if anything."""
    if not isinstance(verdict, Rejected | Misconfigured) or not said:
        return verdict
    return replace(verdict, reason=f"{verdict.reason}: {vendor_text(said, request)}")
