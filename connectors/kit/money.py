"""Money in minor units, with as many digits as ISO 4217 gives the currency."""

from decimal import ROUND_HALF_EVEN, Decimal, DecimalException

from gridwire import currencies

MINOR_MAX = 2**63 - 1  # Avro long
DIGITS_MAX = 20  # an amount like 1e999999 must cost nothing


def currency(code: object) -> str | None:
    """The code in capitals, or None where it is no ISO 4217 code."""
    text = str(code).strip().upper()
    return text if currencies.is_code(text) else None


def minor(amount: object, code: str, times: int = 1) -> int | None:
    """`amount` (number or text) times `times` in minor units of `code`, rounded half to even.

    None where `amount` is no finite number or too large for a long.
    """
    try:
        value = Decimal(str(amount)) * times
        if not value.is_finite() or value.adjusted() > DIGITS_MAX:
            return None
        scaled = value.scaleb(currencies.exponent(code))
        units = int(scaled.to_integral_value(ROUND_HALF_EVEN))
    except DecimalException:  # not a number, or beyond all numbers
        return None
    return units if abs(units) <= MINOR_MAX else None
