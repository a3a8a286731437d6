"""`python -m sandbox`: serve the simulated platforms on 127.0.0.1."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from pathlib import Path

import uvicorn
import uvloop

from sandbox.app import build_app

HOST = "127.0.0.1"
GRACE_S = 1
KEEP_ALIVE_S = 60


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(1024)
    return listener


def _announce(url: str, ready_file: Path | None) -> None:
    print(url, flush=True)
    if ready_file is not None:
        partial = ready_file.with_suffix(".partial")
        partial.write_text(url, encoding="utf-8")
        partial.replace(ready_file)


async def _exit_with_stdin(server: uvicorn.Server) -> None:
    """Stop when stdin closes: the parent that held its other end is gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        continue
    server.should_exit = True


class _AnnouncingServer(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, ready_file: Path | None) -> None:
        super().__init__(config)
        self._ready_file = ready_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            _announce(f"http://{HOST}:{sockets[0].getsockname()[1]}", self._ready_file)


async def _serve(listener: socket.socket, ready_file: Path | None, exit_with_stdin: bool) -> None:
    config = uvicorn.Config(
        build_app(),
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free port")
    parser.add_argument("--ready-file", type=Path, help="gets the URL once requests are served")
    parser.add_argument(
        "--exit-with-stdin", action="store_true", help="stop when stdin closes (child of a test)"
    )
    arguments = parser.parse_args()
    serve = _serve(_listen(arguments.port), arguments.ready_file, arguments.exit_with_stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve)


if __name__ == "__main__":
    main()
