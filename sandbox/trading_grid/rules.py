"""What single kinds know beyond their table row: derived fields, guards, finer events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.trading_grid.problems import Problem
from sandbox.trading_grid.store import Object

GATE_PASSED = frozenset({"done", "waived"})


def _launch_gate(launch: Object) -> Object:
    """readiness_percent over all items; the gate opens when every required one is passed."""
    items = launch.get("checklist") or []
    required = [item for item in items if item.get("required", True)]
    passed = [item for item in items if item["status"] in GATE_PASSED]
    percent = round(100 * len(passed) / len(items)) if items else 100
    gate_open = all(item["status"] in GATE_PASSED for item in required)
    return {**launch, "readiness_percent": percent, "gate_open": gate_open}


DERIVE: Mapping[str, Callable[[Object], Object]] = {"launch": _launch_gate}


def _thread_guard(thread: Object, to: str) -> None:
    if to == "resolved" and not thread.get("resolution"):
        raise Problem(
            422,
            "resolution_required",
            "a thread is resolved with a resolution: send {to, resolution:{code, action}}",
            errors=[{"pointer": "/resolution", "code": "required", "message": "is required"}],
        )


def _launch_guard(launch: Object, to: str) -> None:
    if to == "ready" and not launch["gate_open"]:
        raise Problem(422, "gate_closed", "required checklist items are neither done nor waived")


GUARDS: Mapping[str, Callable[[Object, str], None]] = {
    "thread": _thread_guard,
    "launch": _launch_guard,
}


def _done_tasks(partner: Object) -> set[str]:
    tasks = (partner.get("onboarding") or {}).get("tasks") or []
    return {task["key"] for task in tasks if task.get("status") == "done"}


def _partner_events(before: Object, after: Object, changed: list[str]) -> list[str]:
    events = []
    if "compliance" in changed:
        events.append("partner.compliance_changed")
    if _done_tasks(after) - _done_tasks(before):
        events.append("partner.onboarding_task_completed")
    if set(changed) - {"compliance", "onboarding"} or not events:
        events.append("partner.updated")
    return events


UPDATE_EVENTS: Mapping[str, Callable[[Object, Object, list[str]], list[str]]] = {
    "partner": _partner_events,
}
