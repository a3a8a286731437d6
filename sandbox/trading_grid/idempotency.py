"""The memory of Idempotency-Keys: a repeated POST gets the first answer again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from sandbox.trading_grid.problems import Problem

KEPT_S = 24 * 3_600.0
KEYS_MAX = 100_000
IN_PROGRESS_RETRY_S = 1

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Remembered(Generic[Answer]):
    fingerprint: str
    at_s: float
    answer: Answer | None = None


def check_key(key: str | None) -> str:
    """Raises Problem 400 when the header is missing or no UUID."""
    if not key:
        raise Problem(
            400, "idempotency_key_required", "POST needs an Idempotency-Key header with a UUID"
        )
    try:
        return str(UUID(key))
    except ValueError as error:
        raise Problem(400, "idempotency_key_invalid", "Idempotency-Key must be a UUID") from error


class IdempotencyMemory(Generic[Answer]):
    """Keys per client, kept KEPT_S, at most KEYS_MAX (the oldest go).

    Only answers of operations that took effect (2xx) are kept: after a refusal the same key may
    be tried again.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Remembered[Answer]] = OrderedDict()

    def begin(self, client_id: str, key: str, fingerprint: str, now_s: float) -> Answer | None:
        """The kept answer, or None: then the operation is ours until `finish` or `forget`.

        Raises Problem 422 (key used with another body) and 409 (still in progress).
        """
        name = (client_id, key)
        kept = self._kept.get(name)
        if kept is not None and kept.at_s + KEPT_S > now_s:
            if kept.fingerprint != fingerprint:
                raise Problem(
                    422, "idempotency_key_reuse", "this key was used with another request"
                )
            if kept.answer is None:
                raise Problem(
                    409,
                    "idempotency_in_progress",
                    "the first request with this key is still in progress",
                    headers={"retry-after": str(IN_PROGRESS_RETRY_S)},
                )
            return kept.answer
        self._kept[name] = Remembered(fingerprint, now_s)
        self._kept.move_to_end(name)
        if len(self._kept) > KEYS_MAX:
            self._kept.popitem(last=False)
        return None

    def finish(self, client_id: str, key: str, answer: Answer) -> None:
        kept = self._kept.get((client_id, key))
        if kept is not None:
            kept.answer = answer

    def forget(self, client_id: str, key: str) -> None:
        self._kept.pop((client_id, key), None)

    def clear(self) -> None:
        self._kept.clear()
