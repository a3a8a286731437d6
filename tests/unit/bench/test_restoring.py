"""A restore counts when all of the table is there and the group stayed as it was."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from threading import Thread
from typing import Any

import pytest

from bench import restoring, workload
from bench.restoring import RestoreError
from streams.driver import START_MS
from streams.tables import CUSTOMERS

TEXT = b"""# HELP gridwire_rebalances_total Rebalances.
gridwire_rebalances_total{event="assigned",group="streams"} 1.0
gridwire_restored_rows_total{table="table.customers"} 1e+06
gridwire_restore_duration_seconds 2.5
"""


class Ops(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(TEXT)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def said() -> Iterator[dict[str, float]]:
    with HTTPServer(("127.0.0.1", 0), Ops) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        yield dict(restoring.metrics_of(server.server_port))
        thread.join()


def test_a_worker_says_itself_how_long_the_table_took(said: dict[str, float]) -> None:
    assert restoring.restored_s(said, 1_000_000) == pytest.approx(2.5)


def test_a_table_that_is_not_there_whole_is_not_restored(said: dict[str, float]) -> None:
    with pytest.raises(RestoreError, match="1000000 entries were restored, of 1000001 rows"):
        restoring.restored_s(said, 1_000_001)
    with pytest.raises(RestoreError, match="0 entries"):
        restoring.restored_s({}, 1)


def test_a_worker_that_does_not_say_how_long_it_took_has_no_figure(said: dict[str, float]) -> None:
    silent = {name: n for name, n in said.items() if "duration" not in name}
    with pytest.raises(RestoreError, match="does not say"):
        restoring.restored_s(silent, 1_000_000)


def test_an_empty_table_takes_no_time() -> None:
    assert restoring.restored_s({}, 0) == 0.0


@pytest.mark.parametrize("event", ["assigned", "revoked", "lost"])
def test_a_rebalance_meanwhile_fails_the_restore(event: str, said: dict[str, float]) -> None:
    restoring.check_group(said)
    name = f'gridwire_rebalances_total{{event="{event}",group="streams"}}'
    said[name] = said.get(name, 0.0) + 1.0
    with pytest.raises(RestoreError, match="rebalanced"):
        restoring.check_group(said)


def test_rows_are_those_of_users_and_an_update_moves_them() -> None:
    first, again = (list(restoring.customers(20, update, START_MS)) for update in (1, 2))
    assert [CUSTOMERS.key(row) for row in first] == [workload.user_id(n) for n in range(20)]
    assert all(new.version > old.version for old, new in zip(first, again, strict=True))
    assert all(new.region != old.region for old, new in zip(first, again, strict=True))
    assert [row.region for row in islice(again, 3)] == [restoring.region_of(n, 2) for n in range(3)]
