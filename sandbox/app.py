"""One ASGI app: every simulated platform under `/<name>`, the control API under `/_sandbox`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import bigcommerce, braze, trading_grid
from sandbox.core.calls import CallLog
from sandbox.core.clock import Clock
from sandbox.core.control import Control, Platform
from sandbox.core.faults import FaultPlan
from sandbox.core.gate import Gate
from sandbox.core.simulator import Simulator, World
from sandbox.core.webhooks import WebhookSender

Create = Callable[[World], Simulator]
PLATFORMS: tuple[Create, ...] = (trading_grid.create, braze.create, bigcommerce.create)


class SandboxApp:
    """Dispatches by the first path segment; hands the connection to the gates for faults."""

    def __init__(self, platforms: Mapping[str, ASGIApp], control: ASGIApp) -> None:
        self._platforms = platforms
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError(f"the sandbox speaks HTTP only, not {scope['type']}")
        _, name, rest = (scope["path"] + "//").split("/", 2)
        app = self._platforms.get(name)
        if app is None:
            await self._control(scope, receive, send)
            return
        path = "/" + rest.removesuffix("//" if rest.endswith("//") else "/")
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        inner = {**scope, "path": path, "raw_path": path.encode(), "sandbox.transport": transport}
        inner["app_root_path"] = f"/{name}"
        await app(inner, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        phase = (await receive())["type"]
        await send({"type": f"{phase}.complete"})
        if phase == "lifespan.shutdown":
            return


def build_app(create_all: Sequence[Create] = PLATFORMS) -> SandboxApp:
    """The app with fresh state."""
    clock = Clock()
    platforms: dict[str, Platform] = {}
    gates: dict[str, ASGIApp] = {}
    for create in create_all:
        world = World(clock, WebhookSender(clock), FaultPlan(), CallLog())
        simulator = create(world)
        platforms[simulator.name] = Platform(simulator, world)
        gates[simulator.name] = Gate(Router(list(simulator.routes())), world)
    control = Router([*Control(clock, platforms).routes()])
    return SandboxApp(gates, control)
