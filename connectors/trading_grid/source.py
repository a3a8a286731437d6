"""How Trading Grid's changes reach gridwire: webhooks, what completes them, and five polls."""

from collections.abc import Callable, Generator
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.kit.auth import ClientCredentials
from connectors.kit.connector import (
    Fetched,
    MalformedError,
    NotThereError,
    Page,
    Platform,
    Poll,
    Request,
    Response,
    Route,
    Source,
)
from connectors.kit.cursors import Chain, Chains
from connectors.kit.reading import ms_iso
from connectors.kit.signatures import StandardWebhooks, whsec_key
from connectors.trading_grid import documents, paging, verdicts, wire
from connectors.trading_grid.feed import EventFeed
from connectors.trading_grid.probes import probes
from connectors.trading_grid.settings import TradingGridSettings, check
from connectors.trading_grid.shapes import AvailabilityJson, PartnerJson, ThreadJson, mapped
from gridwire.records import Notice, Record
from gridwire.settings import Secret, SettingsError
from gridwire.topics import (
    TRADING_GRID_AVAILABILITY,
    TRADING_GRID_DOCUMENTS,
    TRADING_GRID_NOTICES,
    TRADING_GRID_PARTNERS,
    TRADING_GRID_THREADS,
    Topic,
)

WEBHOOK_BODY_BYTES_MAX = 100_000  # semi-thin: 20 kB at most
DAY_MS = 86_400_000
CLOCKS_APART_MS = 60_000  # between an event's time and `updated_at` of its object
EXPIRED = frozenset({400, 410})  # a cursor that is not taken any more
FetchSteps = Generator[Request, Response, Fetched]
PageSteps = Generator[Request, Response, Page]
ToRecord = Callable[[Any], Record]


def platform(settings: TradingGridSettings) -> Platform:
    """The community's API."""
    headers = {"accept": "application/json"}
    if settings.community_id is not None:
        headers[settings.community_header.lower()] = settings.community_id
    return Platform(
        name="trading-grid",
        base_url=settings.base_url,
        auth=ClientCredentials(
            token_url=settings.token_url,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            scope=settings.scope,
        ),
        verdict=verdicts.verdict,
        rate=verdicts.rate,
        requests_per_s=settings.requests_per_s,
        concurrency=settings.concurrency,
        headers=headers,
        probes=probes(settings),
    )


def source(settings: TradingGridSettings) -> Source:
    """Raises SettingsError where a webhook secret or another setting does not fit."""
    check(settings)
    reader = Reader(settings)
    return Source(
        platform=platform(settings),
        routes=(route(settings),),
        notices=TRADING_GRID_NOTICES,
        fetches={
            wire.THREAD: reader.fetch_thread,
            wire.PARTNER: reader.fetch_partner,
            wire.AVAILABILITY: reader.fetch_availability,
            wire.DOCUMENT: reader.fetch_document,
        },
        polls=polls(settings, reader),
        webhooks_only=(
            "comments on and attachments of threads, acknowledgements of documents, beyond 7 days",
        ),
    )


def polls(settings: TradingGridSettings, reader: "Reader") -> tuple[Poll, ...]:
    """Objects by time of change, and the feed of events for what webhooks have not brought."""
    return (
        Poll("trading-grid.partners", settings.partners_poll_s, reader.poll_partners, between),
        Poll("trading-grid.threads", settings.threads_poll_s, reader.poll_threads, between),
        Poll(
            "trading-grid.availability",
            settings.availability_poll_s,
            reader.poll_availability,
            between,
        ),
        Poll("trading-grid.documents", settings.documents_poll_s, reader.poll_documents, between),
        Poll(
            "trading-grid.events",
            settings.events_poll_s,
            EventFeed(settings).poll,
            between,
            known=TRADING_GRID_NOTICES,
        ),
    )


def between(since_ms: int, _until_ms: int) -> str:
    """The checkpoint to read from a time on. Lists have no upper end: what is later is left out."""
    return Chain(since_ms=max(1, since_ms)).encoded()


def route(settings: TradingGridSettings) -> Route:
    """POST /trading-grid/webhooks."""
    keys = [_key("TG_WEBHOOK_SECRET", settings.webhook_secret)]
    if settings.webhook_secret_previous is not None:
        keys.append(_key("TG_WEBHOOK_SECRET_PREVIOUS", settings.webhook_secret_previous))
    return Route(
        name="trading-grid.webhooks",
        path="/trading-grid/webhooks",
        verify=(StandardWebhooks(tuple(keys)),),
        read=wire.intake,
        body_bytes_max=WEBHOOK_BODY_BYTES_MAX,
    )


def _key(variable: str, secret: Secret) -> bytes:
    try:
        return whsec_key(secret)
    except ValueError as error:
        raise SettingsError([f"{variable}: {error}"]) from error


