"""`gridwire dead-letters`: what could not be processed, and what becomes of it."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from gridwire import kafka
from gridwire.codec import Codec, CodecError, Registry
from gridwire.commands.letters import marks as marking
from gridwire.commands.letters.letter import Filter, Letter, State, filter_of
from gridwire.commands.letters.overtaken import overtaken
from gridwire.commands.letters.reading import ReadError, letters
from gridwire.commands.letters.targets import Allowed, Refusal, Targets, legs_of
from gridwire.commands.letters.text import HEAD, Raw, line, paragraph, shown
from gridwire.commands.letters.writing import CHUNK_BYTES_MAX, CHUNK_MAX, Act, WriteError, Writer
from gridwire.replays import LetterId
from gridwire.settings import KafkaSettings
from gridwire.topics import BY_NAME, DEAD_LETTER_SINKS
from streams.feeds import FEEDS
from streams.flows import FLOWS

FAILED, WRONG, NOT_FOUND = 1, 2, 3
GROUPS_MAX = 1_000  # of `list --count`
MANY = "(others)"  # the groups beyond
REFUSALS_SAID_MAX = 20


def run(settings: KafkaSettings, arguments: argparse.Namespace) -> int:
    """Exit status: 0 done, 1 failed or not all could be done, 2 wrong call, 3 nothing found.

    Raises KafkaException, RegistryUnavailableError.
    """
    try:
        with _codec(settings) as codec:
            if arguments.action == "list":
                return _list(settings, codec, arguments)
            if arguments.action == "show":
                return show(settings, codec, arguments.letters, arguments.raw, arguments.json)
            return _act(settings, codec, arguments)
    except (ReadError, WriteError) as error:
        print(error, file=sys.stderr)
        return FAILED


@contextmanager
def _codec(settings: KafkaSettings) -> Iterator[Codec]:
    registry = Registry(settings.registry_url)
    try:
        yield Codec(registry)
    finally:
        registry.close()


def select(settings: KafkaSettings, codec: Codec, wanted: Filter) -> Iterator[Letter]:
    """The letters that match, event id and all."""
    for letter in letters(settings, wanted):
        if wanted.event_id in (None, _event_id(codec, letter)):
            yield letter


def _event_id(codec: Codec, letter: Letter) -> str | None:
    topic = BY_NAME.get(letter.topic)
    try:
        return str(codec.of(topic).decode(letter.value).event_id) if topic else ""
    except CodecError:
        return ""


# ---- list and show -----------------------------------------------------------------------------------------------
def _list(settings: KafkaSettings, codec: Codec, arguments: argparse.Namespace) -> int:
    marks = marking.load(settings, codec)
    found = (
        (letter, marks.state(letter.id)) for letter in select(settings, codec, filter_of(arguments))
    )
    chosen = (pair for pair in found if arguments.state in ("any", pair[1]))
    if arguments.count:
        return _count(chosen, as_json=arguments.json)
    count = 0
    for letter, state in islice(chosen, arguments.limit):
        if not count and not arguments.json:
            print(HEAD)
        count += 1
        text = json.dumps(letter.row(state)) if arguments.json else line(letter, state)
        print(text)
    if not count:
        print("no dead letter matches", file=sys.stderr)
        return NOT_FOUND
    if next(chosen, None) is not None:
        print(f"there are more than {count}: narrow the search, or raise --limit", file=sys.stderr)
    return 0


def _count(chosen: Iterator[tuple[Letter, State]], *, as_json: bool) -> int:
    groups: Counter[tuple[str, str, str, str]] = Counter()
    for letter, state in chosen:
        group = (letter.id.topic, letter.flow, letter.reason, state)
        groups[group if group in groups or len(groups) < GROUPS_MAX else ("", "", "", "")] += 1
    for (topic, label, reason, what), count in groups.most_common():
        row = {"topic": topic, "flow": label, "reason": reason, "state": what, "count": count}
        text = f"{count:>8}  {topic:<20} {what:<9}  {label or MANY:<42} {reason}"
        print(json.dumps(row) if as_json else text)
    return 0 if groups else NOT_FOUND


def show(
    settings: KafkaSettings, codec: Codec, ids: Sequence[LetterId], raw: Raw | None, as_json: bool
) -> int:
    """Prints letters in full. Exit status 3 where one of them is not there."""
    marks = marking.load(settings, codec)
    missing = set(ids)
    for letter in letters(settings, Filter(letters=frozenset(ids))):
        missing.discard(letter.id)
        mark = marking.find(settings, codec, letter.id)
        found = shown(letter, marks.state(letter.id), mark, codec, raw)
        print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else paragraph(found))
    for one in sorted(missing):
        print(f"{one}: no letter begins there (they are kept for 30 days)", file=sys.stderr)
    return NOT_FOUND if missing else 0


# ---- replay and discard ------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Report:
    """What became of the letters that were chosen; `refused`: id and why, of the first of them."""

    done: int = 0
    before: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refusals: list[tuple[str, str]] = field(default_factory=list)
    more: bool = False

    def refuse(self, letter: Letter, why: str) -> None:
        self.refused += 1
        if len(self.refusals) < REFUSALS_SAID_MAX:
            self.refusals.append((str(letter.id), why))

    @property
    def found(self) -> int:
        return self.done + sum(self.before.values()) + self.refused


def _act(settings: KafkaSettings, codec: Codec, arguments: argparse.Namespace) -> int:
    wanted = filter_of(arguments)
    if not wanted.narrows and not arguments.all:
        print("say which letters: ids, filters, or --all for every open one", file=sys.stderr)
        return WRONG
    report = Report()
    if arguments.dry_run:
        marks = marking.load(settings, codec)
        for act in _acts(settings, codec, arguments, marks, report):
            where = f" → {act.target.topic}/{act.target.partition}" if act.target else ""
            if not arguments.json:
                print(f"would {arguments.action} {act.letter.id}{where}")
            report.done += 1
    else:
        kafka.create_topics(settings, [])
        writer = Writer(settings, codec)
        marks = marking.load(settings, codec)  # after the writer: it has settled what was left open
        writer.forget(marks.forgotten)
        for chunk in _chunks(_acts(settings, codec, arguments, marks, report)):
            writer.carry_out(chunk)
            report.done += len(chunk)
    return _say(report, arguments)


def _acts(
    settings: KafkaSettings,
    codec: Codec,
    arguments: argparse.Namespace,
    marks: marking.Marks,
    report: Report,
) -> Iterator[Act]:
    """What to do, letter by letter, at most `--limit` of them; the others are noted in the report."""
    targets = _targets(settings, codec, arguments, marks) if arguments.action == "replay" else None
    count = 0
    for letter in select(settings, codec, filter_of(arguments)):
        state = marks.state(letter.id)
        if state != "open":
            report.before[state] += 1
            continue
        target = targets.of(letter) if targets else None
        if isinstance(target, Refusal):
            report.refuse(letter, target.why)
            continue
        if count == arguments.limit:
            report.more = True
            return
        count += 1
        yield Act(letter, target)


def _targets(
    settings: KafkaSettings, codec: Codec, arguments: argparse.Namespace, marks: marking.Marks
) -> Targets:
    """With all that Kafka has to say about where letters may go."""
    wanted = filter_of(arguments)
    late: frozenset[LetterId] = frozenset()
    if DEAD_LETTER_SINKS.name in wanted.dead_letter_topics:
        commands = replace(wanted, dead_letter_topics=(DEAD_LETTER_SINKS.name,))
        found = select(settings, codec, commands)
        still_open = (letter for letter in found if marks.state(letter.id) == "open")
        late = overtaken(settings, codec, still_open)
    return Targets(
        legs_of((*FEEDS, *FLOWS)),
        kafka.partition_counts(settings),
        groups=_worker_groups(settings),
        overtaken=late,
        allowed=Allowed(arguments.even_if_sent, arguments.even_if_overtaken),
    )


def _worker_groups(settings: KafkaSettings) -> frozenset[str] | None:
    """Names of the groups that Kafka knows under our prefix; None where it does not say (librdkafka's mock)."""
    admin = AdminClient(kafka.client_config(settings))
    try:
        listed = admin.list_consumer_groups(request_timeout=kafka.ADMIN_TIMEOUT_S).result()
    except KafkaException:
        return None
    prefix = f"{settings.group_prefix}."
    names = [one.group_id for one in listed.valid if one.group_id.startswith(prefix)]
    return frozenset(name.removeprefix(prefix) for name in names)


def _chunks(acts: Iterator[Act]) -> Iterator[list[Act]]:
    """Bounded in number and bytes: a transaction each."""
    chunk: list[Act] = []
    size = 0
    for act in acts:
        if chunk and (len(chunk) == CHUNK_MAX or size + act.size > CHUNK_BYTES_MAX):
            yield chunk
            chunk, size = [], 0
        chunk.append(act)
        size += act.size
    if chunk:
        yield chunk


def _say(report: Report, arguments: argparse.Namespace) -> int:
    if arguments.json:
        print(json.dumps(_as_json(report, arguments)))
    else:
        would = "would be " if arguments.dry_run else ""
        print(f"{would}{DONE[arguments.action]}: {report.done}", end="")
        print("".join(f", {state} before: {count}" for state, count in report.before.items()))
        for letter, why in report.refusals:
            print(f"{letter}: {why}", file=sys.stderr)
        if report.refused > len(report.refusals):
            print(f"and {report.refused - len(report.refusals)} more", file=sys.stderr)
        if report.more:
            print("there are more: run it again, or raise --limit", file=sys.stderr)
    if not report.found:
        print("no dead letter matches", file=sys.stderr)
        return NOT_FOUND
    return FAILED if report.refused else 0


DONE = {"replay": "replayed", "discard": "discarded"}


def _as_json(report: Report, arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "action": arguments.action,
        "dry_run": arguments.dry_run,
        "done": report.done,
        "before": dict(report.before),
        "refused": report.refused,
        "refusals": [{"id": letter, "why": why} for letter, why in report.refusals],
        "more": report.more,
    }
