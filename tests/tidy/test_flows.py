"""What a flow must have around it: platforms that exist, and a story in the demo."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from connectors.registry import CONNECTORS
from sandbox.demo.stories import STORIES
from streams.feeds import FEEDS
from streams.flow import Flow
from streams.flows import FLOWS

PLATFORMS = tuple(connector.name for connector in CONNECTORS)


def unknown_platforms(flows: Iterable[Flow[Any]], platforms: Sequence[str]) -> list[str]:
    """Flows that would never be active, for nobody connects what they need."""
    return [
        f"{flow.id}: needs {name!r}, which is no connector: write one of {', '.join(platforms)}"
        for flow in flows
        for name in flow.needs
        if name not in platforms
    ]


def wrong_stories(flows: Iterable[str], told: Sequence[str]) -> list[str]:
    """Flows without a story, with two, and stories of no flow. `told`: the flow ids of the stories."""
    known = set(flows)
    return [
        *(
            f"{flow} has no story: write sandbox/demo/stories/{flow.replace('.', '_').replace('-', '_')}.py "
            f"with a Story({flow!r}, …), as those beside it, and list it in STORIES"
            for flow in sorted(known - set(told))
        ),
        *(f"{flow} has two stories: make them one" for flow in sorted(_twice(told))),
        *(
            f"the story {flow!r} is of no flow: name one of FLOWS, or delete it"
            for flow in sorted(set(told) - known)
        ),
    ]


def _twice(told: Sequence[str]) -> set[str]:
    return {flow for flow in told if told.count(flow) > 1}


def test_every_platform_that_a_flow_needs_has_a_connector() -> None:
    found = unknown_platforms((*FLOWS, *FEEDS), PLATFORMS)
    assert not found, "\n" + "\n".join(found)


def test_every_flow_has_one_story_in_the_demo() -> None:
    found = wrong_stories((flow.id for flow in FLOWS), [story.flow_id for story in STORIES])
    assert not found, "\n" + "\n".join(found)


# ---- and the checks bite ---------------------------------------------------------------------------------------------
def test_a_platform_that_is_misspelt_is_named_with_those_that_exist() -> None:
    flow = replace(FLOWS[0], needs=("brase",))
    assert unknown_platforms([flow], PLATFORMS) == [
        f"{flow.id}: needs 'brase', which is no connector: write one of {', '.join(PLATFORMS)}"
    ]


def test_a_flow_without_a_story_is_named_with_the_file_to_write() -> None:
    (said,) = wrong_stories(["braze.new-flow", "a.b"], ["a.b"])
    assert said.startswith(
        "braze.new-flow has no story: write sandbox/demo/stories/braze_new_flow.py"
    )
    assert "list it in STORIES" in said


def test_two_stories_of_a_flow_and_one_of_none_are_named() -> None:
    twice, none = wrong_stories(["a.b"], ["a.b", "a.b", "c.d"])
    assert twice == "a.b has two stories: make them one"
    assert none.startswith("the story 'c.d' is of no flow")
