"""Whether a record may be sent now, as those who send ask."""

from typing import Protocol


class WithdrawnError(Exception):
    """The partition goes to another owner and nothing of this record has been sent: leave it to that one."""


class Permit(Protocol):
    """Whether a record may be sent now: asked before each of its requests.

    `given` is False while the assignment is not confirmed (then `wait`), and raises WithdrawnError once the record
    is another's. `used`: something is being sent, so it is ours to the end.
    """

    def given(self) -> bool: ...

    async def wait(self) -> None: ...

    def used(self) -> None: ...
