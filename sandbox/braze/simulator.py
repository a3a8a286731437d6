"""The simulated Braze workspace: profiles, programs, catalogs and Currents put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.braze.api import Api
from sandbox.braze.catalog_items import parse_catalog
from sandbox.braze.catalogs import Catalogs
from sandbox.braze.currents import CurrentsConnector
from sandbox.braze.engagement import generate, parse_options
from sandbox.braze.life import Life
from sandbox.braze.messaging import Outbox
from sandbox.braze.profiles import Profile, ProfileError, Profiles, apply_attribute
from sandbox.braze.programs import parse_program
from sandbox.braze.sends import Sends
from sandbox.braze.settings import Settings, configured
from sandbox.braze.subscriptions import Subscriptions
from sandbox.braze.track import Track
from sandbox.braze.transactional import Transactional
from sandbox.core.simulator import ControlError, JsonObject, World

SEEDS = ("users", "campaigns", "canvases", "catalogs", "subscription_groups")
USER_FIELDS = frozenset(
    {"external_id", "user_alias", "attributes", "consent", "subscription_groups", "devices"}
)
ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Braze:
    """A Simulator of one workspace."""

    name = "braze"

    def __init__(self, world: World) -> None:
        self._world = world
        self._settings = Settings()
        self._profiles = Profiles()
        self._outbox = Outbox(world.now_s)
        self._catalogs = Catalogs(self._outbox, lambda: self._settings, world.now_s)
        self._track = Track(self._profiles, lambda: self._settings, self._event_seen)
        self._sends = Sends(self._profiles, self._outbox, self._track, world.now_s)
        self._transactional = Transactional(
            self._outbox, self._sends, world.webhooks, lambda: self._settings
        )
        self._subscriptions = Subscriptions(self._profiles)
        self._currents = CurrentsConnector(world.webhooks, lambda: self._settings)
        self._life = Life(
            self._profiles,
            self._outbox,
            self._track,
            currents=self._currents,
            webhooks=world.webhooks,
            settings=lambda: self._settings,
        )
        self._api = Api(lambda: self._settings, world.now_s)
        self._api.before_each = self._sends.run_due

    def _event_seen(self, profile: Profile, event: JsonObject) -> None:
        self._outbox.event_seen(profile, event)
        self._catalogs.event_seen(profile, event)

    def routes(self) -> Sequence[BaseRoute]:
        return [
            *self._track.routes(self._api),
            *self._sends.routes(self._api),
            *self._transactional.routes(self._api),
            *self._subscriptions.routes(self._api),
            *self._catalogs.routes(self._api),
            Route("/{path:path}", _nothing_here, methods=ANY_METHOD),
        ]

    def seed(self, data: JsonObject) -> JsonObject:
        """Merge {users, campaigns, canvases, catalogs, subscription_groups}; programs by id."""
        unknown = sorted(data.keys() - set(SEEDS))
        if unknown:
            raise ControlError(f"unknown seeds {unknown}; known are {list(SEEDS)}")
        for name in SEEDS:
            value = data.get(name, [])
            if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
                raise ControlError(f"{name} must be a list of objects")
        for one in data.get("users", []):
            self._seed_user(one)
        for kind, name in (("campaign", "campaigns"), ("canvas", "canvases")):
            for one in data.get(name, []):
                program = parse_program(kind, one)
                self._outbox.programs[(kind, program.id)] = program
        for one in data.get("catalogs", []):
            catalog = parse_catalog(one)
            self._catalogs.all[catalog.name] = catalog
        for one in data.get("subscription_groups", []):
            self._subscriptions.group_names[str(one.get("id"))] = str(one.get("name", ""))
        return {name: len(data[name]) for name in SEEDS if name in data}

    def _seed_user(self, given: JsonObject) -> None:
        unknown = sorted(given.keys() - USER_FIELDS)
        if unknown:
            raise ControlError(f"user fields {unknown} are unknown; known: {sorted(USER_FIELDS)}")
        try:
            profile = self._profiles.find(given) or self._profiles.create(given)
            for name, value in given.get("attributes", {}).items():
                apply_attribute(profile, name, value)
        except ProfileError as error:
            raise ControlError(f"user {given.get('external_id')}: {error}") from error
        profile.consent.update(given.get("consent", {}))
        profile.subscription_groups.update(given.get("subscription_groups", {}))
        profile.devices = given.get("devices", profile.devices)

    def state(self) -> JsonObject:
        """All of it: `messages` is what users received, `withheld` what they did not, and why."""
        self._sends.run_due()
        programs = self._outbox.programs.values()
        return {
            "users": [profile.as_json() for profile in self._profiles.all.values()],
            "campaigns": [one.as_json() for one in programs if one.kind == "campaign"],
            "canvases": [one.as_json() for one in programs if one.kind == "canvas"],
            "catalogs": [one.as_json() for one in self._catalogs.all.values()],
            "messages": list(self._outbox.received),
            "withheld": list(self._outbox.withheld),
            "canvas_entries": [entry.as_json() for entry in self._outbox.entries],
            "back_in_stock": self._catalogs.subscriptions(),
            "overlooked_stock": list(self._catalogs.overlooked),
            "schedules": [one.as_json() for one in self._sends.schedules.values()],
            "currents": self._currents.as_json(),
        }

    def trigger(self, event: str, body: JsonObject) -> JsonObject:
        """`currents` {events} posts events as given, `engagement` {n, seed, …} generates them; the rest: see `Life`."""
        self._sends.run_due()
        lived = {
            "event": self._life.event,
            "enter": self._life.enter,
            "webhook": self._life.webhook,
        }
        if event in lived:
            return lived[event](dict(body))
        if event == "currents":
            events = body.get("events")
            if not isinstance(events, list):
                raise ControlError("events must be a list of Currents events")
            return {"batches": self._currents.post(events), "posted": len(events)}
        if event == "engagement":
            return self._engagement(dict(body))
        raise ControlError(
            f"no trigger {event!r}; there are currents, engagement, {', '.join(lived)}", 404
        )

    def _engagement(self, body: JsonObject) -> JsonObject:
        """With `return_events` the answer holds the events themselves."""
        return_events = bool(body.pop("return_events", False))
        events, counts = generate(parse_options(body, self._world.now_s()))
        answer: dict[str, Any] = {"batches": self._currents.post(events), **counts}
        return answer | ({"events": events} if return_events else {})

    def configure(self, settings: JsonObject) -> JsonObject:
        self._settings = configured(self._settings, settings)
        if "rate_limits" in settings:
            self._api.forget_windows()
            self._catalogs.forget_window()
        if "currents" in settings:
            self._currents.clear()
        return self._settings.as_json()

    def reset(self) -> None:
        self._settings = Settings()
        self._profiles.clear()
        self._outbox.clear()
        self._catalogs.clear()
        self._sends.clear()
        self._transactional.clear()
        self._subscriptions.group_names.clear()
        self._currents.clear()
        self._api.forget_windows()


async def _nothing_here(request: Request) -> Response:
    return JSONResponse({"message": f"Unknown URL {request.url.path}."}, 404)
