"""What people wrote, without how to reach them: such text may go to partners."""

import re
import unicodedata

EMAIL = re.compile(
    r"""(?:"[^"@]{1,64}"|[^\s@<>()\[\]"',;:]+)@(?:\[[^\s\]]+\]|[^\s@<>()\[\]"',;:]+\.\w+)"""
)
# Seven digits or more, with what people put between them, whatever stands before and behind; dates and amounts have
# fewer in a row of such.
PHONE = re.compile(r"(?:\+|00)?\(?\d(?:[\s().\-/_·]{0,3}\d){6,}")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
MINUS = "\u2212"
LENGTH_MAX = 1_000


def without_contacts(text: str, *names: str) -> str:
    """The text without e-mail addresses, phone numbers, and `names` (e.g. a customer's reference)."""
    text = _plain(text)
    for name in filter(None, names):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "[removed]", text, flags=re.IGNORECASE)
    text = EMAIL.sub("[e-mail removed]", text)
    text = PHONE.sub(lambda found: _kept_or_removed(found.group()), text)
    return " ".join(text.split())[:LENGTH_MAX]


def _plain(text: str) -> str:
    """One way to write what looks the same: full-width letters and digits, dashes, characters without width."""
    kept = (one for one in unicodedata.normalize("NFKC", text) if unicodedata.category(one) != "Cf")
    return "".join(
        "-" if unicodedata.category(one) == "Pd" or one == MINUS else one for one in kept
    )


def _kept_or_removed(found: str) -> str:
    """A day on its own is no phone number."""
    return found if DAY.fullmatch(found.strip()) else "[phone removed]"
