"""Which way a thread goes from one status to another."""

from collections import deque
from collections.abc import Mapping

from gridwire.vocabulary import ThreadStatus as S

TERMINAL = frozenset({S.CLOSED, S.CANCELLED})
NEXT: Mapping[S, tuple[S, ...]] = {
    S.OPEN: (S.ACKNOWLEDGED,),
    S.ACKNOWLEDGED: (S.IN_PROGRESS,),
    S.IN_PROGRESS: (S.AWAITING_PARTNER, S.AWAITING_INTERNAL, S.RESOLVED),
    S.AWAITING_PARTNER: (S.AWAITING_INTERNAL, S.RESOLVED),
    S.AWAITING_INTERNAL: (S.AWAITING_PARTNER, S.RESOLVED),
    S.ESCALATED: (S.IN_PROGRESS,),
    S.RESOLVED: (S.CLOSED, S.REOPENED),
    S.REOPENED: (S.IN_PROGRESS,),
    S.CLOSED: (),
    S.CANCELLED: (),
}
# Legal, but they alarm people or take a decision back: never on the way to somewhere else.
NEVER_PASSED = frozenset({S.ESCALATED, S.CANCELLED, S.REOPENED})


def legal(status: S) -> tuple[S, ...]:
    """Where a thread may go next."""
    return NEXT[status] + (() if status in TERMINAL else (S.ESCALATED, S.CANCELLED))


def reached(status: str, to: str) -> bool:
    """Whether nothing is left to do: a closed thread has been resolved before."""
    return status == to or (status == S.CLOSED and to == S.RESOLVED)


def way(status: str, to: str) -> list[S] | None:
    """The shortest legal way to `to` that passes through nothing alarming; None: no way."""
    try:
        start, goal = S(status), S(to)
    except ValueError:
        return None
    ways: deque[list[S]] = deque([[start]])
    seen = {start}
    while ways:
        path = ways.popleft()
        for following in legal(path[-1]):
            if following == goal:
                return [*path[1:], goal]
            if following not in seen and following not in NEVER_PASSED:
                seen.add(following)
                ways.append([*path, following])
    return None
