"""Trading Grid's poll of threads against a model community: whatever happens, one event id for each version."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.connector import Request, Response
from connectors.kit.reading import iso_ms, ms_iso
from connectors.trading_grid import paging
from connectors.trading_grid.source import Reader
from gridwire.records import Thread
from tests.unit.connectors.kit.listings import Event, Model, Run, Version, exhausted
from tests.unit.connectors.trading_grid.community import settings as configured
from tests.unit.connectors.trading_grid.community import thread

OBJECTS = st.sampled_from([f"th_{number}" for number in range(6)])
BEHIND_MS_MAX = 2_000


class Community:
    """Its list of threads, four a page; cursors expire."""

    def __init__(self, model: Model, expires_ms: int) -> None:
        self._model = model
        self._expires_ms = expires_ms

    def serve(self, request: Request) -> Response:
        query, found = request.query, self._model.listed()
        if "cursor" in query:
            made, at, name = query["cursor"].split("|")
            if self._model.now_ms - int(made) > self._expires_ms:
                return Response(410, {}, b"{}")
            found = [one for one in found if (one.at_ms, one.id) > (int(at), name)]
        if "updated_since" in query:
            since_ms = iso_ms(query["updated_since"], "updated_since")
            found = [one for one in found if one.at_ms >= since_ms]
        page, more = found[:4], len(found) > 4
        following = f"{self._model.now_ms}|{page[-1].at_ms}|{page[-1].id}" if more else None
        body = {
            "data": [shown(one) for one in page],
            "page": {"next_cursor": following, "has_more": more},
        }
        return Response(200, {}, json.dumps(body).encode())


def shown(one: Version) -> dict[str, Any]:
    return thread(id=one.id, version=one.number, updated_at=ms_iso(one.at_ms))


EVENTS = st.lists(
    st.builds(
        Event,
        st.lists(st.tuples(OBJECTS, st.just(0)), max_size=3).map(tuple),
        st.sampled_from([0, 0, 1, 50, 3_000]),
        st.sampled_from([False, False, True]),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(
    happening=EVENTS,
    behind_ms=st.integers(-BEHIND_MS_MAX, BEHIND_MS_MAX),
    expires_ms=st.sampled_from([2_000, 1_000_000]),
)
def test_each_version_of_a_thread_that_is_seen_has_one_id_and_the_last_is_seen(
    happening: list[Event], behind_ms: int, expires_ms: int
) -> None:
    assert paging.LIMIT > 4
    model = Model(behind_ms)
    community = Community(model, expires_ms)
    reader = Reader(configured(poll_overlap_s=BEHIND_MS_MAX // 1_000))
    run = Run(model, reader.poll_threads, community.serve, iter(happening))
    exhausted(run, settle_ms=60_000)
    ids: dict[tuple[str, int], set[str]] = {}
    for _, record in run.committed:
        assert isinstance(record, Thread)
        ids.setdefault((record.thread_id, record.version), set()).add(record.event_id)
    assert model.latest() <= set(ids)
    assert all(len(one) == 1 for one in ids.values())
    assert len({event_id for one in ids.values() for event_id in one}) == len(ids)
