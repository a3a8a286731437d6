"""A message to write."""

from dataclasses import dataclass, field

from gridwire.dead_letters import Headers


@dataclass(frozen=True, slots=True)
class Output:
    """A message to write together with the offset of what led to it. `partition`: None lets the key decide."""

    topic: str
    key: bytes | str | None
    value: bytes | None
    headers: Headers = field(default_factory=list)
    partition: int | None = None
