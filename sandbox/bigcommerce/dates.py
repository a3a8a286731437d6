"""Dates and money as the store writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import format_datetime, parsedate_to_datetime

from sandbox.bigcommerce.answers import Refused

CENTS = Decimal("0.0001")


def rfc2822(at_s: float | None) -> str:
    """`Tue, 20 Nov 2012 00:00:00 +0000`; an empty string for a date that is not set."""
    return "" if at_s is None else format_datetime(datetime.fromtimestamp(int(at_s), UTC))


def iso(at_s: float) -> str:
    """`2012-11-20T00:00:00+00:00`, whole seconds."""
    return datetime.fromtimestamp(int(at_s), UTC).isoformat()


def parse_date(text: str, name: str, status: int = 400) -> float:
    """Epoch seconds of an RFC 2822 or ISO 8601 date; UTC where no zone is given."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
        except (ValueError, TypeError):
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    raise Refused(status, f"The value of '{name}' is not an RFC 2822 or ISO 8601 date.")


def money(value: Decimal | float | str) -> str:
    """Four decimals, as V2 writes amounts: `12.5000`."""
    return str(Decimal(str(value)).quantize(CENTS))


def amount(value: object, name: str, status: int = 422) -> Decimal:
    """A decimal of a request body, number or string. Raises Refused."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite():
        raise Refused(status, "An amount is not a number.", errors={name: "must be a number"})
    return number
