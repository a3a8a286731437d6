"""POST /users/track: attributes, then events, then purchases; each object has its own verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.routing import Route

from sandbox.braze.api import Api, Body, Call, Refused, Reply, require_list
from sandbox.braze.profiles import Profile, ProfileError, Profiles, apply_attribute
from sandbox.braze.settings import Settings

KEY_CHARS_MAX = 255
STRING_CHARS_MAX = 255
PROPERTIES_BYTES_MAX = 50 * 1024
CURRENCY = re.compile(r"[A-Z]{3}")
IDENTITIES = ("external_id", "user_alias", "braze_id", "email", "phone")
NOT_ATTRIBUTES = frozenset({"external_id", "user_alias", "braze_id", "_update_existing_only"})
ARRAYS = ("attributes", "events", "purchases")

EventSeen = Callable[[Profile, Body], None]


def is_time(value: object) -> bool:
    """ISO 8601; the vendor takes times without a zone as UTC."""
    try:
        return isinstance(value, str) and datetime.fromisoformat(value) is not None
    except ValueError:
        return False


def check_properties(properties: object) -> None:
    """Raises ProfileError for what the vendor refuses in event properties."""
    if properties is None:
        return
    if not isinstance(properties, dict):
        raise ProfileError("properties must be an object")
    for key, value in properties.items():
        if not key or len(key) > KEY_CHARS_MAX or key.startswith("$"):
            raise ProfileError(f"property names have 1 to {KEY_CHARS_MAX} characters and no '$'")
        if isinstance(value, str) and len(value) > STRING_CHARS_MAX:
            raise ProfileError(f"property strings have at most {STRING_CHARS_MAX} characters")
    nested = any(isinstance(value, dict | list) for value in properties.values())
    if nested and len(json.dumps(properties).encode()) > PROPERTIES_BYTES_MAX:
        raise ProfileError(f"properties have at most {PROPERTIES_BYTES_MAX} bytes")


class Track:
    """`event_seen` is told of every custom event (canvas exits, back-in-stock subscriptions)."""

    def __init__(
        self, profiles: Profiles, settings: Callable[[], Settings], event_seen: EventSeen
    ) -> None:
        self._profiles = profiles
        self._settings = settings
        self._event_seen = event_seen

    def routes(self, api: Api) -> list[Route]:
        return [api.route("POST", "/users/track", "users.track", "users.track", self.track)]

    def track(self, call: Call) -> Reply:
        arrays = {name: require_list(call.body, name) for name in ARRAYS}
        self._check_sizes(arrays)
        errors: list[Body] = []
        processed = {}
        appliers = {
            "attributes": self._attributes,
            "events": self._event,
            "purchases": self._purchase,
        }
        for name, items in arrays.items():
            before = len(errors)
            for index, item in enumerate(items):
                self._apply(appliers[name], item, {"input_array": name, "index": index}, errors)
            if items:
                processed[f"{name}_processed"] = len(items) - (len(errors) - before)
        if not any(processed.values()):
            raise Refused(400, "Valid data must be provided in at least one array.", errors)
        answer: Body = {"message": "success", **processed}
        return Reply(201, answer | ({"errors": errors} if errors else {}))

    def _check_sizes(self, arrays: dict[str, list[Any]]) -> None:
        settings = self._settings()
        sizes = [len(items) for items in arrays.values()]
        if sum(sizes) == 0:
            raise Refused(400, "Provide at least one of attributes, events and purchases.")
        combined_max = settings.track_combined_max
        if max(sizes) > settings.track_each_max or sum(sizes) > (combined_max or sum(sizes)):
            raise Refused(400, "Max Input Length Exceeded")

    def _apply(
        self, apply: Callable[[Body], None], item: object, where: Body, errors: list[Body]
    ) -> None:
        try:
            if not isinstance(item, dict):
                raise ProfileError("must be an object")
            apply(item)
        except ProfileError as error:
            errors.append({"type": str(error), **where})

    def _profile(self, item: Body) -> Profile | None:
        """The profile, created unless `_update_existing_only`; None when there is none to update.

        An alias-only profile is created only when `_update_existing_only` is false.
        """
        profile = self._profiles.find(item)
        if profile is not None:
            return profile
        identity = next(name for name in IDENTITIES if item.get(name) is not None)
        existing_only = item.get("_update_existing_only", identity == "user_alias")
        if existing_only or identity == "braze_id":
            return None
        return self._profiles.create({identity: item[identity]})

    def _attributes(self, item: Body) -> None:
        self.set_attributes(self._profile(item), item)

    def set_attributes(self, profile: Profile | None, item: Body) -> None:
        """All attributes of an object; a wrong one keeps the others. Raises ProfileError."""
        if profile is None:
            return
        wrong = []
        for name, value in item.items():
            if name in NOT_ATTRIBUTES:
                continue
            try:
                apply_attribute(profile, name, value)
            except ProfileError as error:
                wrong.append(str(error))
        if wrong:
            raise ProfileError("; ".join(wrong))

    def _event(self, item: Body) -> None:
        if not isinstance(item.get("name"), str) or not item["name"]:
            raise ProfileError("name is required")
        if not is_time(item.get("time")):
            raise ProfileError("time is required in ISO 8601")
        check_properties(item.get("properties"))
        profile = self._profile(item)
        if profile is not None:
            kept = ("name", "time", "app_id", "properties")
            self.happened(profile, {name: item[name] for name in kept if name in item})

    def happened(self, profile: Profile, event: Body) -> None:
        """A custom event, with all that follows from it. Raises ProfileError."""
        check_properties(event.get("properties"))
        profile.remember(profile.events, event)
        self._event_seen(profile, event)

    def _purchase(self, item: Body) -> None:
        if not isinstance(item.get("product_id"), str) or not item["product_id"]:
            raise ProfileError("product_id is required")
        if CURRENCY.fullmatch(str(item.get("currency"))) is None:
            raise ProfileError("currency is required as an ISO 4217 code")
        price = item.get("price")
        if isinstance(price, bool) or not isinstance(price, int | float):
            raise ProfileError("price is required as a number")
        if not is_time(item.get("time")):
            raise ProfileError("time is required in ISO 8601")
        check_properties(item.get("properties"))
        profile = self._profile(item)
        if profile is not None:
            purchase = {n: v for n, v in item.items() if n not in IDENTITIES}
            profile.remember(profile.purchases, purchase)
