"""A page of a poll into Kafka: its records and the checkpoint after it, in one transaction. Everything here blocks."""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from connectors.kit.base.clock import Clock
from connectors.kit.connector import Page, Poll
from connectors.kit.output.letters import letters_of_raw
from connectors.kit.output.messages import Messages
from connectors.kit.output.output import Output
from gridwire import metrics
from gridwire.codec import CodecError
from gridwire.dead_letters import Why, count
from gridwire.ids import derived
from gridwire.records import Checkpoint, Record
from gridwire.topics import CHECKPOINTS, DEAD_LETTER_SOURCES, Topic

TOLD_MS = 86_400_000  # a sweep writes again what nobody has told of for so long before it began
MISSED = "missed by webhooks"
DIFFERED = "differed from what was told"
Produced = tuple[Topic[Any], Record]


class Store(Protocol):
    """Checkpoints, as a poller sees them. `open` and `commit` block."""

    def open(self) -> str | None: ...

    def commit(self, outputs: Sequence[Output]) -> None: ...

    def record(self, cursor: str, now_ms: int) -> Checkpoint: ...


class Known(Protocol):
    """What a topic holds already."""

    def among(self, ids: Collection[str], since_ms: int) -> set[str]:
        """Those of `ids` that it holds in records written since then. Raises KafkaException."""

    def states(self, keys: Collection[str], since_ms: int) -> dict[str, bytes]:
        """Digests of the newest versions under these keys, written since then. Raises KafkaException."""


@dataclass(slots=True)
class Draft:
    """A page on its way: what is written, and what is noted once it is committed."""

    outputs: list[Output] = field(default_factory=list)
    letters: list[Why] = field(default_factory=list)
    topics: Counter[str] = field(default_factory=Counter)
    findings: dict[str, int] = field(default_factory=dict)


class PageWriter:
    """Writes pages of one poll, one at a time."""

    def __init__(
        self,
        platform: str,
        poll: Poll,
        messages: Messages,
        store: Store,
        *,
        clock: Clock,
        known: Known | None = None,
    ) -> None:
        self._platform = platform
        self._poll = poll
        self._messages = messages
        self._store = store
        self._clock = clock
        self._known = known
        self._source = f"{platform}/poll"

    def write(self, page: Page, checkpoint: str | None = None) -> int:
        """The page and its checkpoint (`page.cursor`, or the one given), all or nothing; how many records.

        Raises CommitFailedError, ProducerBrokenError, KafkaException, RegistryUnavailableError.
        """
        draft = self._draft(page)
        cursor = page.cursor if checkpoint is None else checkpoint
        after = self._messages.stamped(
            self._store.record(cursor, self._clock.epoch_ms()),
            source=self._source,
            seed=f"{self._poll.resource}|{cursor}",
        )
        draft.outputs.append(self._messages.write_here(CHECKPOINTS, after))
        self._store.commit(draft.outputs)
        self._note(draft)
        return draft.topics.total()

    # ---- what is written -----------------------------------------------------------------------------------------
    def _draft(self, page: Page) -> Draft:
        draft = Draft()
        for topic, record in self._new(self._identified(page.records), draft):
            output = self._output(topic, record)
            if isinstance(output, Why):
                draft.letters.append(output)
                draft.outputs += letters_of_raw(output, self._name, msgspec.json.encode(record))
            else:
                draft.outputs.append(output)
                draft.topics[topic.name] += 1
        for raw, reason in page.broken:
            why = Why("object cannot be read", self._source, detail=reason)
            draft.letters.append(why)
            draft.outputs += letters_of_raw(why, self._name, raw)
        return draft

    @property
    def _name(self) -> str:
        return f"{self._platform}/{self._poll.resource}"

    def _identified(self, records: Sequence[Produced]) -> list[Produced]:
        """With ids. A connector gives those that a webhook of the same version gives; others are of the content."""
        return [
            (
                topic,
                self._messages.stamped(
                    record, source=self._source, seed=record.event_id or self._seed(topic, record)
                ),
            )
            for topic, record in records
        ]

    def _seed(self, topic: Topic[Any], record: Record) -> str:
        mark = record.version or digest(record).hex()
        return derived(self._poll.resource, topic.key(record), mark, record.occurred_at)

    def _output(self, topic: Topic[Any], record: Record) -> Output | Why:
        try:
            return self._messages.write_here(topic, record)
        except CodecError as error:
            return Why(error.reason, self._source, detail=str(error), error=error)

    # ---- what is left out ----------------------------------------------------------------------------------------
    def _new(self, records: list[Produced], draft: Draft) -> list[Produced]:
        """Without what the poll's topic of comparison holds already; records of other topics stay."""
        known, topic = self._known, self._poll.known
        compared = [record for to, record in records if to is topic]
        if known is None or topic is None or not compared:
            return records
        if self._poll.sweep:
            fresh = self._changed(known, topic, compared, draft)
        else:
            fresh = _missed(known, compared, draft)
        kept = {id(record) for record in fresh}
        return [(to, record) for to, record in records if to is not topic or id(record) in kept]

    def _changed(
        self, known: Known, topic: Topic[Any], records: list[Record], draft: Draft
    ) -> list[Record]:
        """Those that say something else than was last told under their key, whoever told it."""
        keys = {topic.key(record) for record in records}
        told = known.states(keys, self._clock.epoch_ms() - TOLD_MS)
        changed = [one for one in records if told.get(topic.key(one)) != digest(one)]
        draft.findings[DIFFERED] = sum(topic.key(one) in told for one in changed)
        return changed

    # ---- once it is committed ------------------------------------------------------------------------------------
    def _note(self, draft: Draft) -> None:
        for why in draft.letters:
            count(DEAD_LETTER_SOURCES, why)
        for topic, records in draft.topics.items():
            metrics.RECORDS_PRODUCED.labels(topic).inc(records)
        for finding, found in draft.findings.items():
            if found:
                labels = (self._platform, self._poll.resource, finding)
                metrics.POLL_FINDINGS.labels(*labels).inc(found)


def _missed(known: Known, records: list[Record], draft: Draft) -> list[Record]:
    """Those whose ids are not known."""
    since_ms = min(record.occurred_at for record in records)
    held = known.among({record.event_id for record in records}, since_ms)
    missed = [record for record in records if record.event_id not in held]
    draft.findings[MISSED] = len(missed)
    return missed


def digest(record: Record) -> bytes:
    """Of what a record says, without its header: two readings of one state are alike."""
    bare = msgspec.structs.replace(
        record,
        event_id="",
        occurred_at=0,
        produced_at=0,
        source="",
        version=0,
        trace_id="",
        causation_id=None,
    )
    return hashlib.blake2b(msgspec.json.encode(bare), digest_size=16).digest()
