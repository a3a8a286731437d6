"""Reading platforms' JSON, money and times."""

from __future__ import annotations

import msgspec
import pytest

from connectors.kit import money
from connectors.kit.connector import MalformedError, Misconfigured, Rejected, Request, Transient
from connectors.kit.reading import (
    TEXT_CHARS_MAX,
    detailed,
    iso_ms,
    mail_date_s,
    ms_iso,
    number,
    read,
    server_s,
    vendor_text,
    whole,
)

SENT = Request(
    "POST", "/x", json={"user": "customer-77", "list": [{"name": "Ms Miller", "short": "ab"}]}
)


class Shape(msgspec.Struct):
    id: int
    name: str | None = None


def test_a_shape_takes_numbers_in_text_and_ignores_what_it_does_not_know() -> None:
    assert read({"id": "7", "more": 1}, Shape, "body") == Shape(7)


@pytest.mark.parametrize("value", [{}, {"id": "seven"}, {"id": 1, "name": 2}, [], None])
def test_what_does_not_fit_names_the_place_and_not_the_value(value: object) -> None:
    with pytest.raises(MalformedError, match="body") as caught:
        read(value, Shape, "body")
    assert "seven" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2025-10-09T08:53:20Z", 1_760_000_000_000),
        ("2025-10-09T10:53:20.250+02:00", 1_760_000_000_250),
        ("2025-10-09T08:53:20", 1_760_000_000_000),
        ("2025-10-09", 1_759_968_000_000),
    ],
)
def test_times_are_read_to_the_millisecond(text: str, ms: int) -> None:
    assert iso_ms(text, "at") == ms
    assert iso_ms(ms_iso(ms), "at") == ms


def test_what_is_no_time_is_refused() -> None:
    for read_time in (iso_ms, mail_date_s):
        with pytest.raises(MalformedError) as caught:
            read_time("half past nine", "at")
        assert "nine" not in str(caught.value)
    assert mail_date_s("Thu, 09 Oct 2025 10:53:20 +0200", "at") == 1_760_000_000


def test_headers_are_read_or_missing_but_never_wrong() -> None:
    assert server_s({"date": "Thu, 09 Oct 2025 08:53:20 GMT"}) == 1_760_000_000
    assert server_s({"date": "now"}) is None
    assert server_s({}) is None
    assert (number("1.5"), number("x"), number(None), number("")) == (1.5, None, None, None)
    assert (whole("7"), whole("7.9"), whole("x"), whole("inf"), whole("nan")) == (
        7,
        7,
        None,
        None,
        None,
    )


def test_a_vendors_text_is_one_bounded_line_without_what_may_be_personal() -> None:
    said = "customer-77:\n 'Jo' <jo@example.com> +1555 010999, Ms Miller; field name is ab"
    found = vendor_text(said, SENT)
    assert "\n" not in found
    for personal in ("customer-77", "Jo", "example", "1555", "010999", "Miller"):
        assert personal not in found
    assert found.endswith("field name is ab")
    assert len(vendor_text("word " * 1_000, SENT)) == TEXT_CHARS_MAX


def test_only_refusals_say_why() -> None:
    assert detailed(Rejected("no"), SENT, "because") == Rejected("no: because")
    assert detailed(Misconfigured("no"), SENT, "because") == Misconfigured("no: because")
    assert detailed(Rejected("no"), SENT, None) == Rejected("no")
    assert detailed(Transient("later"), SENT, "because") == Transient("later")


@pytest.mark.parametrize(
    ("amount", "code", "times", "minor"),
    [
        ("12.30", "USD", 1, 1230),
        (0.1, "EUR", 3, 30),
        ("1980", "JPY", 2, 3960),
        ("1.2345", "BHD", 1, 1234),
        ("0.005", "USD", 1, 0),
        ("0.015", "USD", 1, 2),
        ("-3", "USD", 1, -300),
        ("1e25", "USD", 1, None),
        ("1e999999999", "USD", 1, None),
        ("NaN", "USD", 1, None),
        ("-Infinity", "USD", 1, None),
        ("", "USD", 1, None),
        (None, "USD", 1, None),
        (True, "USD", 1, None),
    ],
)
def test_money_becomes_minor_units_exactly(
    amount: object, code: str, times: int, minor: int | None
) -> None:
    assert money.minor(amount, code, times) == minor


@pytest.mark.parametrize(
    ("said", "code"), [("usd", "USD"), (" EUR ", "EUR"), ("US", None), ("€€€", None), (None, None)]
)
def test_a_currency_is_three_letters(said: object, code: str | None) -> None:
    assert money.currency(said) == code
