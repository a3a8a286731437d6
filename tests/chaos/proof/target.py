"""The platform that sinks are broken against: an HTTP server in a process of its own, which counts effects.

    PUT  /natural/{lane} {"id", "n"}            the value of the lane is replaced
    POST /keyed {"id", "lane", "n"}             once per Idempotency-Key; a repeat is answered as the first was
    GET  /lookup?ref=ID, POST /lookup {…}       an effect per POST: whoever writes looks first
    POST /unsafe {…}                            an effect per POST
    POST /bulk {"items": [{…}, …]}              replaces values; {"results": [{"id", "status"}, …]}, 207: not all
    POST /token                                 a token, for as long as the settings say
    GET  /_seen                                 {"writes": [[id, lane, n, kind], …], "effects": …, "values": {lane: n}}
    POST /_settings                             {"hold": [ids whose answer never comes], "trouble": share of requests
                                                that go wrong, "seed": of the dice, "token_s": life of a token}

A write is a request that came to do something, an effect what it did. What goes wrong is drawn of the seed: 429 with
and without advice, 500, 503, no answer after the effect, connections cut before and after it, slow answers, tokens that
end.
"""

import asyncio
import random
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.child import write_ready_file

Json = dict[str, Any]
Seen = list[tuple[str, str, int, str]]
HOLD_S = 30.0
SLOW_S_MAX = 0.25
TOKEN_S = 3_600.0
TOKEN_USES_MIN = 20
# What goes wrong, and how often relative to one another.
TROUBLES = {
    "advised": 1,
    "throttled": 1,
    "failed": 3,
    "down": 2,
    "unanswered": 1,
    "cut before": 2,
    "cut after": 2,
    "slow": 3,
    "expired": 1,
}
STATUSES = {"throttled": 429, "failed": 500, "down": 503}


