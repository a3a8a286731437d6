"""Acme, a platform to be hard on: an HTTP server in a process of its own that fails as it is told.

POST /items {"id", "lane", "n"}    201; or what the settings say
POST /batches {"items": […]}       200 {"results": [{"status", "id"}]}, each item for itself; 422 for all with a poison
GET  /_log                         every item of every call: [id, lane, n, status], status 0: taken, then cut off
GET  /_calls                       how many items each call had
POST /_settings                    {"statuses": [429, 503], "share": 0.3, "cut_share": 0.1, "delay_s": 0.01,
                                    "item_share": 0.1, "poison": [3], "token": "…", "headers": {}, "seed": 1};
                                    what is left out is as at the start
"""

import asyncio
import random
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Json = dict[str, Any]


class Acme:
    """State and behaviour."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str, int, int]] = []
        self.calls: list[int] = []
        self.settings: Json = {}
        self.dice = random.Random(1)

    async def items(self, request: Request) -> Response:
        item = msgspec.json.decode(await request.body())
        settings = self.settings
        status = await self._judged(request, [item])
        if status == 0:
            request.scope["extensions"]["acme.transport"]().abort()
        if status != 201:
            return Response(status_code=status or 500, headers=settings.get("headers", {}))
        return _json({"id": f"obj-{item['id']}"}, 201)

    async def batches(self, request: Request) -> Response:
        """Items are taken one by one in their order; each has a status."""
        items = msgspec.json.decode(await request.body())["items"]
        if any(item["n"] in self.settings.get("poison", ()) for item in items):
            self._note(items, 422)
            return Response(status_code=422)
        status = await self._judged(request, items)
        if status == 0:
            request.scope["extensions"]["acme.transport"]().abort()
        if status != 201:
            return Response(status_code=status or 500, headers=self.settings.get("headers", {}))
        results = []
        for place, item in enumerate(items, start=len(self.log) - len(items)):
            item_status = 503 if self.dice.random() < self.settings.get("item_share", 0.0) else 201
            self.log[place] = (item["id"], item["lane"], item["n"], item_status)
            results.append({"status": item_status, "id": f"obj-{item['id']}"})
        return _json({"results": results})

    async def _judged(self, request: Request, items: list[Json]) -> int:
        """The status of the whole call, after the delay that is set."""
        answer_now = asyncio.Event()
        asyncio.get_running_loop().call_later(self.settings.get("delay_s", 0.0), answer_now.set)
        await answer_now.wait()
        status = self._status(request)
        self._note(items, status)
        return status

    def _note(self, items: list[Json], status: int) -> None:
        self.calls.append(len(items))
        self.log += [(item["id"], item["lane"], item["n"], status) for item in items]

    def _status(self, request: Request) -> int:
        settings = self.settings
        token = settings.get("token")
        if token is not None and request.headers.get("authorization") != f"Bearer {token}":
            return 401
        if self.dice.random() < settings.get("cut_share", 0.0):
            return 0
        if self.dice.random() < settings.get("share", 0.0):
            return int(self.dice.choice(settings["statuses"]))
        return 201

    async def shown(self, _request: Request) -> Response:
        return _json(self.log)

    async def shown_calls(self, _request: Request) -> Response:
        return _json(self.calls)

    async def set(self, request: Request) -> Response:
        self.settings = msgspec.json.decode(await request.body())
        self.dice = random.Random(self.settings.get("seed", 1))
        return _json(self.settings)


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def app() -> Any:
    """The ASGI app; a cut connection needs the transport below it."""
    acme = Acme()
    routes = [
        Route("/items", acme.items, methods=["POST"]),
        Route("/batches", acme.batches, methods=["POST"]),
        Route("/_log", acme.shown),
        Route("/_calls", acme.shown_calls),
        Route("/_settings", acme.set, methods=["POST"]),
    ]
    inner = Starlette(routes=routes)

    async def with_transport(scope: Any, receive: Any, send: Any) -> None:
        owner = getattr(send, "__self__", None)
        extensions = {"acme.transport": lambda: getattr(owner, "transport", None)}
        await inner({**scope, "extensions": extensions}, receive, send)

    return with_transport


async def _serve(ready_file: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1_024)  # from now on connections wait until they are served
        config = uvicorn.Config(app(), lifespan="off", access_log=False, log_level="warning")
        partial = ready_file.with_suffix(".partial")
        partial.write_text(f"http://127.0.0.1:{listener.getsockname()[1]}")
        partial.replace(ready_file)
        await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
