"""Whether webhooks come at all: BigCommerce switches a hook off after failed retries or 90 idle days.

What was missed meanwhile the polls of orders, products and inventory find.
"""

from collections.abc import Generator

from connectors.bigcommerce.hooks import CHANNEL, SCOPES
from connectors.bigcommerce.paging import listed
from connectors.bigcommerce.shapes import HookStateJson
from connectors.kit.connector import Page, Request, Response

REFUSED = frozenset({404, 409, 422})
NONE = "no webhook is registered"
INACTIVE = "webhook inactive"
REACTIVATED = "webhook reactivated"


class HookHealth:
    """Looks at the hooks of our API account (no others are visible to it) that we read."""

    def __init__(self, *, reactivate: bool) -> None:
        self._reactivate = reactivate

    def poll(self, checkpoint: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        """Switches hooks on again where it may, and says what it found. It brings no records."""
        found = yield from listed("/v3/hooks", {}, HookStateJson, "hooks")
        ours = [hook for hook in found if is_read(hook.scope)]
        findings: dict[str, int] = {} if ours else {NONE: 1}
        for hook in ours:
            if hook.is_active:
                continue
            finding = INACTIVE
            if self._reactivate:
                path = f"/v3/hooks/{hook.id}"
                answer = yield Request("PUT", path, json={"is_active": True}, expect=REFUSED)
                finding = INACTIVE if answer.status in REFUSED else REACTIVATED
            findings[finding] = findings.get(finding, 0) + 1
        return Page((), checkpoint or "", more=False, findings=findings)


def is_read(scope: str) -> bool:
    """Whether a hook of this scope, wildcards included, tells what we read."""
    plain = CHANNEL.sub("store/", scope)
    if plain.endswith("/*"):
        return any(one.startswith(plain[:-1]) for one in SCOPES)
    return plain in SCOPES
