"""Traces for an OpenTelemetry collector: spans made of records, as trace and causation are fields of every record.

A span stands for one record and what led to it: its id is a function of the record's event id, its parent's of the
causation id. So parents need not be carried along, whoever writes the child knows them; done again after a crash, a
step yields the same span. Which traces are exported is decided by the trace id alone (as OpenTelemetry's traceidratio
does), so every process decides alike.

`on` is None where no endpoint is configured: then nothing here costs anything. Attributes hold no personal data: names
of ours, ids, counts.
"""

import hashlib
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol

import msgspec

from gridwire.ids import trace_of
from gridwire.records import Record
from gridwire.settings import Env, SettingsError
from gridwire.shapes import URL

ID_HEX = frozenset("0123456789abcdef")
TRACE_CHARS = 32
LOW_BITS = (1 << 64) - 1
STOP_MS_MAX = 5_000
Kind = Literal["server", "internal", "client"]
Attributes = Mapping[str, str | int]


class TraceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Traces; the variables are OpenTelemetry's own, and its others (OTEL_EXPORTER_OTLP_HEADERS …) count, too."""

    endpoint: Annotated[
        str | None,
        URL,
        Env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "the OTLP/HTTP address of a collector, e.g. http://collector:4318; unset: no traces",
        ),
    ] = None
    traces_endpoint: Annotated[
        str | None,
        URL,
        Env(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "the same for traces alone, with its path, e.g. http://collector:4318/v1/traces",
        ),
    ] = None
    protocol: Annotated[
        Literal["http/protobuf"],
        Env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf, the only one that gridwire speaks"),
    ] = "http/protobuf"
    ratio: Annotated[
        float,
        msgspec.Meta(ge=0, le=1),
        Env("OTEL_TRACES_SAMPLER_ARG", "the share of traces that are exported, from 0 to 1"),
    ] = 0.01


class Processor(Protocol):
    """Where spans go; `on_end` only puts them into a bounded queue."""

    def on_end(self, span: Any) -> None: ...

    def force_flush(self, timeout_millis: int) -> bool: ...

    def shutdown(self) -> None: ...


class Spans:
    """Makes spans of records and hands them to the exporter's queue. Any thread may call it."""

    def __init__(self, processor: Processor, resource: Any, ratio: float) -> None:
        from opentelemetry import trace  # noqa: PLC0415 -- optional: only where traces are on
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

        self._processor = processor
        self._resource = resource
        self._bound = round(ratio * (LOW_BITS + 1))
        self._api = trace
        self._span = ReadableSpan
        self._scope = InstrumentationScope("gridwire")
        self._kinds = {
            "server": trace.SpanKind.SERVER,
            "internal": trace.SpanKind.INTERNAL,
            "client": trace.SpanKind.CLIENT,
        }
        self._flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)

    def wanted(self, trace_id: str) -> bool:
        """Whether the trace is one of those that are exported."""
        return trace_number(trace_id) & LOW_BITS < self._bound

    def note(
        self,
        name: str,
        kind: Kind,
        ids: tuple[str, str, str | None],
        attributes: Attributes,
        *,
        start_ns: int,
        failed: str | None = None,
    ) -> None:
        """A span that ends now, if its trace is wanted. `ids`: of event, trace, causation. `failed`: a fixed phrase."""
        event_id, trace_id, causation_id = ids
        if not self.wanted(trace_id):
            return
        number, api, end_ns = trace_number(trace_id), self._api, time.time_ns()
        parent = None if causation_id is None else self._context(number, causation_id, remote=True)
        code = api.StatusCode.UNSET if failed is None else api.StatusCode.ERROR
        span = self._span(
            name,
            context=self._context(number, event_id, remote=False),
            parent=parent,
            resource=self._resource,
            attributes={"gridwire.event_id": event_id, **attributes},
            kind=self._kinds[kind],
            status=api.Status(code, failed),
            start_time=min(start_ns, end_ns),
            end_time=end_ns,
            instrumentation_scope=self._scope,
        )
        self._processor.on_end(span)

    def record(
        self,
        record: Record,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        start_ns: int,
        failed: str | None = None,
    ) -> None:
        """The span of a record that has its ids."""
        ids = (record.event_id, record.trace_id, record.causation_id)
        self.note(name, kind, ids, attributes, start_ns=start_ns, failed=failed)

    def _context(self, trace_id: int, event_id: str, *, remote: bool) -> Any:
        return self._api.SpanContext(trace_id, span_number(event_id), remote, self._flags)

    def stop(self) -> None:
        """Sends what is queued, within STOP_MS_MAX."""
        self._processor.force_flush(STOP_MS_MAX)
        self._processor.shutdown()


on: Spans | None = None


def trace_number(trace_id: str) -> int:
    """The trace id as a number; one that is not 32 hex digits (or is zero) stands for its hash."""
    valid = len(trace_id) == TRACE_CHARS and ID_HEX.issuperset(trace_id)
    return (int(trace_id, 16) if valid else 0) or int(trace_of(trace_id), 16)


def span_number(event_id: str) -> int:
    """The span id of a record, never zero."""
    digest = hashlib.blake2b(event_id.encode(), digest_size=8, person=b"span").digest()
    return int.from_bytes(digest, "big") or 1


def start(settings: TraceSettings, role: str) -> None:
    """Switches traces on where an endpoint is configured. Raises SettingsError where the libraries are missing."""
    global on  # noqa: PLW0603 -- one per process, like the log handler
    if settings.endpoint is None and settings.traces_endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        missing = (
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and the OpenTelemetry libraries are not there"
        )
        raise SettingsError([f"{missing}: install gridwire[otlp], or unset it"]) from error
    named = Resource.create({"service.name": f"gridwire-{role}"}).merge(_of_environment())
    try:
        processor = BatchSpanProcessor(OTLPSpanExporter())
    except ValueError as error:
        raise SettingsError([f"an OTEL_ variable is not valid: {error}"]) from error
    on = Spans(processor, named, settings.ratio)


def _of_environment() -> Any:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say more than we do."""
    from opentelemetry.sdk.resources import OTELResourceDetector  # noqa: PLC0415

    return OTELResourceDetector().detect()


def stop() -> None:
    """Sends what is left, and switches off."""
    global on
    spans, on = on, None
    if spans is not None:
        spans.stop()
