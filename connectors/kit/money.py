"""Money in minor units, with as many digits as ISO 4217 gives the currency."""

from decimal import ROUND_HALF_EVEN, Decimal, DecimalException

# ISO 4217: currencies whose minor unit is not a hundredth.
WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
TEN_THOUSANDTHS = "CLF UYW"
EXPONENTS = {
    **dict.fromkeys(WHOLE.split(), 0),
    **dict.fromkeys(THOUSANDTHS.split(), 3),
    **dict.fromkeys(TEN_THOUSANDTHS.split(), 4),
}
EXPONENT_USUAL = 2
MINOR_MAX = 2**63 - 1  # Avro long
DIGITS_MAX = 20  # an amount like 1e999999 must cost nothing
CURRENCY_LETTERS = 3


def currency(code: object) -> str | None:
    """The code in capitals, or None where it is no ISO 4217 code."""
    text = str(code).strip().upper()
    fits = len(text) == CURRENCY_LETTERS and text.isascii() and text.isalpha()
    return text if fits else None


def minor(amount: object, code: str, times: int = 1) -> int | None:
    """`amount` (number or text) times `times` in minor units of `code`, rounded half to even.

    None where `amount` is no finite number or too large for a long.
    """
    try:
        value = Decimal(str(amount)) * times
        if not value.is_finite() or value.adjusted() > DIGITS_MAX:
            return None
        scaled = value.scaleb(EXPONENTS.get(code, EXPONENT_USUAL))
        units = int(scaled.to_integral_value(ROUND_HALF_EVEN))
    except DecimalException:  # not a number, or beyond all numbers
        return None
    return units if abs(units) <= MINOR_MAX else None
