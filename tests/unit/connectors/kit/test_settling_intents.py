"""Intents on their way into commits: granted once they are committed, and forgotten where nothing is sent."""

import asyncio

import pytest

from connectors.kit.lanes.progress import INTENTS_MAX, Progress
from connectors.kit.lanes.work import IntentError
from connectors.kit.output.commits import CommitFailedError
from tests.unit.connectors.kit.records import entry, turns
from tests.unit.connectors.kit.test_settling import World


async def test_an_intent_is_in_the_metadata_before_it_is_granted() -> None:
    world = World()
    granted = asyncio.get_running_loop().create_future()
    world.settling.intents.append((entry(3, of=world.home), granted))
    await turns()
    assert not granted.done()
    world.settling.commit_due([world.home])
    await granted
    metadata = world.committer.offsets[0].metadata
    assert metadata is not None
    assert metadata.startswith("gw2.")
    world.finish(3)
    world.commit()
    successor = world.committer.offsets[0]
    assert successor.metadata != metadata


async def test_an_intent_that_could_not_be_committed_is_not_granted() -> None:
    world = World()
    world.committer.failures = [CommitFailedError("timed out")]
    granted = asyncio.get_running_loop().create_future()
    world.settling.intents.append((entry(3, of=world.home), granted))
    world.commit()
    with pytest.raises(IntentError):
        await granted


async def test_an_intent_that_was_not_granted_is_in_no_later_commit() -> None:
    world = World()
    world.committer.failures = [CommitFailedError("timed out")]
    granted = world.intend(3)
    world.commit()
    with pytest.raises(IntentError):
        await granted
    world.finish(0)
    world.commit()
    assert not Progress(1, world.metadata()).intended(3)


async def test_any_number_of_failed_commits_leaves_room_for_intents() -> None:
    world = World()
    world.taken(world.home, INTENTS_MAX + 1)
    for offset in range(INTENTS_MAX):
        world.committer.failures = [CommitFailedError("timed out")]
        refused = world.intend(offset)
        world.commit()
        with pytest.raises(IntentError, match="not committed"):
            await refused
    granted = world.intend(INTENTS_MAX)
    world.commit()
    await granted


async def test_intents_beyond_the_bound_fail_alone() -> None:
    world = World()
    world.taken(world.home, INTENTS_MAX + 1)
    *granted, beyond = [world.intend(offset) for offset in range(INTENTS_MAX + 1)]
    world.commit()
    with pytest.raises(IntentError, match="unsafe operations at once"):
        await beyond
    await asyncio.gather(*granted)


@pytest.mark.parametrize("collected", [True, False])
async def test_an_intent_whose_sender_was_cancelled_is_not_committed(collected: bool) -> None:
    world = World()
    cancelled = world.intend(3)
    if collected:
        world.settling._collect()
    cancelled.cancel()
    world.finish(0)
    world.commit()
    assert not Progress(1, world.metadata()).intended(3)


async def test_an_intent_of_an_earlier_owner_stays_in_doubt_though_ours_was_not_committed() -> None:
    world = World()
    world.home.progress.intend(3)
    world.committer.failures = [CommitFailedError("timed out")]
    refused = world.intend(3, intended=True)
    world.commit()
    with pytest.raises(IntentError):
        await refused
    world.finish(0)
    world.commit()
    assert Progress(1, world.metadata()).intended(3)
