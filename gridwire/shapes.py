"""Shapes of settings that a type and bounds do not tell: addresses, names, properties of librdkafka.

A shape stands in a setting's annotation, beside its `Env`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PORT_MAX = 65_535
NAME_TEXT = re.compile(r"[A-Za-z0-9._-]+")
HEADER_TEXT = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
USER = re.compile(r"[^/,\s]*@")  # user and password before a host
BLOT = "…"
SILENT = {"log_level": 0}


@dataclass(frozen=True, slots=True)
class Shape:
    """`check` raises ValueError with what is wrong with a value. `words`: how it is written, for the documentation.

    `empty`: a variable that is set and empty counts as one that is not set. `private`: a value is never shown.
    """

    words: str
    check: Callable[[Any], None]
    empty: bool = True
    private: bool = False


def shown(raw: str) -> str:
    """A value as it may be shown: without user and password of an address."""
    return repr(USER.sub(f"{BLOT}@", raw))


def _check_url(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError("it does not begin with http:// or https://")
    if not parts.hostname or re.search(r"\s", text):
        raise ValueError("it names no host")
    _ = parts.port  # raises ValueError where it is none


def _check_urls(texts: str | Sequence[str]) -> None:
    for text in texts.split(",") if isinstance(texts, str) else texts:
        _check_url(text.strip())


def _check_hosts(text: str) -> None:
    for one in text.split(","):
        host, _, port = one.strip().rpartition(":")
        if "://" in one or "/" in one:
            raise ValueError(f"{shown(one)} is a URL: leave out the scheme and the path")
        if not host or re.search(r"\s", host):
            raise ValueError(f"{shown(one)} has no host and port")
        if not port.isdecimal() or not 0 < int(port) <= PORT_MAX:
            raise ValueError(f"{shown(one)} has no port of 1 to {PORT_MAX}")


def _check_name(text: str) -> None:
    if not NAME_TEXT.fullmatch(text):
        raise ValueError("it may hold letters, digits, dots, _ and - only, at least one")


def _check_header(text: str) -> None:
    if not HEADER_TEXT.fullmatch(text):
        raise ValueError("it is no name of an HTTP header")


def _check_properties(properties: Mapping[str, str]) -> None:
    """Asks librdkafka itself; a client without a broker connects to nothing."""
    from confluent_kafka import KafkaException, Producer  # noqa: PLC0415 -- only where one is set

    try:
        Producer({**SILENT, **properties})
    except KafkaException as error:
        said = error.args[0].str()
        for value in properties.values():
            said = said.replace(f'"{value}"', BLOT) if value else said
        raise ValueError(said) from None


URL = Shape("URL", _check_url)
URLS = Shape("URLs, separated by commas", _check_urls)
HOSTS = Shape("host:port, separated by commas", _check_hosts)
NAME = Shape("name: letters, digits, `.`, `_`, `-`", _check_name, empty=False)
HEADER = Shape("name of a header", _check_header, empty=False)
PROPERTIES = Shape("object: librdkafka property → text", _check_properties, private=True)
