"""What no committed file says: places of one machine, hosts of package registries, work left for later."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A pattern, and what to write instead."""

    pattern: re.Pattern[str]
    instead: str


# Written so that this file does not say them either.
HOSTS = (
    r"pypi\.(org|io)",
    r"pythonhosted\.org",
    r"(repo1?|central|search)\.maven",
    r"maven\.(apache\.)?org",
    r"sonatype\.(org|com)",
    r"npmjs\.(org|com)",
    r"yarnpkg\.com",
    r"crates\.io",
    r"rubygems\.org",
    r"proxy\.golang",
    r"anaconda\.(org|com)",
)
UNWANTED = (
    Unwanted(
        re.compile("|".join(HOSTS)), "no package registry's host: the user's own tools know it"
    ),
    Unwanted(
        re.compile(r"(?<![\w./-])/(work|root|home/\w+|Users/\w+)/"),
        "no path of one machine: start from the repository's root",
    ),
    Unwanted(
        re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
        "do it now, or say in docs that it is not done",
    ),
    Unwanted(
        re.compile(r"\bsimplified for " + r"now\b", re.IGNORECASE),
        "say what holds and under which condition",
    ),
)


def unwanted_words(path: str, text: str) -> list[str]:
    """Each place with such a word."""
    return [
        f"{path}:{number}: {match[0]!r}: {unwanted.instead}"
        for number, line in enumerate(text.splitlines(), start=1)
        for unwanted in UNWANTED
        if (match := unwanted.pattern.search(line))
    ]
