"""What the hand-written pages tell operators to watch and to set is there under that name."""

import re
from collections.abc import Collection

import pytest

from gridwire.commands.configuration import known_variables
from tests.tidy.sources import ROOT

METRIC = re.compile(r"`(gridwire_[a-z_]+[a-z])")
VARIABLE = re.compile(r"\b((?:GRIDWIRE|BRAZE|BIGCOMMERCE|TG)_[A-Z_]+[A-Z])\b")
PAGES = ("README.md", "docs/operations.md", "docs/guarantees.md", "docs/dead-letters.md")


def unknown(text: str, metrics: Collection[str], variables: Collection[str]) -> list[str]:
    """Names in a page that nothing has; a secret may be named as a file."""
    found = [name for name in METRIC.findall(text) if name not in metrics]
    settings = (name.removesuffix("_FILE") for name in VARIABLE.findall(text))
    return [*found, *(name for name in settings if name not in variables)]


def documented_metrics() -> set[str]:
    return set(METRIC.findall((ROOT / "docs/metrics.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES)
def test_every_metric_and_setting_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert unknown(text, documented_metrics(), known_variables()) == []


def test_a_name_that_nothing_has_is_found() -> None:
    text = "Watch `gridwire_lag_total` and set GRIDWIRE_SLOTS, not TG_CLIENT_SECRET_FILE."
    found = unknown(text, documented_metrics(), known_variables())
    assert found == ["gridwire_lag_total", "GRIDWIRE_SLOTS"]
