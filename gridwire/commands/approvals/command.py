"""`gridwire approvals`: what a flow may not decide alone, decided by a person.

    flow ──stream.approvals──▶ list ──grant or refuse──▶ stream.approval-decisions ──▶ flow

A decision is one record with an id of its approval alone: written again, or contradicted later, it is a repeat.
"""

import argparse
import getpass
import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from confluent_kafka import KafkaError

from gridwire import kafka
from gridwire.codec import Codec, CodecError, Registry
from gridwire.commands.approvals.cases import HEAD, Case, Cases, decided, line
from gridwire.commands.letters.reading import ReadError, messages, spans
from gridwire.records import Approval, ApprovalDecision, Decision
from gridwire.settings import KafkaSettings
from gridwire.topics import APPROVAL_DECISIONS, APPROVALS, Topic

FAILED, WRONG, NOT_FOUND = 1, 2, 3
FLUSH_S = 30.0
DECISIONS: dict[str, Decision] = {"grant": "granted", "refuse": "refused"}


def run(settings: KafkaSettings, arguments: argparse.Namespace) -> int:
    """Exit status: 0 done, 1 failed or not all could be done, 2 wrong call, 3 nothing found.

    Raises KafkaException, RegistryUnavailableError.
    """
    registry = Registry(settings.registry_url)
    try:
        codec = Codec(registry)
        cases = load(settings, codec)
        if arguments.action == "list":
            return _list(cases, arguments)
        return _decide(settings, codec, cases, arguments)
    except ReadError as error:
        print(error, file=sys.stderr)
        return FAILED
    finally:
        registry.close()


def load(settings: KafkaSettings, codec: Codec) -> Cases:
    """Everything that was asked and decided, read-committed. Raises ReadError, RegistryUnavailableError."""
    cases = Cases()
    cases.read(_records(settings, codec, APPROVALS))
    cases.read(_records(settings, codec, APPROVAL_DECISIONS))
    return cases


def _records(
    settings: KafkaSettings, codec: Codec, topic: Topic[Any]
) -> Iterator[Approval | ApprovalDecision]:
    reader = kafka.reader(settings)
    unreadable = 0
    try:
        for span in spans(settings, reader, [topic.name]):
            for message in messages(reader, span):
                try:
                    yield codec.of(topic).decode(message.value())
                except CodecError:
                    unreadable += 1
    finally:
        reader.close()
    if unreadable:
        print(f"{topic.name}: {unreadable} records cannot be read: left out", file=sys.stderr)


# ---- list --------------------------------------------------------------------------------------------------------
def _list(cases: Cases, arguments: argparse.Namespace) -> int:
    now_ms = _now_ms()
    found = (
        case
        for case in cases
        if arguments.state in ("any", case.state(now_ms))
        and arguments.flow in (None, case.approval.flow)
    )
    shown = list(islice(found, arguments.limit))
    if not shown:
        print("no approval matches", file=sys.stderr)
        return NOT_FOUND
    if not arguments.json:
        print(HEAD)
    for case in shown:
        print(json.dumps(case.row(now_ms)) if arguments.json else line(case, now_ms))
    if next(found, None) is not None:
        print(f"there are more than {len(shown)}: raise --limit", file=sys.stderr)
    return 0


# ---- grant and refuse --------------------------------------------------------------------------------------------
def _decide(
    settings: KafkaSettings, codec: Codec, cases: Cases, arguments: argparse.Namespace
) -> int:
    """All that can be decided is; the worst of what happened is the exit status."""
    wanted, by, status = DECISIONS[arguments.action], arguments.by or _user(), 0
    if by is None:
        print("this machine does not say who you are: add --by NAME", file=sys.stderr)
        return WRONG
    for approval_id in dict.fromkeys(arguments.approvals):
        case = cases[approval_id]
        if case is None:
            print(f"{approval_id}: there is no such approval", file=sys.stderr)
            status = max(status, NOT_FOUND)
            continue
        now_ms = _now_ms()
        state = case.state(now_ms)
        if state == "open":
            record = decided(case.approval, wanted, by, arguments.note, now_ms)
            problem = _write(settings, codec, record)
            print(problem or f"{approval_id}: {wanted}", file=sys.stderr if problem else sys.stdout)
            status = max(status, FAILED if problem else 0)
        else:
            print(_why_not(case, state), file=sys.stdout if state == wanted else sys.stderr)
            status = max(status, 0 if state == wanted else FAILED)
    return status


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return None


def _why_not(case: Case, state: str) -> str:
    by = f" by {case.decision.by}" if case.decision else ": its flow has given up waiting"
    return f"{case.approval.approval_id}: {state} already{by}"


def _write(settings: KafkaSettings, codec: Codec, record: ApprovalDecision) -> str | None:
    """Writes a decision; says why where Kafka has not taken it. To do it again is harmless."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            failed.append(error)

    producer = kafka.producer(settings)
    value = codec.of(APPROVAL_DECISIONS).encode(record)
    key = APPROVAL_DECISIONS.key(record).encode()
    producer.produce(APPROVAL_DECISIONS.name, value, key, on_delivery=delivered)
    left = producer.flush(FLUSH_S)
    if not left and not failed:
        return None
    why = failed[0].name() if failed else "no answer in time"
    return f"{record.approval_id}: Kafka has not taken the decision ({why}): run the same command again"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
