"""User profiles: identities, attributes, consent per channel, subscription groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

PROFILES_MAX = 500_000
HISTORY_PER_USER_MAX = 1_000

SUBSCRIBED = frozenset({"subscribed", "opted_in"})
CONSENT_ATTRIBUTES = {"email_subscribe": "email", "push_subscribe": "push"}
CONSENT_STATES = frozenset({"subscribed", "opted_in", "unsubscribed"})

Alias = tuple[str, str]


class ProfileError(ValueError):
    """Why one object of a request cannot be taken; the text goes into `errors`."""


@dataclass(slots=True)
class Profile:
    """`devices`: how many push tokens; e-mail and phone are attributes."""

    braze_id: str
    external_id: str | None = None
    aliases: list[Alias] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    consent: dict[str, str] = field(default_factory=dict)
    subscription_groups: dict[str, str] = field(default_factory=dict)
    devices: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    purchases: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "braze_id": self.braze_id,
            "external_id": self.external_id,
            "user_aliases": [{"alias_name": n, "alias_label": label} for n, label in self.aliases],
            "attributes": self.attributes,
            "consent": self.consent,
            "subscription_groups": self.subscription_groups,
            "devices": self.devices,
            "events": self.events,
            "purchases": self.purchases,
        }

    def unreachable(self, channel: str) -> str | None:
        """Why a message of this channel would not arrive, or None."""
        if self.consent.get(channel, "subscribed") not in SUBSCRIBED:
            return "unsubscribed"
        has = {
            "email": bool(self.attributes.get("email")),
            "sms": bool(self.attributes.get("phone")),
            "push": self.devices > 0,
        }
        return None if has.get(channel, True) else "no_address"

    def remember(self, history: list[dict[str, Any]], entry: dict[str, Any]) -> None:
        """Append to one of the histories, which keep the last HISTORY_PER_USER_MAX."""
        history.append(entry)
        del history[:-HISTORY_PER_USER_MAX]


def alias_of(value: object) -> Alias:
    """Raises ProfileError."""
    if isinstance(value, dict):
        name, label = value.get("alias_name"), value.get("alias_label")
        if isinstance(name, str) and isinstance(label, str) and name and label:
            return name, label
    raise ProfileError("user_alias needs alias_name and alias_label")


def apply_attribute(profile: Profile, name: str, value: Any) -> None:
    """Set, remove (null), or change by {add|remove|inc}. Raises ProfileError."""
    if name in CONSENT_ATTRIBUTES:
        if value not in CONSENT_STATES:
            raise ProfileError(f"{name} must be one of {sorted(CONSENT_STATES)}")
        profile.consent[CONSENT_ATTRIBUTES[name]] = value
        return
    if name == "subscription_groups":
        _apply_groups(profile, value)
        return
    current = profile.attributes.get(name)
    if value is None:
        profile.attributes.pop(name, None)
    elif isinstance(value, dict) and value.keys() <= {"add", "remove"} and value:
        kept = [one for one in (current or []) if one not in value.get("remove", [])]
        profile.attributes[name] = [*kept, *(o for o in value.get("add", []) if o not in kept)]
    elif isinstance(value, dict) and value.keys() == {"inc"}:
        profile.attributes[name] = (current or 0) + value["inc"]
    else:
        profile.attributes[name] = value


def _apply_groups(profile: Profile, value: object) -> None:
    if not isinstance(value, list):
        raise ProfileError("subscription_groups must be an array")
    for one in value:
        group = one.get("subscription_group_id") if isinstance(one, dict) else None
        state = one.get("subscription_state") if isinstance(one, dict) else None
        if not isinstance(group, str) or state not in ("subscribed", "unsubscribed"):
            raise ProfileError("a subscription group needs its id and subscribed|unsubscribed")
        profile.subscription_groups[group] = state


class Profiles:
    """Profiles by every identity they have."""

    def __init__(self) -> None:
        self.all: dict[str, Profile] = {}
        self._external: dict[str, Profile] = {}
        self._aliases: dict[Alias, Profile] = {}

    def clear(self) -> None:
        self.all.clear()
        self._external.clear()
        self._aliases.clear()

    def by_external_id(self, external_id: str) -> Profile | None:
        return self._external.get(external_id)

    def find(self, identity: Mapping[str, Any]) -> Profile | None:
        """By external_id, user_alias, braze_id, email, phone: the first that is given.

        Raises ProfileError when none is given.
        """
        if identity.get("external_id") is not None:
            return self._external.get(str(identity["external_id"]))
        if identity.get("user_alias") is not None:
            return self._aliases.get(alias_of(identity["user_alias"]))
        if identity.get("braze_id") is not None:
            return self.all.get(str(identity["braze_id"]))
        for name in ("email", "phone"):
            if identity.get(name) is not None:
                return self._by_attribute(name, identity[name])
        raise ProfileError("external_id, user_alias, braze_id, email or phone is required")

    def _by_attribute(self, name: str, value: object) -> Profile | None:
        found = (one for one in self.all.values() if one.attributes.get(name) == value)
        return next(found, None)

    def create(self, identity: Mapping[str, Any]) -> Profile:
        """A profile with the given external_id, user_alias, email or phone."""
        if len(self.all) >= PROFILES_MAX:
            raise ProfileError(f"the sandbox keeps at most {PROFILES_MAX} profiles")
        profile = Profile(braze_id=uuid4().hex[:24])
        self.all[profile.braze_id] = profile
        if identity.get("external_id") is not None:
            profile.external_id = str(identity["external_id"])
            self._external[profile.external_id] = profile
        elif identity.get("user_alias") is not None:
            alias = alias_of(identity["user_alias"])
            profile.aliases.append(alias)
            self._aliases[alias] = profile
        for name in ("email", "phone"):
            if identity.get(name) is not None:
                profile.attributes[name] = identity[name]
        return profile
