"""An ASGI app on a port, inside a running event loop: what the ops server and the webhook gateway stand on."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from gridwire.bounded_http import BoundedHttp

BACKLOG = 2_048
KEEP_ALIVE_S = 75  # above the usual 60 s of load balancers, so that they close first


class PortError(Exception):
    """The address cannot be listened on; the message names the setting to change."""


class _Server(uvicorn.Server):
    """Leaves signals to the process that runs the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket; `port` 0 takes a free one. Raises PortError, naming `setting`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortError(
            f"cannot listen on {host}:{port} ({error.strerror}): set {setting} to a free port, "
            "or 0 for any"
        ) from error
    listener.setblocking(False)
    return listener


class AsgiServer:
    """Serves `app` from `start` to `stop`. Raises PortError where the port is taken.

    `setting`: the variable that holds the port, for the error. `grace_s`: how long `stop` waits for requests.
    """

    def __init__(
        self, app: ASGIApp, host: str, port: int, *, setting: str, grace_s: int, **options: Any
    ) -> None:
        self._address = (host, port, setting)
        self._config = uvicorn.Config(
            app,
            http=BoundedHttp,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=grace_s,
            **options,
        )
        self._server = _Server(self._config)
        self._task: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> None:
        listener = listen(*self._address)
        self.port = listener.getsockname()[1]
        # The socket listens already: a connection that comes before the server's first turn waits in its backlog.
        self._task = asyncio.create_task(self._server.serve([listener]), name="asgi-server")

    def failed(self) -> str | None:
        """Why it does not serve any more; None while it does."""
        if self._task is None or not self._task.done():
            return None
        error = None if self._task.cancelled() else self._task.exception()
        return f"server ended ({type(error).__name__ if error else 'stopped'})"

    async def stop(self) -> None:
        """Takes no more connections, finishes requests within the grace time."""
        if self._task is None:
            return
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)
