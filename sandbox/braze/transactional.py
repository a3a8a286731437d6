"""POST /transactional/v1/campaigns/{id}/send: one recipient, de-duplicated, with postbacks."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from starlette.routing import Route

from sandbox.braze.api import Api, Body, Call, Refused, Reply, require_object
from sandbox.braze.messaging import Outbox
from sandbox.braze.programs import Program
from sandbox.braze.sends import Sends, check_recipient
from sandbox.braze.settings import Settings
from sandbox.core.webhooks import WebhookSender

EXTERNAL_SEND_ID = re.compile(r"[a-zA-Z0-9\-_+/=]+")
SEND_IDS_KEPT_S = 24 * 3_600.0
SEND_IDS_MAX = 100_000
QUEUED = "The external reference has been queued. Please retry to obtain send_id."
POSTBACK_RETRIES_S = (30.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Kept:
    answer: Body
    at_s: float


class Transactional:
    """external_send_id is remembered for 24 h, at most SEND_IDS_MAX of them."""

    def __init__(
        self,
        outbox: Outbox,
        sends: Sends,
        webhooks: WebhookSender,
        settings: Callable[[], Settings],
    ) -> None:
        self._outbox = outbox
        self._sends = sends
        self._webhooks = webhooks
        self._settings = settings
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def routes(self, api: Api) -> list[Route]:
        path = "/transactional/v1/campaigns/{id}/send"
        return [api.route("POST", path, "transactional.send", None, self.send)]

    def clear(self) -> None:
        self._kept.clear()

    def _program(self, campaign_id: str) -> Program:
        program = self._outbox.programs.get(("campaign", campaign_id))
        if program is None:
            raise Refused(404, "There is no such campaign.")
        if not program.transactional:
            raise Refused(400, "The campaign is not a transactional one.")
        if program.status != "active":
            raise Refused(400, f"The campaign is {program.status}.")
        return program

    def _known(self, send_id: object) -> Body | None:
        """The answer to an earlier send of this id. Raises Refused for one of a wrong form or still queued."""
        if send_id is None:
            return None
        if not isinstance(send_id, str) or EXTERNAL_SEND_ID.fullmatch(send_id) is None:
            raise Refused(400, f"external_send_id must match {EXTERNAL_SEND_ID.pattern}")
        kept = self._kept.get(send_id)
        age_s = 0.0 if kept is None else self._outbox.now_s() - kept.at_s
        if kept is None or age_s >= SEND_IDS_KEPT_S:
            return None
        if age_s < self._settings().transactional_queued_s:
            raise Refused(400, QUEUED)
        return kept.answer

    def send(self, call: Call) -> Reply:
        program = self._program(call.path["id"])
        recipient = require_object(call.body, "recipient")
        if not recipient or recipient.get("email"):
            raise Refused(400, "'recipient' is one external_user_id or user_alias.")
        check_recipient(recipient, "campaign")
        properties = require_object(call.body, "trigger_properties")
        send_id = call.body.get("external_send_id")
        known = self._known(send_id)
        if known is not None:
            return Reply(201, known)
        answer = self._answer(program, send_id)
        if send_id is not None:
            self._keep(send_id, answer)
        profile = self._sends.recipient_profile(recipient)
        dispatch_id = answer["dispatch_id"]
        if profile is None:
            self._outbox.withhold_unknown(program, recipient, dispatch_id)
        received = profile is not None and self._outbox.send(
            program, profile, properties, dispatch_id
        )
        self._post_back(answer, ("processed", "delivered") if received else ("aborted",))
        return Reply(201, answer)

    def _now(self) -> str:
        return datetime.fromtimestamp(self._outbox.now_s(), UTC).isoformat(timespec="milliseconds")

    def _answer(self, program: Program, send_id: object) -> Body:
        metadata: Body = {"campaign_api_id": program.id, "received_at": self._now()}
        if send_id is not None:
            metadata["external_send_id"] = send_id
        return {"dispatch_id": uuid4().hex, "status": "sent", "metadata": metadata}

    def _keep(self, send_id: str, answer: Body) -> None:
        self._kept[send_id] = Kept(answer, self._outbox.now_s())
        self._kept.move_to_end(send_id)
        if len(self._kept) > SEND_IDS_MAX:
            self._kept.popitem(last=False)

    def _post_back(self, answer: Body, statuses: tuple[str, ...]) -> None:
        """One POST per status to the configured URL; no signature, as the vendor has none."""
        url = self._settings().postback_url
        if url is None:
            return
        metadata = dict(answer["metadata"])
        for status in ("sent", *statuses):
            metadata = {**metadata, f"{status}_at": self._now()}
            if status == "aborted":
                metadata["reason"] = "User not reachable"
            body = {"dispatch_id": answer["dispatch_id"], "status": status, "metadata": metadata}
            self._webhooks.deliver(
                url,
                json.dumps(body).encode(),
                {},
                retry_schedule_s=POSTBACK_RETRIES_S,
                about={"kind": "postback", "status": status},
            )
