"""A connector for the target (`target`): every kind of safety in one sink, so that one lane may hold all of them."""

from collections.abc import Sequence
from typing import Any, Literal

from connectors.kit.auth import ClientCredentials
from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Done,
    Item,
    Operation,
    OperationError,
    Platform,
    RateAdvice,
    Request,
    Response,
    Safety,
    Sink,
    Steps,
    Transient,
)
from connectors.kit.verdicts import VerdictTable
from gridwire.records import BrazeCommand, Receipt, SetAttributes, TriggerCampaign
from gridwire.settings import Secret
from gridwire.topics import Topic

Kind = Literal["natural", "keyed", "lookup", "unsafe", "bulk"]
KINDS: tuple[Kind, ...] = ("natural", "keyed", "lookup", "unsafe", "bulk")
CONCURRENCY = 8
TIMEOUT_S = 1.5  # longer than the target is slow
BULK_ITEMS_MAX = 10


class World:
    """One proof's topics, commands and sink. `name` is unique; `url` is the target's."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.commands = Topic(
            f"command.{name}", BrazeCommand, lambda one: one.lane, "command", "A proof's commands."
        )
        self.receipts = Topic(
            f"receipt.{name}", Receipt, lambda one: one.lane, "receipt", "A proof's receipts."
        )

    def sink(self) -> Sink:
        single = Operation("set_attributes", _safety, _steps)
        bulk = Operation(
            "trigger_campaign", "natural", _alone, Bulk(_together, items_max=BULK_ITEMS_MAX)
        )
        operations = {one.name: one for one in (single, bulk)}
        return Sink(self._platform(), self.commands, self.receipts, operations)

    def _platform(self) -> Platform:
        return Platform(
            name=self.name,
            base_url=self.url,
            auth=ClientCredentials(f"{self.url}/token", "gridwire", Secret("s3cret")),
            verdict=VerdictTable(),
            rate=_no_rate,
            requests_per_s=float("inf"),
            concurrency=CONCURRENCY,
        )

    def id_of(self, n: int) -> str:
        return f"{self.name}-{n}"

    def command(self, n: int, kind: Kind, lane: str) -> BrazeCommand:
        """The command number `n`."""
        given = {"kind": kind, "n": str(n)}
        bulk = TriggerCampaign(campaign_id=kind, customer_ref=lane, trigger_properties=given)
        single = SetAttributes(customer_ref=lane, attributes=given)
        return BrazeCommand(
            event_id=self.id_of(n),
            occurred_at=1,
            produced_at=1_760_000_000_000,
            source="proof",
            trace_id="a" * 32,
            flow="proof.flow",
            lane=lane,
            operation="trigger_campaign" if kind == "bulk" else "set_attributes",
            trigger_campaign=bulk if kind == "bulk" else None,
            set_attributes=None if kind == "bulk" else single,
        )


def kind_of(command: BrazeCommand) -> str:
    """How a command is made safe to repeat."""
    return (
        "bulk" if command.trigger_campaign else (command.set_attributes or _NONE).attributes["kind"]
    )


_NONE = SetAttributes(customer_ref="", attributes={"kind": "natural"})


def _no_rate(_answer: Response, _now_s: float) -> RateAdvice | None:
    return None


def _safety(body: SetAttributes) -> Safety:
    kind: Any = body.attributes["kind"]
    safety: Safety = kind
    return safety


def _item(command: BrazeCommand, given: Any) -> dict[str, Any]:
    return {"id": command.event_id, "lane": command.lane, "n": int(given["n"])}


def _steps(command: BrazeCommand, body: SetAttributes) -> Steps:
    kind, item = body.attributes["kind"], _item(command, body.attributes)
    if kind == "natural":
        path = f"/natural/{command.lane}"
        found = yield Request("PUT", path, json=item, timeout_s=TIMEOUT_S)
        return Done(object_id=found.json()["id"])
    if kind == "lookup":
        query = {"ref": command.event_id}
        known = yield Request("GET", "/lookup", query=query, timeout_s=TIMEOUT_S)
        if known.json()["found"]:
            return Done(object_id=f"obj-{command.event_id}")
    headers = {"idempotency-key": command.event_id} if kind == "keyed" else {}
    found = yield Request(
        "POST",
        f"/{kind}",
        json=item,
        headers=headers,
        idempotent=kind == "keyed",
        timeout_s=TIMEOUT_S,
    )
    return Done(object_id=found.json()["id"])


def _alone(command: BrazeCommand, body: TriggerCampaign) -> Steps:
    items = [_item(command, body.trigger_properties)]
    found = yield Request("POST", "/bulk", json={"items": items}, timeout_s=TIMEOUT_S)
    (result,) = _results(found, 1)
    if isinstance(result, Transient):
        raise OperationError(result)
    return result


def _together(items: Sequence[Item]) -> BulkSteps:
    body = {"items": [_item(one.command, one.body.trigger_properties) for one in items]}
    found = yield Request("POST", "/bulk", json=body, timeout_s=TIMEOUT_S)
    return _results(found, len(items))


def _results(found: Response, count: int) -> list[Done | Transient]:
    results = found.json()["results"]
    assert len(results) == count, "the target answers for each item"
    return [
        Done(f"obj-{one['id']}") if one["status"] == 201 else Transient(f"status {one['status']}")
        for one in results
    ]
