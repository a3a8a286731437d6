"""Errors as RFC 9457 problem details with stable codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    409: "Conflict",
    412: "Precondition failed",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Unprocessable content",
    428: "Precondition required",
    429: "Too many requests",
}

FieldError = dict[str, str]


class Problem(Exception):
    """A refused request: `code` is what clients decide on, `detail` is for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def as_json(self, instance: str, trace_id: str) -> dict[str, Any]:
        return {
            "type": f"urn:trading-grid:problem:{self.code}",
            "title": TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            "errors": self.errors,
            "trace_id": trace_id,
            **self.extra,
        }


def invalid(errors: Sequence[FieldError]) -> Problem:
    """422 for a body whose fields are wrong; each error carries a JSON pointer."""
    said = "; ".join(f"{error['pointer']}: {error['message']}" for error in errors[:5])
    return Problem(422, "validation_failed", said, errors=errors)


def not_found(kind: str, object_id: str) -> Problem:
    return Problem(404, "not_found", f"there is no {kind} {object_id!r}")
