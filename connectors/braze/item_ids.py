"""Ids of catalogue items: letters, digits, - and _ only, so other characters of a sku are written as their bytes.

LAMP-1 ⇄ LAMP-1        LAMP/1 ⇄ LAMP__2F1        LAMP__2F1 ⇄ LAMP__5F__5F2F1
"""

import re

ID_CHARS_MAX = 250
# What cannot stand as it is: other characters, and what would be read as one that was written as its bytes.
_ODD = re.compile(r"[^A-Za-z0-9_-]|__(?=[0-9A-F]{2})")
_WRITTEN = re.compile(r"(?:__[0-9A-F]{2})+")


def item_id(sku: str) -> str:
    """The id of the item with this sku."""
    return _ODD.sub(_bytes, sku)


def sku_of(found: str) -> str:
    """The sku of the item with this id; an id that is none of ours is its own sku."""
    return _WRITTEN.sub(_characters, found)


def _bytes(odd: re.Match[str]) -> str:
    return "".join(f"__{byte:02X}" for byte in odd[0].encode())


def _characters(written: re.Match[str]) -> str:
    try:
        return bytes.fromhex(written[0].replace("__", "")).decode()
    except UnicodeDecodeError:
        return written[0]
