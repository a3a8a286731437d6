"""Currencies: how many digits their minor units have (ISO 4217), and amounts in words."""

from decimal import Decimal

WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
TEN_THOUSANDTHS = "CLF UYW"
EXPONENTS = {
    **dict.fromkeys(WHOLE.split(), 0),
    **dict.fromkeys(THOUSANDTHS.split(), 3),
    **dict.fromkeys(TEN_THOUSANDTHS.split(), 4),
}
EXPONENT_USUAL = 2
CODE_LETTERS = 3


def is_code(text: str) -> bool:
    """Whether it has the form of an ISO 4217 code: three capitals."""
    return len(text) == CODE_LETTERS and text.isascii() and text.isalpha() and text.isupper()


def exponent(code: str) -> int:
    """Digits of a currency's minor unit: 2 for hundredths, 0 where it has none."""
    return EXPONENTS.get(code, EXPONENT_USUAL)


def amount(minor: int, code: str) -> str:
    """`minor` units in decimal text: `12.30 EUR`, `1230 JPY`, `1.230 KWD`."""
    digits = exponent(code)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f} {code}"