class Reader:
    """Reads objects of the community: for notices and for polls alike."""

    def __init__(self, settings: TradingGridSettings) -> None:
        self._settings = settings
        self._chains = Chains(settings.poll_overlap_s * 1_000)

    def thread_of(self, found: Any) -> ThreadJson:
        return mapped(found, "thread", ThreadJson, self._settings.fields)

    def partner_of(self, found: Any) -> PartnerJson:
        return mapped(found, "partner", PartnerJson, self._settings.fields)

    def availability_of(self, found: Any) -> AvailabilityJson:
        return mapped(found, "availability", AvailabilityJson, self._settings.fields)

    # ---- fetches ---------------------------------------------------------------------------------
    def fetch_thread(self, notice: Notice) -> FetchSteps:
        """The thread of a notice. Raises NotThereError, MalformedError."""
        found = self.thread_of((yield from self._object("threads", notice)))
        _not_behind(found.version, notice)
        record = wire.noticed_thread(found, notice, self._settings)
        return ((TRADING_GRID_THREADS, record),)

    def fetch_partner(self, notice: Notice) -> FetchSteps:
        """The partner of a notice. Raises NotThereError, MalformedError."""
        found = self.partner_of((yield from self._object("partners", notice)))
        _not_behind(found.version, notice)
        return ((TRADING_GRID_PARTNERS, wire.partner(found, notice)),)

    def fetch_document(self, notice: Notice) -> FetchSteps:
        """The document of a notice. Raises NotThereError, MalformedError."""
        found = yield from self._object("documents", notice)
        read = documents.document_of(found, self._settings)
        _not_behind(read.version, notice)
        return ((TRADING_GRID_DOCUMENTS, documents.noticed(read, notice)),)

    def _object(self, resource: str, notice: Notice) -> Generator[Request, Response, Any]:
        path = f"{self._settings.path(resource)}/{quote(notice.resource_id, safe='')}"
        response = yield Request("GET", path, expect=frozenset({404}))
        if response.status == 404:
            raise NotThereError(f"{resource}: 404")
        return response.json()

    def fetch_availability(self, notice: Notice) -> FetchSteps:
        """The update of a notice. The contract has no read by id: it is looked for in the list.

        Raises NotThereError, MalformedError.
        """
        query = {"updated_since": ms_iso(max(0, notice.occurred_at - CLOCKS_APART_MS))}
        if "partner_id" in notice.detail:
            query["partner_id"] = notice.detail["partner_id"]
        listed = yield from paging.rows(self._settings.path("availability"), query)
        for row in listed:
            if row.get("id") == notice.resource_id:
                found = self.availability_of(row)
                _not_behind(found.version, notice)
                return ((TRADING_GRID_AVAILABILITY, wire.availability(found, notice)),)
        raise NotThereError("availability: not in the list of recent updates")

    # ---- polls -----------------------------------------------------------------------------------
    def poll_partners(self, checkpoint: str | None, now_ms: int) -> PageSteps:
        """One page of changed partners; all of them at first."""
        at = self._chains.begin(checkpoint, now_ms, 0, paging.earlier)
        return self._poll("partners", at, TRADING_GRID_PARTNERS, self._partner)

    def poll_threads(self, checkpoint: str | None, now_ms: int) -> PageSteps:
        """One page of changed threads."""
        at = self._chains.begin(checkpoint, now_ms, self._first_ms(now_ms), paging.earlier)
        return self._poll("threads", at, TRADING_GRID_THREADS, self._thread)

    def poll_availability(self, checkpoint: str | None, now_ms: int) -> PageSteps:
        """One page of changed availability updates."""
        at = self._chains.begin(checkpoint, now_ms, self._first_ms(now_ms), paging.earlier)
        return self._poll("availability", at, TRADING_GRID_AVAILABILITY, self._availability)

    def poll_documents(self, checkpoint: str | None, now_ms: int) -> PageSteps:
        """One page of changed documents."""
        at = self._chains.begin(checkpoint, now_ms, self._first_ms(now_ms), paging.earlier)
        return self._poll("documents", at, TRADING_GRID_DOCUMENTS, self._document)

    def _first_ms(self, now_ms: int) -> int:
        return now_ms - self._settings.backfill_days * DAY_MS

    def _partner(self, row: Any) -> Record:
        return wire.partner(self.partner_of(row), None)

    def _thread(self, row: Any) -> Record:
        return wire.polled_thread(self.thread_of(row), self._settings)

    def _availability(self, row: Any) -> Record:
        return wire.availability(self.availability_of(row), None)

    def _document(self, row: Any) -> Record:
        return documents.polled(documents.document_of(row, self._settings))

    def _poll(self, resource: str, at: Chain, topic: Topic[Any], to_record: ToRecord) -> PageSteps:
        refused = EXPIRED if at.cursor else frozenset()
        path = self._settings.path(resource)
        try:
            one = yield from paging.page(path, paging.since(at), at.cursor, expect=refused)
        except NotThereError:  # the cursor has grown too old
            return Page((), self._chains.expired(at).encoded(), more=True)
        records, broken = [], []
        for row in one.data:
            try:
                records.append((topic, to_record(row)))
            except MalformedError as error:
                broken.append((msgspec.json.encode(row), str(error)))
        page = one.page
        after = self._chains.after(
            at, page.next_cursor, more=page.has_more, times=paging.times(one)
        )
        return Page(tuple(records), after.encoded(), page.has_more, tuple(broken))


def _not_behind(version: int, notice: Notice) -> None:
    """A read that is behind its notice is not there yet. Raises NotThereError."""
    if version < notice.version:
        raise NotThereError(f"{notice.resource}: read at a version before the notice's")
