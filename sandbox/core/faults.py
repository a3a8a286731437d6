"""Faults: what a platform does wrong on request of a test.

A fault says which calls it meets, what happens to them, and how often. The platform gate
(sandbox.core.gate) applies it, so simulators know nothing of faults.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Action = Literal["status", "timeout_after_accept", "reset", "slow", "malformed", "endless"]
ACTIONS: tuple[str, ...] = get_args(Action)
FAULTS_MAX = 100
HOLD_S_DEFAULT = 30.0
DELAY_S_MAX = 600.0
KNOWN = "match, action, status, headers, body, count, probability, seed, delay_s, skip"
FIELDS = frozenset(KNOWN.split(", "))


class BadFault(ValueError):
    """A fault that makes no sense; the text names the field."""


@dataclass(slots=True)
class Fault:
    """`left` None = for ever; `skip` = matching calls that pass before it starts."""

    id: int
    action: Action
    method: str | None
    path_prefix: str
    status: int
    headers: dict[str, str]
    body: Any
    left: int | None
    probability: float
    seed: int
    delay_s: float
    skip: int
    hits: int = 0
    dice: random.Random = field(default_factory=random.Random, repr=False)

    def meets(self, method: str, path: str) -> bool:
        if self.left == 0 or not path.startswith(self.path_prefix):
            return False
        return self.method is None or self.method == method

    def strikes(self) -> bool:
        """Whether this matching call is hit; uses up a skip, a die roll, and the count."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.dice.random() >= self.probability:
            return False
        self.hits += 1
        if self.left is not None:
            self.left -= 1
        return True

    def as_json(self) -> dict[str, Any]:
        shown = [name for name in self.__slots__ if name != "dice"]
        return {name: getattr(self, name) for name in shown}


def _number(spec: dict[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = spec.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadFault(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
    return value


def parse_fault(fault_id: int, spec: dict[str, Any]) -> Fault:
    """A Fault from the control API's JSON. Without `count` and `probability` it strikes once."""
    unknown = sorted(set(spec) - FIELDS)
    if unknown:
        raise BadFault(f"unknown fields {unknown}; known are {KNOWN}")
    action = spec.get("action")
    if action not in ACTIONS:
        raise BadFault(f"action must be one of {list(ACTIONS)}, not {action!r}")
    match = spec.get("match") or {}
    method = match.get("method")
    left: int | None = None
    if "count" in spec or "probability" not in spec:
        left = int(_number(spec, "count", 1, 1, 1_000_000))
    delay_s = 0.0 if action in ("status", "reset", "malformed", "endless") else HOLD_S_DEFAULT
    seed = int(_number(spec, "seed", 0, 0, 2**63))
    return Fault(
        id=fault_id,
        action=action,
        method=method.upper() if method else None,
        path_prefix=str(match.get("path_prefix", "")),
        status=int(_number(spec, "status", 503, 100, 599)),
        headers={str(name): str(value) for name, value in (spec.get("headers") or {}).items()},
        body=spec.get("body"),
        left=left,
        probability=_number(spec, "probability", 1.0, 0.0, 1.0),
        seed=seed,
        delay_s=_number(spec, "delay_s", delay_s, 0.0, DELAY_S_MAX),
        skip=int(_number(spec, "skip", 0, 0, 1_000_000)),
        dice=random.Random(seed),
    )


class FaultPlan:
    """The faults of one platform, at most FAULTS_MAX; the first that strikes is applied."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._last_id = 0

    def add(self, spec: dict[str, Any]) -> Fault:
        """Add a fault from its JSON. Raises BadFault."""
        if len(self._faults) >= FAULTS_MAX:
            raise BadFault(f"{FAULTS_MAX} faults are planned already; DELETE them first")
        self._last_id += 1
        fault = parse_fault(self._last_id, spec)
        self._faults.append(fault)
        return fault

    def pick(self, method: str, path: str) -> Fault | None:
        for fault in self._faults:
            if fault.meets(method, path) and fault.strikes():
                return fault
        return None

    def list(self) -> list[dict[str, Any]]:
        return [fault.as_json() for fault in self._faults]

    def clear(self) -> None:
        self._faults.clear()
