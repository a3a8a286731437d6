"""What is configurable about Trading Grid. Its contract is assumed: paths and names are, too."""

from typing import Annotated

import msgspec

from gridwire.settings import Env, Secret, SettingsError
from gridwire.shapes import HEADER, URL

SCOPES = "partners.read threads.read threads.write availability.read documents.read insights.write events.read"


class TradingGridSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Variables that begin with TG_."""

    base_url: Annotated[
        str,
        URL,
        Env("TG_BASE_URL", "the API's address, e.g. https://<host>/api/active-community/v1"),
    ]
    token_url: Annotated[str, URL, Env("TG_TOKEN_URL", "the address of the OAuth 2 token endpoint")]
    client_id: Annotated[
        str, Env("TG_CLIENT_ID", "the id of the API client; it is the actor of our own writes")
    ]
    client_secret: Annotated[Secret, Env("TG_CLIENT_SECRET", "the secret of the API client")]
    webhook_secret: Annotated[
        Secret, Env("TG_WEBHOOK_SECRET", "the whsec_… secret of the webhook endpoint")
    ]
    webhook_secret_previous: Annotated[
        Secret | None,
        Env("TG_WEBHOOK_SECRET_PREVIOUS", "the secret before, while it is being rotated"),
    ] = None
    scope: Annotated[str, Env("TG_SCOPE", "the OAuth 2 scopes to ask for, separated by spaces")] = (
        SCOPES
    )
    community_id: Annotated[
        str | None, Env("TG_COMMUNITY_ID", "the community; unset: the client's only one")
    ] = None
    community_header: Annotated[
        str, HEADER, Env("TG_COMMUNITY_HEADER", "the name of the header that carries the community")
    ] = "x-community-id"
    idempotency_header: Annotated[
        str,
        HEADER,
        Env("TG_IDEMPOTENCY_HEADER", "the name of the header that carries idempotency keys"),
    ] = "idempotency-key"
    requests_per_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("TG_REQUESTS_PER_S", "calls per second to start with; answers adapt it"),
    ] = 10.0
    concurrency: Annotated[
        int, msgspec.Meta(ge=1), Env("TG_CONCURRENCY", "calls under way at once")
    ] = 8
    paths: Annotated[
        dict[str, str],
        Env(
            "TG_PATHS",
            "a JSON object of paths that differ: partners, threads, availability, documents, insights, events, "
            'e.g. {"threads": "/cases"}',
        ),
    ] = msgspec.field(default_factory=dict)
    fields: Annotated[
        dict[str, str],
        Env(
            "TG_FIELDS",
            "a JSON object of <object>.<field> to the place of that field in the tenant's JSON, "
            'e.g. {"thread.partner_id": "owner.id"}',
        ),
    ] = msgspec.field(
        default_factory=lambda: {
            "thread.revised_delivery_at": "custom.revised_delivery_at",
            "document.process": "custom.process",
            "document.process_ref": "custom.process_ref",
        }
    )
    statuses: Annotated[
        dict[str, str],
        Env("TG_STATUSES", "a JSON object of the tenant's thread statuses to the usual ones"),
    ] = msgspec.field(default_factory=dict)
    external_ref_type: Annotated[
        str, Env("TG_EXTERNAL_REF_TYPE", "the type of the external references that we set")
    ] = "matter"
    external_ref_query: Annotated[
        str,
        Env(
            "TG_EXTERNAL_REF_QUERY",
            "how the external_ref filter is written, of {system}, {type} and {id}",
        ),
    ] = "{system}:{type}:{id}"
    supports_etag: Annotated[
        bool, Env("TG_SUPPORTS_ETAG", "false where the tenant gives no ETags")
    ] = True
    supports_idempotency_key: Annotated[
        bool,
        Env("TG_SUPPORTS_IDEMPOTENCY_KEY", "false where the tenant ignores idempotency keys"),
    ] = True
    partners_poll_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("TG_PARTNERS_POLL_S", "seconds between two polls of changed partners"),
    ] = 300.0
    threads_poll_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("TG_THREADS_POLL_S", "seconds between two polls of changed threads"),
    ] = 300.0
    availability_poll_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("TG_AVAILABILITY_POLL_S", "seconds between two polls of availability updates"),
    ] = 300.0
    documents_poll_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("TG_DOCUMENTS_POLL_S", "seconds between two polls of changed documents"),
    ] = 300.0
    events_poll_s: Annotated[
        float,
        msgspec.Meta(gt=0),
        Env("TG_EVENTS_POLL_S", "seconds between two looks for events that no webhook has brought"),
    ] = 60.0
    events_settle_s: Annotated[
        int,
        msgspec.Meta(ge=0),
        Env(
            "TG_EVENTS_SETTLE_S",
            "seconds that a webhook may take before its event counts as missed",
        ),
    ] = 120
    poll_overlap_s: Annotated[
        int,
        msgspec.Meta(ge=0),
        Env("TG_POLL_OVERLAP_S", "seconds that a poll looks back behind the last change seen"),
    ] = 60
    backfill_days: Annotated[
        int,
        msgspec.Meta(ge=0),
        Env(
            "TG_BACKFILL_DAYS",
            "days of threads, availability and documents that the first poll reads",
        ),
    ] = 30

    def path(self, resource: str) -> str:
        """The path of a resource, as configured."""
        return self.paths.get(resource, PATHS[resource])


PATHS = {
    "partners": "/partners",
    "threads": "/threads",
    "availability": "/availability-updates",
    "documents": "/documents",
    "insights": "/insights",
    "events": "/events",
}
OBJECTS = frozenset({"thread", "partner", "availability", "document"})


def check(settings: TradingGridSettings) -> None:
    """Raises SettingsError where a value names something that there is not."""
    problems = [
        f"TG_PATHS has an unknown resource {name!r}: use {', '.join(sorted(PATHS))}"
        for name in settings.paths
        if name not in PATHS
    ]
    problems += [
        f"TG_FIELDS has an unknown object in {name!r}: use {', '.join(sorted(OBJECTS))}"
        for name in settings.fields
        if name.partition(".")[0] not in OBJECTS
    ]
    try:
        asked = settings.external_ref_query.format(system="", type="", id="#")
    except (KeyError, IndexError, ValueError):
        asked = ""
    if "#" not in asked:
        problems.append("TG_EXTERNAL_REF_QUERY is not valid: use {system}, {type} and {id}")
    if problems:
        raise SettingsError(problems)
