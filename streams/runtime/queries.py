"""Read-only questions about tables and private states, on the worker's ops port.

`GET /tables` lists them, `GET /tables/NAME/KEY` shows a row. Only what is committed is seen: an answer reads where the
committed rows live, never what a round has open. Endpoints run in the worker's event loop, and may run while the Kafka
thread takes a commit over, restores, or closes a partition: so they only use what others than the owner may
(`Rows.peek`, `len`), and each answer is of one moment per row.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gridwire.codec import CodecError, RegistryUnavailableError
from gridwire.murmur2 import partition_of
from streams.engine.plan import Plan, table_store
from streams.engine.references import References
from streams.engine.rows import StateError
from streams.engine.shown import shown_row, shown_state
from streams.engine.task import Task
from streams.runtime.tasks import Tasks

log = logging.getLogger(__name__)
RETRY_AFTER_S = 2
Answer = tuple[int, Mapping[str, Any]]


class Queries:
    """What this worker holds. `personal`: show personal data, too.

    Which worker holds a partition that is not here is not said: the brokers would have to be asked, and an answer
    must not depend on them. `gridwire table` asks all workers.
    """

    def __init__(
        self,
        plan: Plan,
        tasks: Tasks,
        references: References,
        *,
        partitions: int,
        copies_ready: Callable[[], bool],
        personal: bool,
    ) -> None:
        self._tasks = tasks
        self._references = references
        self._partitions = partitions
        self._copies_ready = copies_ready
        self._personal = personal
        self._tables = {table.name: table_store(table) for table in plan.partitioned}
        self._folds = {
            leg.store: leg.label
            for leg in plan.legs
            if leg.store and leg.store not in self._tables.values()
        }

    def routes(self) -> list[Route]:
        """For the ops server."""

        async def listed(_request: Request) -> Response:
            return _response(200, self.tables())

        async def one(request: Request) -> Response:
            name, key = request.path_params["name"], request.path_params["key"]
            return _response(*self.row(name, key))

        return [Route("/tables", listed), Route("/tables/{name}/{key:path}", one)]

    def tables(self) -> Mapping[str, Any]:
        """All tables and states, with how many rows are here in which partitions."""
        here = list(self._tasks.partitions())
        ready = list(self._tasks.ready.values())
        stores = {**self._tables, **{store: store for store in self._folds}}
        rows = [
            {
                "name": name,
                "kind": "table" if name in self._tables else "state",
                "rows": sum(len(task.state.stores[store]) for task in ready),
                "partitions": here,
            }
            for name, store in stores.items()
        ]
        rows += [
            {"name": name, "kind": "copy", "rows": len(reference), "partitions": []}
            for name, reference in self._references.by_name.items()
        ]
        return {
            "tables": rows,
            "partitions_of_all": self._partitions,
            "restoring": self._tasks.restoring or not self._copies_ready(),
        }

    def row(self, name: str, key: str) -> Answer:
        """(status, body): 200 with the row; 404 with where it should be; 503 while it is being restored."""
        try:
            if name in self._references.by_name:
                return self._copied(name, key)
            if name in self._tables:
                return self._table_row(name, key)
            if name in self._folds:
                return self._state(name, key)
        except CodecError as error:
            return 500, {"error": "the row cannot be decoded", "reason": error.reason}
        except RegistryUnavailableError:
            return 503, {"error": "the schema registry does not answer"}
        except StateError:  # closed meanwhile: its partition is on its way to another worker
            return 503, {"error": "the state is not here any more, ask again"}
        known = sorted([*self._references.by_name, *self._tables, *self._folds])
        return 404, {"error": "no such table", "tables": known}

    def _copied(self, name: str, key: str) -> Answer:
        if not self._copies_ready():
            return 503, {"error": "the table is being read"}
        row = self._references.by_name[name].get(key)
        if row is None:
            return 404, {"error": "no such row"}
        return 200, {"table": name, "row": shown_row(row, personal=self._personal)}

    def _table_row(self, name: str, key: str) -> Answer:
        partition = partition_of(key.encode(), self._partitions)
        task = self._tasks.ready.get(partition)
        if task is None:
            return self._elsewhere(partition)
        raw = task.state.stores[self._tables[name]].rows.peek(key)
        if raw is None:
            return 404, {"error": "no such row", "partition": partition, "held_here": True}
        row = task.state.tables[name].codec.decode(raw)
        shown = shown_row(row, personal=self._personal)
        return 200, {"table": name, "partition": partition, "row": shown}

    def _state(self, store: str, key: str) -> Answer:
        """A state's key need not be its topic's: every partition here is looked at."""
        for partition, task in list(self._tasks.ready.items()):
            raw = task.state.stores[store].rows.peek(key)
            if raw is not None:
                return 200, {"table": store, "partition": partition} | self._held(task, store, raw)
        if self._tasks.restoring:
            return 503, {"error": self._tasks.told()}
        here = list(self._tasks.partitions())
        return 404, {"error": "no such state in the partitions here", "partitions": here}

    def _held(self, task: Task, store: str, raw: bytes) -> dict[str, Any]:
        held = task.state.folds[self._folds[store]].decode(raw)
        return dict(shown_state(held, personal=self._personal))

    def _elsewhere(self, partition: int) -> Answer:
        if self._tasks.restoring:
            return 503, {"error": self._tasks.told(), "partition": partition}
        return 404, {
            "error": "the row's partition is held by another worker: `gridwire table` asks all of them",
            "partition": partition,
            "held_here": False,
            "partitions": list(self._tasks.partitions()),
        }


def _response(status: int, body: Mapping[str, Any]) -> Response:
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else None
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