class Target:
    """State and behaviour."""

    def __init__(self) -> None:
        self.writes: Seen = []
        self.effects: Seen = []
        self.values: dict[str, int] = {}
        self.keys: set[str] = set()
        self.refs: set[str] = set()
        self.troubles: dict[str, int] = {}
        self.settings: Json = {}
        self.dice = random.Random(1)
        self.tokens = self.uses = 0  # tokens given; uses of the last one

    # ---- what it does --------------------------------------------------------------------------------------------
    def act(self, kind: str, item: Json, key: str | None) -> int:
        """Carries out one item; the status of its answer."""
        one = (item["id"], item["lane"], item["n"], kind)
        self.writes.append(one)
        if kind == "keyed":
            if key in self.keys:
                return 200
            self.keys.add(str(key))
        if kind in ("natural", "bulk"):
            self.values[item["lane"]] = item["n"]
        self.refs.add(item["id"])
        self.effects.append(one)
        return 201

    async def write(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        body = msgspec.json.decode(await request.body())
        trouble = self.trouble(request)
        early = await self.before(request, trouble)
        if early is not None:
            return early
        if kind == "bulk":
            answer, held = self.bulk(body["items"])
        else:
            item = {"lane": request.path_params.get("lane"), **body}
            status = self.act(kind, item, request.headers.get("idempotency-key"))
            answer, held = _json({"id": f"obj-{item['id']}"}, status), [item["id"]]
        return await self.after(request, trouble, answer, held)

    def bulk(self, items: list[Json]) -> tuple[Response, list[str]]:
        """Some of the items fail where there is trouble."""
        results = []
        for item in items:
            failed = self.dice.random() < self.settings.get("trouble", 0.0)
            status = 503 if failed else self.act("bulk", item, None)
            results.append({"id": item["id"], "status": status})
        whole = all(one["status"] == 201 for one in results)
        return _json({"results": results}, 201 if whole else 207), [one["id"] for one in items]

    async def look(self, request: Request) -> Response:
        trouble = self.trouble(request)
        early = await self.before(request, trouble)
        found = {"found": request.query_params["ref"] in self.refs}
        return early or await self.after(request, trouble, _json(found), [])

    # ---- what goes wrong -----------------------------------------------------------------------------------------
    def trouble(self, request: Request) -> str:
        """What is wrong with this request; empty where nothing is."""
        if request.headers.get("authorization") != f"Bearer t{self.tokens}":
            return "expired"
        self.uses += 1
        if self.dice.random() >= self.settings.get("trouble", 0.0):
            return ""
        trouble = self.dice.choices(list(TROUBLES), list(TROUBLES.values()))[0]
        # A token that ends as soon as it was given would be no expiry, but wrong credentials.
        return "" if trouble == "expired" and self.uses < TOKEN_USES_MIN else trouble

    async def before(self, request: Request, trouble: str) -> Response | None:
        """What happens instead of an effect; None where it happens."""
        if trouble:
            self.troubles[trouble] = self.troubles.get(trouble, 0) + 1
        if trouble == "expired":
            self.tokens += request.headers.get("authorization") == f"Bearer t{self.tokens}"
            return Response(status_code=401)
        if trouble == "advised":
            return Response(status_code=429, headers={"retry-after": "1"})
        if trouble in STATUSES:
            return Response(status_code=STATUSES[trouble])
        if trouble == "cut before":
            request.scope["extensions"]["target.transport"]().abort()
            return Response(status_code=500)
        if trouble == "slow":
            due = asyncio.Event()
            asyncio.get_running_loop().call_later(self.dice.uniform(0.0, SLOW_S_MAX), due.set)
            await due.wait()
        return None

    async def after(
        self, request: Request, trouble: str, answer: Response, ids: list[str]
    ) -> Response:
        """What happens to the answer of what was done."""
        if trouble == "unanswered" or set(ids) & set(self.settings.get("hold", ())):
            await _until_gone(request)
        if trouble == "cut after":
            request.scope["extensions"]["target.transport"]().abort()
        return answer

    # ---- the rest ------------------------------------------------------------------------------------------------
    async def token(self, _request: Request) -> Response:
        self.tokens, self.uses = self.tokens + 1, 0
        life_s = self.settings.get("token_s", TOKEN_S)
        return _json({"access_token": f"t{self.tokens}", "expires_in": life_s})

    async def seen(self, _request: Request) -> Response:
        return _json(
            {
                "writes": self.writes,
                "effects": self.effects,
                "values": self.values,
                "troubles": self.troubles,
            }
        )

    async def set(self, request: Request) -> Response:
        self.settings = msgspec.json.decode(await request.body())
        self.dice = random.Random(self.settings.get("seed", 1))
        return _json(self.settings)


async def _until_gone(request: Request) -> None:
    """Keeps the caller waiting until it leaves."""
    try:
        async with asyncio.timeout(HOLD_S):
            while (await request.receive())["type"] != "http.disconnect":
                continue
    except TimeoutError:
        return


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def app() -> Any:
    """The ASGI app; a cut connection needs the transport below it."""
    target = Target()
    handlers: list[tuple[str, Callable[[Request], Awaitable[Response]], str]] = [
        ("/{kind:str}/{lane:str}", target.write, "PUT"),
        ("/lookup", target.look, "GET"),
        ("/token", target.token, "POST"),
        ("/_seen", target.seen, "GET"),
        ("/_settings", target.set, "POST"),
        ("/{kind:str}", target.write, "POST"),
    ]
    inner = Starlette(routes=[Route(path, do, methods=[method]) for path, do, method in handlers])

    async def with_transport(scope: Any, receive: Any, send: Any) -> None:
        owner = getattr(send, "__self__", None)
        extensions = {"target.transport": lambda: getattr(owner, "transport", None)}
        await inner({**scope, "extensions": extensions}, receive, send)

    return with_transport


async def _serve(ready_file: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1_024)
        config = uvicorn.Config(app(), lifespan="off", access_log=False, log_level="warning")
        write_ready_file(ready_file, f"http://127.0.0.1:{listener.getsockname()[1]}")
        await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
