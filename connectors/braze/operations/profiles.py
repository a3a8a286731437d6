"""Reading one user's profile: consent, segment attributes, region."""

from typing import Any, TypeVar

import msgspec

from connectors.braze import endpoints, verdicts
from connectors.braze.answers import answered_ms
from connectors.braze.settings import BrazeSettings
from connectors.braze.wire import consent, text
from connectors.kit.connector import (
    Done,
    MalformedError,
    Operation,
    OperationError,
    Request,
    Response,
    Steps,
    writes_over_nothing,
)
from connectors.kit.reading import read
from gridwire.ids import derived
from gridwire.records import BrazeCommand, BrazeProfile, RefreshProfile
from gridwire.topics import BRAZE_PROFILES

S = TypeVar("S")
EXPORTED = ("external_id", "email_subscribe", "push_subscribe", "country", "custom_attributes")


class ExportedUser(msgspec.Struct):
    """One user of /users/export/ids, as far as we read it."""

    external_id: str | None = None
    email_subscribe: str | None = None
    push_subscribe: str | None = None
    country: str | None = None
    custom_attributes: dict[str, Any] | None = None


class Export(msgspec.Struct):
    """The answer of /users/export/ids."""

    users: list[ExportedUser]
    invalid_user_ids: list[str] | None = None


class GroupStatus(msgspec.Struct):
    """The answer of /subscription/status/get: state by external id."""

    status: dict[str, str]


def operations(settings: BrazeSettings) -> tuple[Operation, ...]:
    """Reading twice tells twice what holds."""

    def refresh(command: BrazeCommand, body: RefreshProfile) -> Steps:
        return refresh_profile(command, body, settings)

    return (Operation("refresh_profile", "natural", refresh, writes=writes_over_nothing),)


def refresh_profile(
    command: BrazeCommand, wanted: RefreshProfile, settings: BrazeSettings
) -> Steps:
    """Reads one user's consent and segment attributes into source.braze.profiles."""
    ref = wanted.customer_ref
    response = yield Request(method="POST", path=endpoints.EXPORT_IDS, json=export_body(ref))
    export = _shaped(response, Export, "export")
    user = _exported(export, ref)
    sms = None
    if user is not None and settings.sms_group_id is not None:
        query = {"subscription_group_id": settings.sms_group_id, "external_id[]": ref}
        answer = yield Request(method="GET", path=endpoints.GROUP_STATUS, query=query)
        sms = consent(_shaped(answer, GroupStatus, "subscription status").status.get(ref))
    read_at_ms = answered_ms(response, command)
    record = profile(command, ref, user, sms, settings, read_at_ms=read_at_ms)
    return Done(records=((BRAZE_PROFILES, record),))


def export_body(customer_ref: str) -> dict[str, Any]:
    """/users/export/ids for one user."""
    return {"external_ids": [customer_ref], "fields_to_export": list(EXPORTED)}


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


def profile(
    command: BrazeCommand,
    customer_ref: str,
    user: ExportedUser | None,
    sms: str | None,
    settings: BrazeSettings,
    *,
    read_at_ms: int,
) -> BrazeProfile:
    """What an export says about a user (None: Braze has no such user), as of `read_at_ms`."""
    custom = (user.custom_attributes if user else None) or {}
    region = text(custom.get(settings.region_attribute))
    return BrazeProfile(
        event_id=derived("braze", "profile", command.event_id),
        occurred_at=read_at_ms,
        version=read_at_ms,
        source="braze/export",
        trace_id=command.trace_id,
        causation_id=command.event_id,
        customer_ref=customer_ref,
        known=user is not None,
        email=consent(user.email_subscribe) if user else None,
        push=consent(user.push_subscribe) if user else None,
        sms=sms if user else None,
        value_tier=text(custom.get(settings.value_tier_attribute)),
        churn_risk=_risk(custom.get(settings.churn_risk_attribute)),
        region=region or (text(user.country) if user else None),
    )


def _risk(value: Any) -> float | None:
    try:
        risk = float(value)
    except (TypeError, ValueError):
        return None
    return risk if 0 <= risk <= 1 else None
