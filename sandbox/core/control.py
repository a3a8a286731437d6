"""The control API: what tests and the demo do to the world, under /_sandbox/."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.core.clock import Clock
from sandbox.core.faults import BadFault
from sandbox.core.simulator import ControlError, JsonObject, Simulator, World
from sandbox.core.webhooks import WebhookQueueFull

CALLS_LIMIT_DEFAULT = 20_000
WEBHOOK_SETTINGS = ("time_scale", "retry_delay_s_max", "timeout_s")

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Platform:
    simulator: Simulator
    world: World


async def _json_object(request: Request) -> JsonObject:
    raw = await request.body()
    if not raw:
        return {}
    try:
        value = await request.json()
    except ValueError as error:
        raise ControlError(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ControlError("the body must be a JSON object")
    return value


def _pace(world: World, settings: object) -> JsonObject:
    """Set and show the pace of webhook retries: {time_scale, retry_delay_s_max, timeout_s}."""
    if not isinstance(settings, dict):
        raise ControlError(f"webhooks must be an object with {list(WEBHOOK_SETTINGS)}")
    for name, value in settings.items():
        if name not in WEBHOOK_SETTINGS or not isinstance(value, int | float) or value < 0:
            raise ControlError(f"webhooks.{name}: must be one of {list(WEBHOOK_SETTINGS)}, >= 0")
        setattr(world.webhooks, name, float(value))
    return {name: getattr(world.webhooks, name) for name in WEBHOOK_SETTINGS}


class Control:
    """Handlers of the control API over the given platforms."""

    def __init__(self, clock: Clock, platforms: dict[str, Platform]) -> None:
        self._clock = clock
        self._platforms = platforms

    def routes(self) -> list[Route]:
        one = "/_sandbox/{platform}"
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "/_sandbox/health", self.health),
            ("POST", "/_sandbox/reset", self.reset_all),
            ("GET", "/_sandbox/clock", self.clock),
            ("POST", "/_sandbox/clock", self.clock),
            ("POST", f"{one}/reset", self.reset),
            ("POST", f"{one}/seed", self.seed),
            ("GET", f"{one}/state", self.state),
            ("GET", f"{one}/state/{{collection}}", self.state),
            ("POST", f"{one}/trigger/{{event}}", self.trigger),
            ("POST", f"{one}/configure", self.configure),
            ("POST", f"{one}/faults", self.add_fault),
            ("GET", f"{one}/faults", self.faults),
            ("DELETE", f"{one}/faults", self.clear_faults),
            ("GET", f"{one}/calls", self.calls),
            ("DELETE", f"{one}/calls", self.clear_calls),
            ("GET", f"{one}/deliveries", self.deliveries),
        )
        return [Route(path, _errors_as_json(run), methods=[verb]) for verb, path, run in table]

    def _platform(self, request: Request) -> Platform:
        name = request.path_params["platform"]
        if name not in self._platforms:
            raise ControlError(f"no platform {name!r}; there are {sorted(self._platforms)}", 404)
        return self._platforms[name]

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok", "platforms": sorted(self._platforms)})

    async def clock(self, request: Request) -> Response:
        body = await _json_object(request)
        offset_s = body.get("offset_s", self._clock.offset_s)
        if not isinstance(offset_s, int | float):
            raise ControlError("offset_s must be a number of seconds")
        self._clock.offset_s = float(offset_s)
        return JSONResponse({"offset_s": self._clock.offset_s, "now_s": self._clock.now_s()})

    async def reset_all(self, _request: Request) -> Response:
        self._clock.offset_s = 0.0
        for platform in self._platforms.values():
            _reset(platform)
        return JSONResponse({"reset": sorted(self._platforms)})

    async def reset(self, request: Request) -> Response:
        platform = self._platform(request)
        _reset(platform)
        return JSONResponse({"reset": [platform.simulator.name]})

    async def seed(self, request: Request) -> Response:
        simulator = self._platform(request).simulator
        return JSONResponse(simulator.seed(await _json_object(request)))

    async def state(self, request: Request) -> Response:
        state = self._platform(request).simulator.state()
        collection = request.path_params.get("collection")
        if collection is None:
            return JSONResponse(state)
        if collection not in state:
            raise ControlError(f"no collection {collection!r}; there are {sorted(state)}", 404)
        return JSONResponse(state[collection])

    async def trigger(self, request: Request) -> Response:
        simulator = self._platform(request).simulator
        body = await _json_object(request)
        return JSONResponse(simulator.trigger(request.path_params["event"], body))

    async def configure(self, request: Request) -> Response:
        platform = self._platform(request)
        body = await _json_object(request)
        pace = _pace(platform.world, body.pop("webhooks", {}))
        return JSONResponse({**platform.simulator.configure(body), "webhooks": pace})

    async def add_fault(self, request: Request) -> Response:
        fault = self._platform(request).world.faults.add(await _json_object(request))
        return JSONResponse(fault.as_json(), status_code=201)

    async def faults(self, request: Request) -> Response:
        return JSONResponse(self._platform(request).world.faults.list())

    async def clear_faults(self, request: Request) -> Response:
        self._platform(request).world.faults.clear()
        return Response(status_code=204)

    async def calls(self, request: Request) -> Response:
        query = request.query_params
        found = self._platform(request).world.calls.select(
            method=query.get("method"),
            path_prefix=query.get("path_prefix", ""),
            since=_whole_number(query.get("since"), "since", 0),
            limit=_whole_number(query.get("limit"), "limit", CALLS_LIMIT_DEFAULT),
        )
        return JSONResponse(found)

    async def clear_calls(self, request: Request) -> Response:
        self._platform(request).world.calls.clear()
        return Response(status_code=204)

    async def deliveries(self, request: Request) -> Response:
        state = request.query_params.get("state")
        return JSONResponse(self._platform(request).world.webhooks.list(state))


def _whole_number(text: str | None, name: str, default: int) -> int:
    if text is None:
        return default
    if not text.isdigit():
        raise ControlError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _reset(platform: Platform) -> None:
    platform.world.webhooks.clear()
    platform.world.faults.clear()
    platform.world.calls.clear()
    platform.simulator.reset()


def _errors_as_json(handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ControlError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)
        except BadFault as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except WebhookQueueFull as error:
            return JSONResponse({"error": str(error)}, status_code=503)

    return answer
