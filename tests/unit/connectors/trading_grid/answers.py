"""Answers of Trading Grid, and the command that the tests of operations share."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.kit.connector import (
    OperationError,
    Response,
    Verdict,
)
from gridwire.ids import derived
from gridwire.records import (
    TradingGridCommand,
)
from tests.unit.connectors.steps import NOW_MS, answer, play
from tests.unit.connectors.trading_grid.community import listed, thread

REF = "bigcommerce:1001/pt_1/1"
DATE = {"date": "Thu, 09 Oct 2025 08:53:20 GMT"}  # NOW_MS
COMMAND = TradingGridCommand(
    event_id=derived("a", "command"),
    produced_at=NOW_MS - 1_000,
    flow="bigcommerce.order-exception",
    lane=REF,
    operation="open_thread",
)


def problem(status: int, code: str, **extra: Any) -> Response:
    body = {"type": "about:blank", "title": "t", "status": status, "code": code, "detail": "d"}
    return answer(status, body | extra)


def verdict_of(steps: Any, *answers: Response) -> Verdict:
    with pytest.raises(OperationError) as caught:
        play(steps, *answers)
    return caught.value.verdict


FOUND = answer(200, listed(thread()), DATE)
NOT_FOUND = answer(200, listed(), DATE)
