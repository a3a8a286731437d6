"""As little HTTP/1.1 as the programs around the measured ones need: whoever measures must not be the bottleneck."""

import re
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
END = b"\r\n\r\n"
REASONS = {
    200: b"OK",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}


class Messages:
    """Cuts a stream of bytes into HTTP messages with a length (or none): requests or answers."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The head and body of each message that is complete now."""
        left = self._left + data if self._left else data
        found = []
        while left:
            end = left.find(END)
            if end < 0:
                break
            length = LENGTH.search(left, 0, end + 2)
            total = end + len(END) + (int(length[1]) if length else 0)
            if len(left) < total:
                break
            found.append((left[:end], left[end + len(END) : total]))
            left = left[total:]
        self._left = left
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What a platform answers. Status 0: it cuts the connection; `delay_s`: how long it takes."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = field(default=())
    body: bytes = b"{}"
    delay_s: float = 0.0

    def encoded(self) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers).encode()
        head = b"HTTP/1.1 %d %b\r\n" % (self.status, REASONS.get(self.status, b"-"))
        kind = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(self.body)
        return head + kind + lines + b"\r\n" + self.body


def request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n{lines}\r\n".encode() + body
