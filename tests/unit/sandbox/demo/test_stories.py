"""No story is happy in a world in which nothing has happened."""

from collections import Counter

import pytest

from sandbox.demo.stories import CHECKS, STORIES, braze_engagement
from sandbox.demo.story import Cast, Story
from tests.unit.sandbox.demo.worlds import CAST, world

ALL = (*STORIES, *CHECKS)


@pytest.mark.parametrize("story", ALL, ids=lambda story: story.flow_id)
def test_a_story_expects_something_of_the_world(story: Story) -> None:
    unmet = story.expect(world())
    assert unmet
    assert all(len(sentence.split()) > 3 for sentence in unmet)


def test_stories_seed_nothing_that_belongs_to_another() -> None:
    seen: Counter[tuple[str, str, str]] = Counter()
    for index, story in enumerate(ALL):
        for platform, collections in story.seed(Cast(CAST.run, index, CAST.began_s)).items():
            for collection, rows in collections.items():
                keys = [
                    str(row.get("id") or row.get("external_id") or row.get("name")) for row in rows
                ]
                seen.update((platform, collection, key) for key in keys)
    assert [what for what, times in seen.items() if times > 1] == []


def test_two_runs_share_no_name() -> None:
    one, other = CAST, Cast(CAST.run + 1, CAST.index, CAST.began_s)
    assert {one.number(n) for n in range(100)}.isdisjoint(other.number(n) for n in range(100))
    assert one.partner("mill") != other.partner("mill")
    assert one.sku("LAMP") != other.sku("LAMP")


def test_a_story_has_a_hundred_ids_and_no_more() -> None:
    with pytest.raises(ValueError, match="0 to 99"):
        CAST.number(100)


# ---- engagement: what must be counted is counted by hand here ------------------------------------------
def test_duplicates_bots_and_machines_do_not_count_as_genuine() -> None:
    told = braze_engagement.script(CAST)
    genuine = braze_engagement.genuine(told.spike)
    assert len(told.spike) == 30 + 4 + 2 * 3 + 2 * 5 + 3 + 2
    assert len(genuine) == len(told.spike) - 2 * 5 - 1


def test_ids_of_the_script_never_repeat_but_on_purpose() -> None:
    told = braze_engagement.script(CAST)
    by_hand = Counter(e["id"] for e in (*told.before, *told.spike, *told.late))
    assert sorted(by_hand.values())[-2:] == [1, 2]
    assert by_hand.keys().isdisjoint(event["id"] for event in told.volume)


def test_the_leap_is_counted_by_region_and_kind() -> None:
    told, wanted = braze_engagement.script(CAST), braze_engagement.counts(CAST)
    slot = braze_engagement.Slot(braze_engagement.west(CAST), CAST.sku("TENT"), told.spike_s)
    # thirty campers, the echo once, the late one; four carts left behind and three that are ordered
    assert wanted[slot] == {"product_view": 32, "cart_update": 7, "order_placed": 3}


def test_an_event_with_several_products_is_several_records() -> None:
    cart = {"products": [{"product_id": "A"}, {"product_id": "B"}], "region": "R"}
    event = {"id": "e", "properties": {"name": "ecommerce.cart_updated", "custom_properties": cart}}
    assert len(braze_engagement.record_ids([event])) == 2
