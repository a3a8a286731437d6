"""What shows that the API key may do what gridwire does. Braze has no endpoint that says so: each is asked for nothing.

That Braze looks at the key before the body is assumed, its documents do not say so: an empty request of a key without
the permission is then answered 401 or 403, one with it 400, or a success that does nothing.
"""

from typing import Literal

from connectors.braze import endpoints
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import Probe, Request

NOBODY = "gridwire-check"  # an external id that nobody has
EMPTY = frozenset({400, 404})  # "nothing was asked for", "no such campaign"
USED_BY_SOME: tuple[tuple[str, Literal["POST", "PUT"], str], ...] = (
    ("canvas.trigger.send", "POST", endpoints.CANVAS_TRIGGER),
    ("campaigns.trigger.schedule.create", "POST", "/campaigns/trigger/schedule/create"),
    ("campaigns.trigger.schedule.delete", "POST", "/campaigns/trigger/schedule/delete"),
    ("canvas.trigger.schedule.create", "POST", "/canvas/trigger/schedule/create"),
    ("canvas.trigger.schedule.delete", "POST", "/canvas/trigger/schedule/delete"),
    ("catalogs.replace_items", "PUT", f"{endpoints.CATALOGS}{NOBODY}/items"),
    ("subscription.status.set", "POST", endpoints.SUBSCRIPTION),
)


def probes(settings: BrazeSettings) -> tuple[Probe, ...]:
    """One for each permission of BRAZE_API_KEY."""
    body = {"external_ids": [NOBODY], "fields_to_export": ["external_id"]}
    found: tuple[Probe, ...] = (
        _probe("users.export.ids", Request("POST", endpoints.EXPORT_IDS, json=body)),
        _probe("users.track", Request("POST", endpoints.TRACK, json={}, expect=EMPTY)),
        _probe("campaigns.trigger.send", Request("POST", endpoints.TRIGGER, json={}, expect=EMPTY)),
        _probe(
            "transactional.send",
            Request("POST", f"{endpoints.TRANSACTIONAL}{NOBODY}/send", json={}, expect=EMPTY),
            optional=True,
        ),
    )
    found += tuple(
        _probe(permission, Request(method, path, json={}, expect=EMPTY), optional=True)
        for permission, method, path in USED_BY_SOME
    )
    if settings.sms_group_id is None:
        return found
    query = {"subscription_group_id": settings.sms_group_id, "external_id[]": NOBODY}
    status = Request("GET", endpoints.GROUP_STATUS, query, expect=EMPTY)
    return (*found, _probe("subscription.status.get", status))


def _probe(permission: str, request: Request, *, optional: bool = False) -> Probe:
    fix = f"give BRAZE_API_KEY the permission {permission}"
    return Probe(permission, f"{fix}, or allow our address", request, optional=optional)
