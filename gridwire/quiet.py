"""Secrets that this process knows, so that no text repeats them: a platform's error may quote the key that it refuses.

The net below the rule that secrets are revealed only where they are sent: whatever goes into a log or comes out of a
vendor's error passes `hushed`.
"""

from collections import OrderedDict

BLOT = "…"
CHARS_MIN = 8  # a shorter one stands in any text by chance
KNOWN_MAX = 1_000  # the latest ones: tokens are renewed

_known: "OrderedDict[str, None]" = OrderedDict()


def keep_quiet(secret: str) -> None:
    """From now on `hushed` takes it out of texts."""
    if len(secret) < CHARS_MIN:
        return
    _known[secret] = None
    _known.move_to_end(secret)
    while len(_known) > KNOWN_MAX:
        _known.popitem(last=False)


def hushed(text: str) -> str:
    """The text without any secret that is known, the longest first."""
    for secret in sorted((one for one in tuple(_known) if one in text), key=len, reverse=True):
        text = text.replace(secret, BLOT)
    return text
