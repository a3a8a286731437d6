"""What people wrote, without how to reach them: such text may go to partners."""

import re

EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:]+@[^\s@<>()\[\]\"',;:]+\.\w+")
# Seven digits or more, with what people put between them; dates and amounts have fewer in a row of such.
PHONE = re.compile(r"(?<![\w.])(?:\+|00)?\(?\d(?:[\s().\-/]{0,3}\d){6,}(?!\w)")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
LENGTH_MAX = 1_000


def without_contacts(text: str, *names: str) -> str:
    """The text without e-mail addresses, phone numbers, and `names` (e.g. a customer's reference)."""
    for name in names:
        if name:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "[removed]", text)
    text = EMAIL.sub("[e-mail removed]", text)
    text = PHONE.sub(lambda found: _kept_or_removed(found.group()), text)
    return " ".join(text.split())[:LENGTH_MAX]


def _kept_or_removed(found: str) -> str:
    """A day on its own is no phone number."""
    return found if DAY.fullmatch(found.strip()) else "[phone removed]"
