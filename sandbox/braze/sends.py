"""Triggered campaigns and canvases: now, or on a schedule that can be deleted."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from starlette.routing import Route

from sandbox.braze.api import Api, Body, Call, Refused, Reply, require_list, require_object
from sandbox.braze.messaging import Outbox
from sandbox.braze.profiles import Profile, ProfileError, Profiles
from sandbox.braze.programs import Program
from sandbox.braze.track import Track, is_time

RECIPIENTS_MAX = 50
CONTEXT_BYTES_MAX = 50 * 1024
SCHEDULES_MAX = 50_000
ID_FIELDS = {"campaign": "campaign_id", "canvas": "canvas_id"}
PROPERTIES = {
    "campaign": ("trigger_properties",),
    "canvas": ("context", "canvas_entry_properties"),
}
"""A canvas' context had another name once, which is still taken."""

Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Schedule:
    id: str
    program: Program
    body: Body
    dispatch_id: str
    due_at_s: float
    state: str = "pending"

    def as_json(self) -> Body:
        return {
            "schedule_id": self.id,
            ID_FIELDS[self.program.kind]: self.program.id,
            "due_at": self.due_at_s,
            "state": self.state,
            "body": self.body,
        }


def properties_of(kind: str, body: Body) -> Properties:
    """Trigger properties or context. Raises Refused."""
    for name in PROPERTIES[kind]:
        if name in body:
            found = require_object(body, name)
            if kind == "canvas" and len(json.dumps(found).encode()) > CONTEXT_BYTES_MAX:
                raise Refused(400, f"'{name}' is larger than {CONTEXT_BYTES_MAX} bytes.")
            return found
    return {}


def identity_of(recipient: object) -> Body:
    """The one identity of a recipient, in the terms of profiles. Raises Refused."""
    if not isinstance(recipient, dict):
        raise Refused(400, "A recipient must be an object.")
    given = [n for n in ("external_user_id", "user_alias", "email") if recipient.get(n)]
    if len(given) != 1:
        raise Refused(400, "A recipient has exactly one of external_user_id, user_alias, email.")
    (name,) = given
    if name == "email" and not isinstance(recipient.get("prioritization"), list):
        raise Refused(400, "A recipient by email needs the prioritization array.")
    return {"external_id" if name == "external_user_id" else name: recipient[name]}


def check_recipient(recipient: Body, kind: str) -> None:
    """Raises Refused for a recipient that cannot be taken."""
    identity = identity_of(recipient)
    properties_of(kind, recipient)
    attributes = require_object(recipient, "attributes")
    if recipient.get("send_to_existing_only", True) is False:
        if "user_alias" in identity:
            raise Refused(400, "send_to_existing_only false is not for user aliases.")
        if not attributes:
            raise Refused(400, "send_to_existing_only false needs attributes.")


def check_recipients(body: Body, kind: str) -> None:
    """Recipients or a broadcast, not both. Raises Refused."""
    recipients = require_list(body, "recipients")
    broadcast = body.get("broadcast", False)
    if not isinstance(broadcast, bool):
        raise Refused(400, "'broadcast' must be true or false.")
    if len(recipients) > RECIPIENTS_MAX:
        raise Refused(400, "max number of ids per request exceeded")
    if broadcast and recipients:
        raise Refused(400, "'broadcast' and 'recipients' exclude each other.")
    if not broadcast and not recipients:
        raise Refused(400, "Provide 'recipients', or 'broadcast': true for everybody.")
    if body.get("audience") is not None:
        raise Refused(400, "The sandbox does not evaluate connected audiences.")
    for recipient in recipients:
        check_recipient(recipient, kind)


def limit_group(body: Body) -> str:
    """Broadcasts have a limit of their own."""
    return "broadcasts" if body.get("broadcast") is True else "sends"


