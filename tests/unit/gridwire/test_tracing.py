"""Spans made of records: whose they are, which are exported, and what it takes."""

import subprocess
import sys
from typing import Any

import pytest

from gridwire import tracing
from gridwire.ids import trace_of
from gridwire.settings import SettingsError, load
from gridwire.tracing import Spans, TraceSettings, span_number, trace_number

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Kept:
    """A processor that keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.stopped = False

    def on_end(self, span: Any) -> None:
        self.spans.append(span)

    def force_flush(self, timeout_millis: int) -> bool:
        return timeout_millis > 0

    def shutdown(self) -> None:
        self.stopped = True


def noted(ratio: float, *ids: tuple[str, str, str | None], failed: str | None = None) -> list[Any]:
    kept = Kept()
    spans = Spans(kept, None, ratio)
    for one in ids:
        spans.note("a span", "client", one, {"gridwire.attempts": 2}, start_ns=5, failed=failed)
    return kept.spans


def test_a_child_names_the_span_of_its_cause_as_its_parent() -> None:
    cause, effect = noted(1.0, ("e-1", TRACE, None), ("e-2", TRACE, "e-1"))
    assert cause.parent is None
    assert effect.parent.span_id == cause.context.span_id
    assert effect.context.span_id != cause.context.span_id
    assert cause.context.trace_id == effect.context.trace_id == int(TRACE, 16)
    assert effect.context.is_valid
    assert dict(effect.attributes) == {"gridwire.event_id": "e-2", "gridwire.attempts": 2}
    assert effect.start_time <= effect.end_time


def test_the_same_record_has_the_same_span_in_every_process() -> None:
    assert span_number("e-1") == 4054577087238622657
    assert trace_number(TRACE) == int(TRACE, 16)


@pytest.mark.parametrize("odd", ["", "0" * 32, "trace-1", "Z" * 32, TRACE.upper()])
def test_a_trace_id_that_is_none_stands_for_its_hash(odd: str) -> None:
    assert trace_number(odd) == int(trace_of(odd), 16)


def test_whole_traces_are_sampled_and_about_as_many_as_was_asked_for() -> None:
    traces = [trace_of(f"event-{n}") for n in range(4_000)]
    wanted = [one for one in traces if Spans(Kept(), None, 0.25).wanted(one)]
    assert 800 < len(wanted) < 1_200
    again = noted(0.25, *(ids for one in wanted for ids in ((one, one, None), ("x", one, one))))
    assert len(again) == 2 * len(wanted)
    assert not noted(0.0, *((one, one, None) for one in traces))
    assert len(noted(1.0, *((one, one, None) for one in traces))) == len(traces)


def test_a_failure_is_told_by_a_fixed_phrase() -> None:
    (span,) = noted(1.0, ("e-1", TRACE, None), failed="given up")
    assert (span.status.status_code.name, span.status.description) == ("ERROR", "given up")


def test_what_is_queued_is_sent_at_the_end() -> None:
    kept = Kept()
    tracing.on = Spans(kept, None, 1.0)
    tracing.stop()
    assert kept.stopped
    assert tracing.on is None


def test_without_an_endpoint_nothing_is_switched_on_or_even_imported() -> None:
    program = (
        "import sys; from gridwire import tracing; from gridwire.settings import load;"
        "import connectors.kit.role, streams.runtime.worker;"
        "tracing.start(load(tracing.TraceSettings, {}), 'sinks');"
        "sys.exit(bool(tracing.on) or any(n.startswith('opentelemetry') for n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert done.returncode == 0


def test_an_endpoint_without_the_libraries_ends_the_start_naming_the_fix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    given = load(TraceSettings, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    with pytest.raises(SettingsError, match=r"install gridwire\[otlp\]"):
        tracing.start(given, "sinks")
    assert tracing.on is None


def test_a_variable_that_the_exporter_refuses_ends_the_start_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    given = load(TraceSettings, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    with pytest.raises(SettingsError, match="OTEL_ variable is not valid: max_queue_size"):
        tracing.start(given, "sinks")
    assert tracing.on is None


def test_a_protocol_that_is_not_spoken_is_refused() -> None:
    with pytest.raises(SettingsError, match="http/protobuf"):
        load(TraceSettings, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    with pytest.raises(SettingsError, match="OTEL_TRACES_SAMPLER_ARG"):
        load(TraceSettings, {"OTEL_TRACES_SAMPLER_ARG": "2"})
