"""What people wrote goes to partners without how to reach them."""

import pytest

from streams.rules.free_text import LENGTH_MAX, without_contacts


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Mail jane.roe+shop@example.co.uk, please", "Mail [e-mail removed], please"),
        ("<jane@example.org>", "<[e-mail removed]>"),
        ("JANE@EXAMPLE.ORG.", "[e-mail removed]."),
        ("Call +1 (555) 010-0199 today", "Call [phone removed] today"),
        ("Call 0049 30 1234567", "Call [phone removed]"),
        ("Call 030/1234567!", "Call [phone removed]!"),
        ("555.010.0199", "[phone removed]"),
        ("5550100199", "[phone removed]"),
        ("Tel.0171234567", "Tel.[phone removed]"),
        ("tel5551234567", "tel[phone removed]"),
        ("5551234567am", "[phone removed]am"),
        ("555-123-4567x89", "[phone removed]x89"),
        ("555_123_4567", "[phone removed]"),
        ("555–123–4567", "[phone removed]"),  # noqa: RUF001 - en dashes
        ("555‑123‑4567", "[phone removed]"),  # noqa: RUF001 - dashes that do not break
        ("555\u200b1234567", "[phone removed]"),
        ("５５５１２３４５６７", "[phone removed]"),  # noqa: RUF001 - full width
        ("jane＠example.com", "[e-mail removed]"),  # noqa: RUF001 - full width
        ('"jane doe"@example.com', "[e-mail removed]"),
        ("jane@[10.0.0.1]", "[e-mail removed]"),
    ],
)
def test_addresses_and_numbers_are_removed(text: str, kept: str) -> None:
    assert without_contacts(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "It came 3 days late and 2 of 12 cups were broken.",
        "Promised for 2026-01-31, came 05.02.2026",
        "It cost 129.95 USD",
        "Size 10 x 20 x 30",
        "I'd @ my friends about it",
    ],
)
def test_what_is_no_contact_stays(text: str) -> None:
    assert without_contacts(text) == text


def test_the_customers_reference_goes_too_but_not_inside_other_words() -> None:
    assert without_contacts("I am 4711, order 47110", "4711") == "I am [removed], order 47110"
    assert without_contacts("I am CUSTOMER-7", "customer-7") == "I am [removed]"


def test_a_text_is_cut_at_its_bound() -> None:
    assert len(without_contacts("long " * LENGTH_MAX)) == LENGTH_MAX
