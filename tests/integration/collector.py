"""An OTLP/HTTP collector in a process of its own: decodes what comes (protobuf) and writes a line of JSON per span.

python collector.py READY_FILE SPANS_FILE
"""

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


def spans(raw: bytes) -> list[dict[str, Any]]:
    """Every span of a request, with the service that it is of."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(raw)
    found = []
    for resource in request.resource_spans:
        about = {one.key: one.value.string_value for one in resource.resource.attributes}
        for scope in resource.scope_spans:
            found += [
                {
                    "service": about["service.name"],
                    "name": span.name,
                    "trace": span.trace_id.hex(),
                    "span": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "kind": span.kind,
                    "start_ns": span.start_time_unix_nano,
                    "end_ns": span.end_time_unix_nano,
                    "status": span.status.code,
                    "attributes": {
                        one.key: one.value.string_value or one.value.int_value
                        for one in span.attributes
                    },
                }
                for span in scope.spans
            ]
    return found


class Handler(BaseHTTPRequestHandler):
    """POST /v1/traces."""

    spans_file: Path

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            raw = gzip.decompress(raw)
        right = self.path == "/v1/traces"
        if right:
            lines = "".join(json.dumps(one) + "\n" for one in spans(raw))
            with self.spans_file.open("a") as file:
                file.write(lines)
        body = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200 if right else 404)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name there
        """Nothing: the test looks at what came."""


def main(ready_file: Path, spans_file: Path) -> None:
    Handler.spans_file = spans_file
    spans_file.touch()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    partial = ready_file.with_suffix(".partial")
    partial.write_text(f"http://127.0.0.1:{server.server_address[1]}")
    partial.replace(ready_file)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
