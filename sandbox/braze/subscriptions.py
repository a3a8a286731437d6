"""Subscription state of users, and the export of profiles."""

from __future__ import annotations

from starlette.routing import Route

from sandbox.braze.api import Api, Body, Call, Refused, Reply, require_list
from sandbox.braze.profiles import CONSENT_STATES, Profile, ProfileError, Profiles

IDS_MAX = 50
GROUP_STATES = ("subscribed", "unsubscribed")
IDENTITY_LISTS = {"external_ids": "external_id", "emails": "email", "phones": "phone"}
STATUS_LIMIT_MAX = 100


def exported(profile: Profile, fields: frozenset[str]) -> Body:
    """A profile as the export shows it; no fields means all."""
    reserved = ("first_name", "last_name", "email", "phone", "country", "language", "time_zone")
    shown: Body = {
        "external_id": profile.external_id,
        "braze_id": profile.braze_id,
        "user_aliases": [{"alias_name": n, "alias_label": label} for n, label in profile.aliases],
        **{name: profile.attributes[name] for name in reserved if name in profile.attributes},
        "custom_attributes": {n: v for n, v in profile.attributes.items() if n not in reserved},
        "custom_events": _counted([event["name"] for event in profile.events]),
        "email_subscribe": profile.consent.get("email", "subscribed"),
        "push_subscribe": profile.consent.get("push", "subscribed"),
    }
    return {name: value for name, value in shown.items() if not fields or name in fields}


def _counted(names: list[str]) -> list[Body]:
    return [{"name": name, "count": names.count(name)} for name in dict.fromkeys(names)]


def _ids(body: Body, name: str) -> list[object]:
    ids = require_list(body, name)
    if len(ids) > IDS_MAX:
        raise Refused(400, f"'{name}' has at most {IDS_MAX} ids.")
    return ids


class Subscriptions:
    """Handlers of /subscription/*, /v2/subscription/*, /email/status and /users/export/ids."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self.group_names: dict[str, str] = {}

    def routes(self, api: Api) -> list[Route]:
        return [
            api.route(
                "POST",
                "/v2/subscription/status/set",
                "subscription.status.set",
                "subscription.status.set",
                self.set_groups,
            ),
            api.route(
                "GET",
                "/subscription/status/get",
                "subscription.status.get",
                "shared",
                self.get_status,
            ),
            api.route(
                "GET",
                "/subscription/user/status",
                "subscription.groups.get",
                "shared",
                self.user_status,
            ),
            api.route("POST", "/email/status", "email.status", "shared", self.email_status),
            api.route(
                "POST", "/users/export/ids", "users.export.ids", "users.export.ids", self.export
            ),
        ]

    def set_groups(self, call: Call) -> Reply:
        """All groups are checked before the first is changed."""
        groups = require_list(call.body, "subscription_groups")
        if not groups:
            raise Refused(400, "'subscription_groups' is required.")
        for group in groups:
            self._check_group(group)
        for group in groups:
            for name, identity in IDENTITY_LISTS.items():
                for one in group.get(name) or []:
                    profile = self._profiles.find({identity: one})
                    if profile is not None:
                        state = group["subscription_state"]
                        profile.subscription_groups[group["subscription_group_id"]] = state
        return Reply(201, {"message": "success"})

    def _check_group(self, group: object) -> None:
        if not isinstance(group, dict) or not isinstance(group.get("subscription_group_id"), str):
            raise Refused(400, "A subscription group needs subscription_group_id.")
        if group.get("subscription_state") not in GROUP_STATES:
            raise Refused(400, f"subscription_state must be one of {list(GROUP_STATES)}.")
        given = [name for name in IDENTITY_LISTS if _ids(group, name)]
        if not given or {"emails", "phones"} <= set(given):
            raise Refused(400, "Give external_ids, emails or phones; emails and phones do not mix.")

    def get_status(self, call: Call) -> Reply:
        group = call.query.get("subscription_group_id")
        ids = call.query.getlist("external_id[]") or call.query.getlist("external_id")
        if not group or not ids or len(ids) > IDS_MAX:
            raise Refused(400, "subscription_group_id and 1 to 50 external_id are required.")
        status = {}
        for one in ids:
            profile = self._profiles.by_external_id(one)
            state = profile.subscription_groups.get(group) if profile else None
            status[one] = state.capitalize() if state else "unknown"
        return Reply(200, {"status": status, "message": "success"})

    def user_status(self, call: Call) -> Reply:
        ids = call.query.getlist("external_id[]") or call.query.getlist("external_id")
        limit, offset = call.query.get("limit", "100"), call.query.get("offset", "0")
        if not limit.isdigit() or not offset.isdigit() or int(limit) > STATUS_LIMIT_MAX:
            raise Refused(400, f"limit (at most {STATUS_LIMIT_MAX}) and offset must be numbers.")
        found = [p for p in map(self._profiles.by_external_id, ids) if p is not None]
        chosen = found[int(offset) : int(offset) + int(limit)]
        return Reply(200, {"users": [self._shown(p) for p in chosen], "message": "success"})

    def _shown(self, profile: Profile) -> Body:
        groups = [
            {"id": group, "name": self.group_names.get(group, group), "status": state.capitalize()}
            for group, state in profile.subscription_groups.items()
        ]
        return {
            "external_id": profile.external_id,
            "email": profile.attributes.get("email"),
            "phone": profile.attributes.get("phone"),
            "subscription_groups": groups,
        }

    def email_status(self, call: Call) -> Reply:
        email = call.body.get("email")
        addresses = email if isinstance(email, list) else [email]
        if not email or len(addresses) > IDS_MAX:
            raise Refused(400, f"'email' is an address or an array of at most {IDS_MAX}.")
        state = call.body.get("subscription_state")
        if state not in CONSENT_STATES:
            raise Refused(400, f"subscription_state must be one of {sorted(CONSENT_STATES)}.")
        for address in addresses:
            profile = self._profiles.find({"email": address})
            if profile is not None:
                profile.consent["email"] = str(state)
        return Reply(201, {"message": "success"})

    def export(self, call: Call) -> Reply:
        identities = [
            *({"external_id": one} for one in _ids(call.body, "external_ids")),
            *({"user_alias": one} for one in _ids(call.body, "user_aliases")),
        ]
        for name, identity in (
            ("braze_id", "braze_id"),
            ("email_address", "email"),
            ("phone", "phone"),
        ):
            if call.body.get(name) is not None:
                identities.append({identity: call.body[name]})
        if not identities:
            raise Refused(400, "Give external_ids, user_aliases, braze_id, email_address or phone.")
        fields = frozenset(map(str, require_list(call.body, "fields_to_export")))
        users, invalid = [], []
        for identity_map in identities:
            (wanted,) = identity_map.values()
            try:
                profile = self._profiles.find(identity_map)
            except ProfileError as error:
                raise Refused(400, str(error)) from error
            if profile is None:
                invalid.append(wanted)
            else:
                users.append(exported(profile, fields))
        answer: Body = {"message": "success", "users": users}
        return Reply(201, answer | ({"invalid_user_ids": invalid} if invalid else {}))
