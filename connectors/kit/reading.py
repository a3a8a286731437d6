"""Reading platforms' JSON: typed shapes, times, and vendor texts that are fit for a reason."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from connectors.kit.connector import MalformedError

S = TypeVar("S")
TEXT_CHARS_MAX = 200
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
    except ValueError as error:
        raise MalformedError(f"{where}: not an ISO 8601 time") from error
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def iso_ms_or_none(text: str | None, where: str) -> int | None:
    """Epoch milliseconds, or None where there is no time. Raises MalformedError."""
    return iso_ms(text, where) if text else None


def ms_iso(at_ms: int) -> str:
    """ISO 8601 in UTC, to the millisecond, ending in Z."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def mail_date_s(text: str, where: str) -> int:
    """Epoch seconds of an RFC 2822 date. Raises MalformedError."""
    try:
        return round(parsedate_to_datetime(text).timestamp())
    except ValueError as error:
        raise MalformedError(f"{where}: not an RFC 2822 date") from error


def s_mail_date(at_s: int) -> str:
    """RFC 2822 date in UTC."""
    return format_datetime(datetime.fromtimestamp(at_s, UTC))


def server_s(headers: Mapping[str, str]) -> int | None:
    """The platform's own clock in epoch seconds, from the Date header of an answer."""
    try:
        return round(parsedate_to_datetime(headers["date"]).timestamp())
    except (KeyError, ValueError):
        return None


def number(text: str | None) -> float | None:
    """A header's number; None where it is missing or none."""
    try:
        return float(text) if text else None
    except ValueError:
        return None


def whole(text: str | None) -> int | None:
    """A header's whole number; None where it is missing or none."""
    value = number(text)
    return None if value is None else int(value)


def vendor_text(text: Any) -> str:
    """A vendor's error text for a reason: one line, bounded, without what may be personal."""
    line = " ".join(str(text).split())
    return PERSONAL.sub("…", line)[:TEXT_CHARS_MAX]
