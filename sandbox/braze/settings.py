"""What the control API can configure of the workspace."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.core.simulator import ControlError

PERMISSIONS = frozenset(
    {
        "users.track",
        "users.export.ids",
        "campaigns.trigger.send",
        "campaigns.trigger.schedule.create",
        "campaigns.trigger.schedule.delete",
        "canvas.trigger.send",
        "canvas.trigger.schedule.create",
        "canvas.trigger.schedule.delete",
        "transactional.send",
        "catalogs.add_items",
        "catalogs.update_items",
        "catalogs.replace_items",
        "catalogs.delete_items",
        "catalogs.get_items",
        "subscription.status.set",
        "subscription.status.get",
        "subscription.groups.get",
        "email.status",
    }
)
DEFAULT_KEY = "braze-rest-key"
KEYS_MAX = 100

RATE_LIMITS: dict[str, tuple[int, float]] = {
    "users.track": (3_000, 3.0),
    "users.export.ids": (250, 60.0),
    "sends": (250_000, 3_600.0),
    "broadcasts": (250, 60.0),
    "subscription.status.set": (5_000, 60.0),
    "catalogs.items.async": (16_000, 60.0),
    "catalogs.items.sync": (50, 60.0),
    "catalogs.triggers": (10, 60.0),
    "shared": (250_000, 3_600.0),
}
"""Group -> (calls, window in seconds). `catalogs.triggers` refuses nothing: what is written beyond it brings nobody the
news that a product is back in stock.
"""


@dataclass(frozen=True, slots=True)
class Currents:
    """Where Currents posts its batches; without a URL nothing is posted."""

    url: str
    token: str | None = None
    batch_max: int = 100


@dataclass(frozen=True, slots=True)
class WebhookStep:
    """Where webhook steps of canvases and campaigns post."""

    url: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """track_combined_max None lifts the combined limit (older contracts of the vendor).

    transactional_queued_s: how long a repeated external_send_id is refused as queued, before it gets the first answer
    again. How long that is, the vendor does not say.
    """

    keys: dict[str, frozenset[str]] = field(default_factory=lambda: {DEFAULT_KEY: PERMISSIONS})
    rate_limits: dict[str, tuple[int, float]] = field(default_factory=lambda: dict(RATE_LIMITS))
    track_each_max: int = 75
    track_combined_max: int | None = 50
    maintenance: bool = False
    currents: Currents | None = None
    postback_url: str | None = None
    webhook_step: WebhookStep | None = None
    transactional_queued_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        limits = {n: {"limit": c, "window_s": w} for n, (c, w) in self.rate_limits.items()}
        url = self.currents.url if self.currents else None
        return {
            "keys": sorted(self.keys),
            "rate_limits": limits,
            "track": {"each_max": self.track_each_max, "combined_max": self.track_combined_max},
            "maintenance": self.maintenance,
            "currents": {"url": url},
            "postback_url": self.postback_url,
            "webhook_step": {"url": self.webhook_step.url if self.webhook_step else None},
            "transactional_queued_s": self.transactional_queued_s,
        }


def _keys(given: Any) -> dict[str, frozenset[str]]:
    if not isinstance(given, list) or not 1 <= len(given) <= KEYS_MAX:
        raise ControlError(f"keys must be a list of 1 to {KEYS_MAX} of {{key, permissions?}}")
    keys = {}
    for one in given:
        if not isinstance(one, dict) or not isinstance(one.get("key"), str):
            raise ControlError("a key is {key, permissions?}")
        permissions = frozenset(one.get("permissions", PERMISSIONS))
        if not permissions <= PERMISSIONS:
            raise ControlError(f"unknown permissions {sorted(permissions - PERMISSIONS)}")
        keys[one["key"]] = permissions
    return keys


def _rate_limits(current: dict[str, tuple[int, float]], given: Any) -> dict[str, tuple[int, float]]:
    if not isinstance(given, dict) or not given.keys() <= RATE_LIMITS.keys():
        raise ControlError(f"rate_limits has groups of {sorted(RATE_LIMITS)}")
    limits = dict(current)
    for group, one in given.items():
        try:
            limits[group] = (int(one["limit"]), float(one["window_s"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ControlError(f"rate_limits.{group} is {{limit, window_s}}") from error
    return limits


def _currents(given: Any) -> Currents | None:
    if given is None:
        return None
    try:
        return Currents(**given)
    except TypeError as error:
        raise ControlError("currents is {url, token?, batch_max?} or null") from error


def _webhook_step(given: Any) -> WebhookStep | None:
    if given is None:
        return None
    try:
        return WebhookStep(**given)
    except TypeError as error:
        raise ControlError("webhook_step is {url, token?} or null") from error


def configured(settings: Settings, given: dict[str, Any]) -> Settings:
    """The settings with what is given. Raises ControlError naming a wrong or unknown field."""
    for name, value in given.items():
        if name == "keys":
            settings = replace(settings, keys=_keys(value))
        elif name == "rate_limits":
            settings = replace(settings, rate_limits=_rate_limits(settings.rate_limits, value))
        elif name == "track":
            settings = replace(
                settings,
                track_each_max=int(value.get("each_max", settings.track_each_max)),
                track_combined_max=value.get("combined_max", settings.track_combined_max),
            )
        elif name == "maintenance":
            settings = replace(settings, maintenance=bool(value))
        elif name == "currents":
            settings = replace(settings, currents=_currents(value))
        elif name == "webhook_step":
            settings = replace(settings, webhook_step=_webhook_step(value))
        elif name == "transactional_queued_s":
            settings = replace(settings, transactional_queued_s=float(value))
        elif name == "postback_url":
            settings = replace(settings, postback_url=value)
        else:
            raise ControlError(f"unknown setting {name!r}; known are {[*Settings().as_json()]}")
    return settings