class Sends:
    """Handlers of /campaigns/trigger/* and /canvas/trigger/*."""

    def __init__(
        self, profiles: Profiles, outbox: Outbox, track: Track, now_s: Callable[[], float]
    ) -> None:
        self._profiles = profiles
        self._outbox = outbox
        self._track = track
        self._now_s = now_s
        self.schedules: dict[str, Schedule] = {}
        self._due: list[tuple[float, str]] = []

    def clear(self) -> None:
        self.schedules.clear()
        self._due.clear()

    def routes(self, api: Api) -> list[Route]:
        routes = []
        for kind, area in (("campaign", "campaigns"), ("canvas", "canvas")):
            path = f"/{area}/trigger"
            routes += [
                api.route(
                    "POST",
                    f"{path}/send",
                    f"{area}.trigger.send",
                    limit_group,
                    partial(self.send, kind),
                ),
                api.route(
                    "POST",
                    f"{path}/schedule/create",
                    f"{area}.trigger.schedule.create",
                    "shared",
                    partial(self.schedule, kind),
                ),
                api.route(
                    "POST",
                    f"{path}/schedule/delete",
                    f"{area}.trigger.schedule.delete",
                    "shared",
                    partial(self.delete_schedule, kind),
                ),
            ]
        return routes

    def program(self, kind: str, body: Body) -> Program:
        """Raises Refused."""
        name = ID_FIELDS[kind]
        wanted = body.get(name)
        if not isinstance(wanted, str) or not wanted:
            raise Refused(400, f"'{name}' is required.")
        program = self._outbox.programs.get((kind, wanted))
        if program is None:
            raise Refused(400, f"The {name} is not one of this workspace.")
        return program

    def send(self, kind: str, call: Call) -> Reply:
        """201 even for a program that is not active: then with a `notice`, and nothing is sent."""
        program = self.program(kind, call.body)
        check_recipients(call.body, kind)
        properties_of(kind, call.body)
        dispatch_id = uuid4().hex
        answer: Body = {"dispatch_id": dispatch_id, "message": "success"}
        if program.status != "active":
            notice = (
                f"The {kind} is {program.status}; trigger requests have no effect until it runs."
            )
            return Reply(201, {"notice": notice, **answer})
        self.run(program, call.body, dispatch_id)
        return Reply(201, answer)

    def run(self, program: Program, body: Body, dispatch_id: str) -> None:
        """Attributes first, then the message, recipient by recipient."""
        common = properties_of(program.kind, body)
        if body.get("broadcast"):
            for profile in tuple(self._profiles.all.values()):
                self._outbox.send(program, profile, common, dispatch_id)
        for recipient in body.get("recipients") or []:
            own = properties_of(program.kind, recipient)
            user = self.recipient_profile(recipient)
            if user is None:
                self._outbox.withhold_unknown(program, identity_of(recipient), dispatch_id)
                continue
            self._outbox.send(program, user, {**common, **own}, dispatch_id)

    def recipient_profile(self, recipient: Body) -> Profile | None:
        """The profile with the recipient's attributes set; None where nobody may be created."""
        identity = identity_of(recipient)
        try:
            profile = self._profiles.find(identity)
            if profile is None and recipient.get("send_to_existing_only", True) is False:
                profile = self._profiles.create(identity)
            self._track.set_attributes(profile, recipient.get("attributes") or {})
        except ProfileError as error:
            raise Refused(400, str(error)) from error
        return profile

    def schedule(self, kind: str, call: Call) -> Reply:
        program = self.program(kind, call.body)
        check_recipients(call.body, kind)
        time = require_object(call.body, "schedule").get("time")
        if not is_time(time):
            raise Refused(400, "'schedule.time' is required in ISO 8601.")
        moment = datetime.fromisoformat(str(time))
        due_at_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if due_at_s <= self._now_s():
            raise Refused(400, "'schedule.time' must lie in the future.")
        if len(self.schedules) >= SCHEDULES_MAX:
            raise Refused(400, f"The sandbox keeps at most {SCHEDULES_MAX} schedules.")
        made = Schedule(str(uuid4()), program, call.body, uuid4().hex, due_at_s)
        self.schedules[made.id] = made
        heapq.heappush(self._due, (made.due_at_s, made.id))
        answer = {"dispatch_id": made.dispatch_id, "schedule_id": made.id, "message": "success"}
        return Reply(201, answer)

    def delete_schedule(self, kind: str, call: Call) -> Reply:
        """Success does not mean that it was in time: what has been sent stays sent."""
        program = self.program(kind, call.body)
        schedule = self.schedules.get(str(call.body.get("schedule_id")))
        if schedule is None or schedule.program.id != program.id:
            raise Refused(400, "The schedule_id is not one of this program.")
        if schedule.state == "pending":
            self.schedules[schedule.id] = replace(schedule, state="deleted")
        return Reply(201, {"message": "success"})

    def run_due(self) -> None:
        """Send what has come due, steps of canvases too; called before anybody calls or looks."""
        self._outbox.journeys.run_due()
        while self._due and self._due[0][0] <= self._now_s():
            _, schedule_id = heapq.heappop(self._due)
            schedule = self.schedules[schedule_id]
            if schedule.state != "pending":
                continue
            self.schedules[schedule_id] = replace(schedule, state="sent")
            program = self._outbox.programs.get((schedule.program.kind, schedule.program.id))
            if program is not None and program.status == "active":
                self.run(program, schedule.body, schedule.dispatch_id)
        self._outbox.journeys.run_due()
