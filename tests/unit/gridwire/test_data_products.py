"""What those who read enriched topics are told, and that it holds."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from gridwire.commands.product_pages import LATEST_WINDOWS, products
from gridwire.topics import TOPICS, Topic

ENRICHED = [topic for topic in TOPICS if topic.kind == "enriched"]


@pytest.mark.parametrize("topic", ENRICHED, ids=lambda topic: topic.name)
def test_every_data_product_has_an_owner_and_says_how_fresh_it_is_and_how_it_is_read(
    topic: Topic[Any],
) -> None:
    assert topic.owner, "name whom readers ask"
    assert "occurred_at" in topic.freshness
    assert topic.latest
    assert topic.grain
    section = products().split(f"### {topic.name}\n")[1].split("\n### ")[0]
    for told in (topic.freshness, topic.latest, topic.grain, topic.subject):
        assert told in section


def test_the_key_is_told_as_it_is() -> None:
    for topic in ENRICHED:
        fields = topic.grain.split("`")[1].split("|")
        named = {field: f"<{field}>" for field in fields}
        assert topic.key(SimpleNamespace(**named)) == "|".join(named.values())


def test_the_example_keeps_the_last_amendment_of_each_window_in_any_order_and_twice() -> None:
    place = {"partner_id": "p", "region": "DE", "sku": "s"}
    records = [
        {**place, "window_start": start, "amendment": amendment, "units": start + amendment}
        for start in (0, 100)
        for amendment in range(3)
    ] * 2
    random.Random(7).shuffle(records)
    names: dict[str, Any] = {}
    exec(LATEST_WINDOWS, names)  # what the page shows is what is tried
    for record in records:
        names["take"](record)
    assert {key[-1]: one["units"] for key, one in names["latest"].items()} == {0: 2, 100: 102}
