"""What gridwire does in Braze: messages to one existing user, attributes, profiles."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote

from connectors.braze import operations as more
from connectors.braze import verdicts
from connectors.braze.answers import field, tracked
from connectors.braze.probes import probes
from connectors.braze.settings import BrazeSettings
from connectors.braze.wire import (
    Export,
    ExportedUser,
    GroupStatus,
    attributes_body,
    campaign_body,
    consent,
    export_body,
    profile,
    transactional_body,
)
from connectors.kit.auth import Bearer
from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Done,
    Item,
    MalformedError,
    Operation,
    OperationError,
    Pace,
    Platform,
    Request,
    Response,
    Safety,
    Sink,
    Steps,
    Written,
    writes_over_nothing,
)
from connectors.kit.reading import read, server_s
from gridwire.records import BrazeCommand, RefreshProfile, SetAttributes, TriggerCampaign
from gridwire.topics import BRAZE_COMMANDS, BRAZE_PROFILES, BRAZE_RECEIPTS

S = TypeVar("S")
ITEMS_PACE_SHARE = 0.95
TRACK_BYTES_MAX = 3_500_000  # Braze takes bodies of 4 MB


def platform(settings: BrazeSettings) -> Platform:
    """The workspace's REST API."""
    return Platform(
        name="braze",
        base_url=settings.base_url,
        auth=Bearer(settings.api_key),
        verdict=verdicts.verdict,
        rate=verdicts.rate,
        requests_per_s=settings.requests_per_s,
        concurrency=settings.concurrency,
        budget=verdicts.budget,
        paces={verdicts.ITEMS: items_pace(settings)},
        probes=probes(settings),
    )


def items_pace(settings: BrazeSettings) -> Pace:
    """Braze looks at so many catalogue requests a minute for what is back in stock; no header says so.

    A little less than that: a request that was held up comes closer to the next one.
    """
    per_s = settings.catalog_requests_per_min * ITEMS_PACE_SHARE / 60
    return Pace(per_s, per_s)


def sink(settings: BrazeSettings) -> Sink:
    """Carries out `command.braze`."""

    def refresh(command: BrazeCommand, body: RefreshProfile) -> Steps:
        return refresh_profile(command, body, settings)

    operations = (
        Operation("trigger_campaign", trigger_safety, trigger_campaign, writes=writes_over_nothing),
        Operation(
            "set_attributes",
            "natural",
            set_attributes,
            _attributes_of_many(settings),
            writes=_attributes_set,
        ),
        Operation("refresh_profile", "natural", refresh, writes=writes_over_nothing),
        *more.operations(settings),
    )
    return Sink(
        platform=platform(settings),
        commands=BRAZE_COMMANDS,
        receipts=BRAZE_RECEIPTS,
        operations={operation.name: operation for operation in operations},
    )


def trigger_safety(trigger: TriggerCampaign) -> Safety:
    """Only transactional sends have a key that Braze deduplicates by."""
    return "keyed" if trigger.transactional else "unsafe"


def trigger_campaign(command: BrazeCommand, trigger: TriggerCampaign) -> Steps:
    """One API-triggered campaign to one existing user; the object id is Braze's dispatch id."""
    if trigger.transactional:
        campaign = quote(trigger.campaign_id, safe="")
        request = Request(
            method="POST",
            path=f"{verdicts.TRANSACTIONAL}{campaign}/send",
            json=transactional_body(command.event_id, trigger),
        )
    else:
        request = Request(
            method="POST", path=verdicts.TRIGGER, json=campaign_body(trigger), idempotent=False
        )
    return _sent(request)


def _sent(request: Request) -> Steps:
    response = yield request
    return Done(object_id=field(response, "dispatch_id"))


def set_attributes(_command: BrazeCommand, change: SetAttributes) -> Steps:
    """Custom attributes of one existing user; a user that Braze does not know stays unknown."""
    yield Request(method="POST", path=verdicts.TRACK, json=attributes_body(change))
    return Done()


def _attributes_set(change: SetAttributes) -> Written:
    return frozenset(("attribute", change.customer_ref, name) for name in change.attributes)


def set_attributes_of_many(items: Sequence[Item]) -> BulkSteps:
    """Custom attributes of several users. Raises OperationError where Braze does not say whose it refused."""
    request = Request(
        method="POST",
        path=verdicts.TRACK,
        json=attributes_body(*(item.body for item in items)),
        expect=frozenset(verdicts.SUCCESS),
    )
    response = yield request
    return tracked(request, response, "attributes", len(items))


def _attributes_of_many(settings: BrazeSettings) -> Bulk:
    return Bulk(
        steps=set_attributes_of_many,
        items_max=settings.track_items_max,
        bytes_max=TRACK_BYTES_MAX,
        apart=lambda _command, change: change.customer_ref,
        parallel_max=settings.concurrency,
    )


def refresh_profile(
    command: BrazeCommand, wanted: RefreshProfile, settings: BrazeSettings
) -> Steps:
    """Reads one user's consent and segment attributes into source.braze.profiles."""
    ref = wanted.customer_ref
    response = yield Request(method="POST", path=verdicts.EXPORT_IDS, json=export_body(ref))
    export = _shaped(response, Export, "export")
    user = _exported(export, ref)
    sms = None
    if user is not None and settings.sms_group_id is not None:
        query = {"subscription_group_id": settings.sms_group_id, "external_id[]": ref}
        answer = yield Request(method="GET", path=verdicts.GROUP_STATUS, query=query)
        sms = consent(_shaped(answer, GroupStatus, "subscription status").status.get(ref))
    read_at_s = server_s(response.headers)
    read_at_ms = command.produced_at if read_at_s is None else read_at_s * 1000
    record = profile(command, ref, user, sms, settings, read_at_ms=read_at_ms)
    return Done(records=((BRAZE_PROFILES, record),))


def _exported(export: Export, ref: str) -> ExportedUser | None:
    """The user that was asked for; None where Braze lists the id as invalid or lists nobody."""
    if ref in (export.invalid_user_ids or ()):
        return None
    return next((user for user in export.users if user.external_id in (ref, None)), None)


def _shaped(response: Response, shape: type[S], what: str) -> S:
    try:
        return read(response.json(), shape, what)
    except MalformedError as error:
        raise OperationError(verdicts.unanswered(what)) from error
