"""A bound on unreadable messages in a row: one is poison, many are a wrong deployment or a wrong registry.

Poison becomes a dead letter. A topic is not drained into one: after IN_A_ROW_MAX the consumer waits instead.
"""

from gridwire.codec import CodecError

IN_A_ROW_MAX = 100
UNREADABLE_DELAY_S = 30.0


class Unreadable:
    """Counts for one topic."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._in_a_row = 0
        self.problem: str | None = None

    def passed(self) -> None:
        """A message could be read."""
        self._in_a_row = 0
        self.problem = None

    def found(self, error: CodecError) -> bool:
        """A message could not be read. True: too many in a row, so wait instead of dead-lettering it."""
        self._in_a_row += 1
        if self._in_a_row <= IN_A_ROW_MAX:
            return False
        self.problem = (
            f"more than {IN_A_ROW_MAX} messages of {self._topic} in a row cannot be read ({error.reason}): check "
            "SCHEMA_REGISTRY_URL and the version deployed, then restart"
        )
        return True
