"""Columns legs: a whole batch at once as Arrow columns; by records, the reference, where anything is out of order.

Both ways write the same bytes (a property test holds them equal), so which of them a batch took shows in metrics only.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gridwire.ids import trace_of
from gridwire.topics import Topic
from streams.engine.faults import NOBODYS_FAULT
from streams.engine.incoming import Incoming
from streams.engine.plan import BoundLeg
from streams.engine.runner import Runner, batch_cause
from streams.engine.settle import Before, OutBatch, OutputError, Settled, all_fit
from streams.engine.uuids import derived_all
from streams.flow import Caused, Columns, Effect, Outputs

NOT_COLUMNS = "not readable as columns"


def run_columns(
    runner: Runner, bound: BoundLeg, leg: Columns, incoming: Incoming, now_ms: int
) -> None:
    """Raises RegistryUnavailableError."""
    if not incoming.messages:
        return
    failed: Exception | None = None
    if leg.batches is not None and incoming.columns is not None:
        try:
            runner.apply(bound, _settled(runner, bound, leg, incoming, now_ms))
        except NOBODYS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 -- records find the one that is at fault
            failed = error
        else:
            runner.count(bound, "columns batch")
            return
    if leg.batches is not None:
        why = type(failed).__name__ if failed else NOT_COLUMNS
        runner.count(bound, "columns fallback", why)
    dead = len(runner.outbox.dead)
    runner.batch(bound, leg, incoming.pairs, now_ms)
    if failed is not None and len(runner.outbox.dead) == dead:
        runner.stepped_in(bound, failed)


def _settled(
    runner: Runner, bound: BoundLeg, leg: Columns, incoming: Incoming, now_ms: int
) -> Settled:
    if leg.batches is None or incoming.columns is None:
        raise OutputError("no columns")
    batch, messages = incoming.columns, incoming.messages
    written: dict[str, OutBatch] = {}
    rest: list[Effect] = []
    causes = _Causes(batch, bound.label, now_ms)
    for effect in leg.batches(batch, runner.lookups):
        if not isinstance(effect, Outputs):
            rest.append(_of_the_batch(effect))
            continue
        topic = _topic(bound, effect)
        if topic.name in written:
            raise OutputError(f"two outputs of columns to {topic.name}")
        if len(effect.key):
            written[topic.name] = _written(runner, bound, topic, effect, causes)
    cause = batch_cause(
        bound.label,
        (messages[0], messages[-1]),
        pc.max(batch.column("occurred_at")).as_py(),
        causes.header["trace_id"][0].as_py(),
    )
    beside = sum(len(out.keys) for out in written.values())
    settled = runner.settler.settle(
        bound, cause, rest, Before(), now_ms=now_ms, records=len(messages), beside=beside
    )
    settled.batches.extend(written.values())
    return settled


def _of_the_batch(effect: Effect) -> Effect:
    if isinstance(effect, Caused):
        raise OutputError("in columns, outputs of single records are Outputs")
    return effect


def _topic(bound: BoundLeg, outputs: Outputs) -> Topic[Any]:
    topic = bound.outputs.get(outputs.record)
    if topic is None:
        raise OutputError(f"{outputs.record.__name__} is not among what the leg writes")
    if topic.kind == "command":
        raise OutputError("commands are not written as columns: go-live holds for each")
    return topic


class _Causes:
    """Header columns of what a batch's records cause: what `streams.engine.stamp` does, for all of them."""

    def __init__(self, batch: pa.RecordBatch, label: str, now_ms: int) -> None:
        self._label = label
        self._now_ms = now_ms
        ids, traces = batch.column("event_id"), batch.column("trace_id")
        if pc.any(pc.equal(traces, "")).as_py():
            pairs = zip(traces.to_pylist(), ids.to_pylist(), strict=True)
            traces = pa.array([trace or trace_of(event_id) for trace, event_id in pairs])
        self.header: Mapping[str, pa.Array] = {
            "occurred_at": batch.column("occurred_at"),
            "version": batch.column("version"),
            "trace_id": traces,
            "causation_id": ids,
        }

    def stamped(
        self, topic: Topic[Any], keys: pa.StringArray, causes: pa.Array | None
    ) -> dict[str, pa.Array]:
        """Header columns of the records with these keys."""
        header = dict(self.header)
        if causes is not None:
            if len(pc.unique(causes)) < len(causes):
                raise OutputError("two outputs of one record to one topic")
            header = {name: column.take(causes) for name, column in header.items()}
        cause_ids = header["causation_id"]
        header["event_id"] = derived_all(self._label, cause_ids, topic.name, keys, "0")
        header["produced_at"] = pa.repeat(pa.scalar(self._now_ms, pa.int64()), len(keys))
        header["source"] = pa.repeat(pa.scalar(self._label), len(keys))
        return header


def _written(
    runner: Runner, bound: BoundLeg, topic: Topic[Any], outputs: Outputs, causes: _Causes
) -> OutBatch:
    header = causes.stamped(topic, outputs.key, outputs.causes)
    keys = outputs.key.to_pylist()
    values = runner.column_codec(topic).encode({**outputs.columns, **header})
    bytes_max = runner.settler.limits.output_bytes_max
    if not all_fit(keys, values, bytes_max):
        raise OutputError("output too large")
    return OutBatch(topic.name, bound.label, keys, values)
