"""What a test or the demo may set about the store: `POST /_sandbox/bigcommerce/configure`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from sandbox.core.simulator import ControlError

ALL_SCOPES = (
    "store_v2_orders",
    "store_v2_transactions",
    "store_v2_products",
    "store_v2_customers",
    "store_v2_information",
    "store_inventory",
    "store_locations",
    "store_channel_listings",
    "store_channel_settings",
    "store_metafield_write",
)


@dataclass(frozen=True, slots=True)
class Account:
    """An API account; the token does not expire, it goes with the account."""

    client_id: str
    client_secret: str
    access_token: str
    scopes: frozenset[str]

    def allows(self, families: tuple[str, ...], *, write: bool) -> bool:
        """Whether any of the scope families is granted; reading needs the read-only one at most."""
        if not families:
            return True
        granted = set(families) & self.scopes
        read_only = {f"{name}_read_only" for name in families} & self.scopes
        return bool(granted) or (not write and bool(read_only))


DEFAULT_ACCOUNT = Account(
    "sandbox-client", "sandbox-client-secret", "sandbox-token", frozenset(ALL_SCOPES)
)


@dataclass(slots=True)
class Settings:
    """Units are in the names; what the vendor does not document is a switch here."""

    store_hash: str = "sandbox"
    store_id: str = "1025646"
    base_url: str = "https://api.bigcommerce.com"
    quota_requests: int = 450
    quota_window_s: float = 30.0
    quota_headers_on_429: bool = True
    v2_xml_without_accept: bool = True
    v2_empty_is_204: bool = True
    inventory_lag_s: float = 0.0
    refund_settle_s: float = 0.0
    refund_outcome: str = "ok"
    refund_conflict_status: int = 422
    restock_on_cancel: bool = True
    flagging_touches_order: bool = True
    sign_webhooks: bool = True
    hook_warmup_s: float = 0.0
    http_hooks_on_loopback: bool = True
    partial_failure_product_ids: list[int] = field(default_factory=list)
    partial_failure_variant_ids: list[int] = field(default_factory=list)

    def change(self, given: Mapping[str, Any]) -> None:
        """Set the named settings, all or none. Raises ControlError naming the setting."""
        hints = get_type_hints(Settings)
        for name, value in given.items():
            if name not in hints:
                raise ControlError(f"unknown setting {name!r}; known are {sorted(hints)}")
            if not _fits(value, hints[name]):
                raise ControlError(f"{name} must be of type {hints[name]}, not {value!r}")
        if given.get("refund_outcome", "ok") not in ("ok", "declined"):
            raise ControlError("refund_outcome must be 'ok' or 'declined'")
        for name in ("quota_window_s", "quota_requests"):
            if given.get(name, 1) <= 0:
                raise ControlError(f"{name} must be above 0")
        for name, value in given.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}


def _fits(value: Any, hint: Any) -> bool:
    if hint is bool:
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if hint is float:
        return isinstance(value, int | float) and value >= 0
    if hint == list[int]:
        return isinstance(value, list) and all(type(one) is int for one in value)
    return isinstance(value, hint)


def parse_account(spec: Mapping[str, Any]) -> Account:
    """An account of {client_id, client_secret, access_token, scopes?}. Raises ControlError."""
    known = {"client_id", "client_secret", "access_token", "scopes"}
    if set(spec) - known or not known - {"scopes"} <= set(spec):
        raise ControlError(f"an account has {sorted(known)}; scopes may be left out")
    scopes = spec.get("scopes", ALL_SCOPES)
    return Account(
        str(spec["client_id"]),
        str(spec["client_secret"]),
        str(spec["access_token"]),
        frozenset(map(str, scopes)),
    )
