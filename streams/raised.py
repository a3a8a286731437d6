"""What the driver keeps of faults and a worker must not: exceptions with their texts, which may hold values of records.

A leg that raises costs a worker its record, and columns that fail cost it only time, since records do the same. Both
would let a test pass that should not: the driver keeps the first and, unless it is told otherwise, refuses the second.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from gridwire.codec import CodecError
from gridwire.records import Record
from streams.engine.plan import BoundLeg
from streams.engine.settle import OutputError
from streams.flow import Fired
from streams.placement import PlacedRunner

# strict: Arrow columns must do what records can do; arrow: records step in, as in a worker; rows: records only.
ColumnsMode = Literal["strict", "arrow", "rows"]
log = logging.getLogger(__name__)


class DriverError(AssertionError):
    """A flow does not do what it should, though a worker would go on. What it raised is the cause."""


@dataclass(frozen=True, slots=True, eq=False)
class Raised:
    """What a leg raised. `label`: flow id/leg. `by`: the record, or the timer, that it had."""

    label: str
    by: Record | Fired[Any]
    error: Exception


class WatchedRunner(PlacedRunner):
    """A runner that hands on what legs raise. `strict`: records that step in for columns raise DriverError."""

    def __init__(
        self, tell: Callable[[Raised], None], *parts: Any, strict: bool, **more: Any
    ) -> None:
        super().__init__(*parts, **more)
        self._tell = tell
        self._strict = strict

    def raised(self, bound: BoundLeg, by: Record | Fired[Any], error: Exception) -> None:
        if not isinstance(error, CodecError | OutputError):  # their reasons say all
            log.error("%s raised", bound.label, exc_info=error)
        self._tell(Raised(bound.label, by, error))

    def stepped_in(self, bound: BoundLeg, error: Exception) -> None:
        if self._strict:
            raise DriverError(
                f"{bound.label}: `batches` failed ({type(error).__name__}: {error}) on records that `rows` can do: "
                'mend `batches`, or say Driver(…, columns="arrow") where records are meant to step in, or "rows"'
            ) from error
