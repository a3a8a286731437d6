"""Amounts in words, and what has the form of a currency's code."""

import pytest

from gridwire import currencies


@pytest.mark.parametrize(
    ("minor", "code", "text"),
    [
        (1_230, "EUR", "12.30 EUR"),
        (1_230, "JPY", "1230 JPY"),
        (5, "KWD", "0.005 KWD"),
        (12_345, "CLF", "1.2345 CLF"),
        (-5, "USD", "-0.05 USD"),
        (2**63 - 1, "USD", "92233720368547758.07 USD"),
    ],
)
def test_amounts_have_the_digits_of_their_currency(minor: int, code: str, text: str) -> None:
    assert currencies.amount(minor, code) == text


def test_each_exponent_is_of_a_code() -> None:
    assert all(currencies.is_code(code) for code in currencies.EXPONENTS)
    assert [currencies.exponent(code) for code in ("USD", "JPY", "TND", "UYW")] == [2, 0, 3, 4]


@pytest.mark.parametrize("text", ["", "usd", "US", "USDX", "U5D", "€€€"])
def test_what_is_not_three_capitals_is_no_code(text: str) -> None:
    assert not currencies.is_code(text)
