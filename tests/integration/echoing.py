"""A platform that is all indiscretion: every answer repeats what was asked, headers, credentials and all."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote

from gridwire.redaction import texts_within

Manner = Literal["ill", "refusing"]


class Echo:
    """What it was asked, and in which manner it answers: ill (one kind of wrong after another), or refusing (401)."""

    def __init__(self) -> None:
        self.url = ""
        self.manner: Manner = "ill"
        self.asked: list[str] = []
        self._turn = 0
        self._lock = threading.Lock()

    def turn(self, said: str) -> int:
        with self._lock:
            self.asked.append(said)
            self._turn += 1
            return self._turn


def _words(raw: bytes) -> list[str]:
    """The texts of a body, without the quotes that would tell where they begin."""
    try:
        return [text.replace("'", "") for text in texts_within(json.loads(raw))]
    except ValueError:
        return [raw.decode(errors="replace")]


def _wrong(turn: int, said: str) -> tuple[int, dict[str, str], bytes]:
    """Another kind of wrong for each turn."""
    problem = {
        "title": said,
        "detail": said,
        "message": said,
        "code": "odd",
        "errors": [said, {"message": said, "field": said}],
        "error": {"message": said},
        "data": [{"id": said, "status": said}],
        "users": said,
    }
    raw = json.dumps(problem).encode()
    header = said.encode("ascii", "replace").decode()[:3_000].replace("\n", " ")
    kinds: list[tuple[int, dict[str, str], bytes]] = [
        (400, {}, raw),
        (422, {"content-type": "application/problem+json"}, raw),
        (500, {"content-type": "text/plain"}, said.encode()),
        (302, {"location": f"https://elsewhere.example/{header}"}, raw),
        (200, {}, said.encode()),
        (200, {}, raw),
        (207, {}, raw),
        (409, {}, raw),
        (429, {"retry-after": header}, raw),
        (418, {}, raw),
        (201, {}, json.dumps({"notice": said}).encode()),
    ]
    return kinds[turn % len(kinds)]


@contextmanager
def echoing(token: str) -> Iterator[Echo]:
    """Runs one. `token`: what its token endpoint gives."""
    echo = Echo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            said = " ".join([unquote(self.path), *self.headers.values(), *_words(raw)])
            turn = echo.turn(said)
            if self.path == "/token" and echo.manner == "ill":
                self._send(200, {}, json.dumps({"access_token": token}).encode())
            elif echo.manner == "refusing":
                problem = {"message": said, "error": said, "detail": said, "title": said}
                self._send(401, {}, json.dumps(problem).encode())
            elif turn % 13 == 0:
                self.wfile.write(f"HTTP/1.1 two hundred {said[:200]!r}\r\n\r\n".encode())
                self.close_connection = True
            else:
                self._send(*_wrong(turn, said))

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name there
            """The test looks at what gridwire says, not at what this does."""

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    echo.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield echo
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
