"""Commands for Trading Grid about one order: all of an order's stand in one lane, so they are carried out in order.

A function per operation, by its name.
"""

from gridwire.records import AddComment, MoveThread, OpenThread, TradingGridCommand
from gridwire.vocabulary import ThreadStatus

# Nobody works on such a thread any more, unless it is reopened.
TERMINAL = frozenset({ThreadStatus.RESOLVED, ThreadStatus.CLOSED, ThreadStatus.CANCELLED})


def open_thread(
    flow: str, order_ref: str, thread: OpenThread, *, at_ms: int = 0
) -> TradingGridCommand:
    """A thread with one audience. at_ms: when the timer was due that led to it; 0: the record knows."""
    return TradingGridCommand(
        occurred_at=at_ms,
        flow=flow,
        lane=order_ref,
        operation="open_thread",
        open_thread=thread,
    )


def add_comment(
    flow: str, order_ref: str, comment: AddComment, *, at_ms: int = 0
) -> TradingGridCommand:
    """A comment on a thread of the order. at_ms: as for open_thread."""
    return TradingGridCommand(
        occurred_at=at_ms,
        flow=flow,
        lane=order_ref,
        operation="add_comment",
        add_comment=comment,
    )


def move_thread(
    flow: str, order_ref: str, move: MoveThread, *, at_ms: int = 0
) -> TradingGridCommand:
    """A thread of the order into another status. at_ms: as for open_thread."""
    return TradingGridCommand(
        occurred_at=at_ms,
        flow=flow,
        lane=order_ref,
        operation="move_thread",
        move_thread=move,
    )
