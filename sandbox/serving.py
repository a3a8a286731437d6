"""How every server of the sandbox runs: on loopback, saying where, and gone when its parent is."""

import argparse
import asyncio
import socket
import sys
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from sandbox.child import write_ready_file

HOST = "127.0.0.1"
BACKLOG = 1024
GRACE_S = 1
KEEP_ALIVE_S = 60


def parser(prog: str, description: str | None) -> argparse.ArgumentParser:
    """The options that every server has."""
    options = argparse.ArgumentParser(prog=prog, description=description)
    options.add_argument("--port", type=int, default=0, help="0 (default) takes a free port")
    options.add_argument("--ready-file", type=Path, help="gets the URL once requests are served")
    options.add_argument(
        "--exit-with-stdin", action="store_true", help="stop when stdin closes (child of a test)"
    )
    return options


def run(app: ASGIApp, options: argparse.Namespace) -> None:
    """Serve until SIGTERM, SIGINT or, if asked for, the end of stdin."""
    serve = _serve(app, _listen(options.port), options.ready_file, options.exit_with_stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(BACKLOG)
    return listener


class _AnnouncingServer(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, ready_file: Path | None) -> None:
        super().__init__(config)
        self._ready_file = ready_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started or not sockets:
            return
        url = f"http://{HOST}:{sockets[0].getsockname()[1]}"
        print(url, flush=True)
        if self._ready_file is not None:
            write_ready_file(self._ready_file, url)


async def _exit_with_stdin(server: uvicorn.Server) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        continue
    server.should_exit = True


async def _serve(
    app: ASGIApp,
    listener: socket.socket,
    ready_file: Path | None,
    exit_with_stdin: bool,
) -> None:
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    server = _AnnouncingServer(config, ready_file)
    watch = asyncio.create_task(_exit_with_stdin(server)) if exit_with_stdin else None
    await server.serve(sockets=[listener])
    if watch is not None:
        watch.cancel()
