"""Drives the generators of connectors: each request paced, authenticated, sent, judged; then the next step.

One `Caller` per platform and process: its pace, its breaker and its token are shared by all who call.
"""

import asyncio
import logging
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from connectors.kit.auth import AuthError
from connectors.kit.base.clock import SYSTEM, Clock
from connectors.kit.base.permit import Permit, WithdrawnError
from connectors.kit.connector import (
    PAUSED,
    Delivered,
    Download,
    MalformedError,
    Misconfigured,
    NotThereError,
    OperationError,
    Pace,
    Pause,
    Platform,
    Rejected,
    Request,
    Response,
    Transient,
)
from connectors.kit.http.breaker import Breaker, BreakerPolicy
from connectors.kit.http.client import NoAnswerError
from connectors.kit.http.downloads import Downloader, LinkError
from connectors.kit.http.drive import Drive, Place
from connectors.kit.http.drive import Refusal as Refusal  # noqa: PLC0414 - what a call may end with
from connectors.kit.http.line import Line
from connectors.kit.http.rate import RateLimiter
from connectors.kit.http.tokens import Authenticator, Sender
from connectors.kit.verdicts import retry_after
from gridwire import metrics

T = TypeVar("T")
BUDGETS_MAX = 64  # of one platform; whatever else it names shares one
CONFIRM_S = 0.05  # until a permit that is not given is asked for again
GATEWAY_STATUSES = frozenset({502, 504})
ROOM_S_MAX = 1.0  # in one go for room; in between the permit is looked at
LOOK_S = 0.05  # while waiting for a pace: an answer may have changed it
WAIT_S_MAX = 1.0  # longer waits look again in between: a breaker may close, an assignment may go
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """The generator came to its end. `requests`: how many it made."""

    value: T
    requests: int


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer, or its absence, ended the generator. `by_steps`: the generator itself judged so."""

    verdict: Refusal
    requests: int
    by_steps: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """A step of the kit's own: waits for the turn of a request like this one. The next request takes it over."""

    like: Request


Step = Request | Pause | Turn | Download


@dataclass(frozen=True, slots=True)
class _Paced:
    """A budget: its pace, and who waits for it."""

    rate: RateLimiter
    line: Line = field(default_factory=Line)


class Caller:
    """Carries out generators against one platform."""

    def __init__(
        self,
        platform: Platform,
        http: Sender,
        clock: Clock = SYSTEM,
        breaker: BreakerPolicy | None = None,
    ) -> None:
        self.platform = platform
        self._http = http
        self._clock = clock
        self._auth = Authenticator(platform.auth.session(), http, clock)
        self._paces: dict[str, _Paced] = {}
        self._room = asyncio.Semaphore(platform.concurrency)
        self._downloads = Downloader(platform.links) if platform.links else None
        self.breaker = Breaker(breaker or BreakerPolicy(), clock.chance)
        self._limit = metrics.RATE_LIMIT.labels(platform.name)
        self._remaining = metrics.RATE_REMAINING.labels(platform.name)
        self._duration = metrics.HTTP_DURATION.labels(platform.name)

    async def run(
        self, steps: Generator[Step, Response, T], permit: Permit | None = None
    ) -> Finished[T] | Refused:
        """Drives `steps` to its end, or to the first answer that it does not expect.

        NotThereError and MalformedError of the generator come through, as does WithdrawnError of the permit; any
        other fault counts as an answer that was not understood: transient, so bounded, and a dead letter in the end.
        The outcome is unknown then where a request was sent that is not idempotent.
        """
        drive = Drive(permit)
        try:
            step = next(steps)
            while drive.goes_on:
                answer = await self._step(step, drive)
                if not isinstance(answer, Response):
                    return Refused(drive.refused(answer), drive.requests)
                step = steps.send(answer)
            return Refused(Rejected(drive.endless()), drive.requests)
        except StopIteration as end:
            return Finished(end.value, drive.requests)
        except OperationError as error:
            self.told(error.verdict)
            return Refused(error.verdict, drive.requests, by_steps=True)
        except (NotThereError, MalformedError, WithdrawnError):
            raise
        except Exception as error:
            log.exception("answer not understood", extra={"platform": self.platform.name})
            reason = f"answer not understood: {type(error).__name__}"
            verdict = drive.refused(Transient(reason, fault=True))
            return Refused(verdict, drive.requests)
        finally:
            steps.close()
            if drive.turn is not None:  # taken, and not needed
                drive.turn.rate.done()
                self.breaker.left()
                self._room.release()

    def told(self, verdict: object) -> None:
        """A verdict that steps found themselves, not in a status: wrong credentials stop everybody."""
        if isinstance(verdict, Misconfigured):
            self._report(verdict)

    # ---- one step ------------------------------------------------------------------------------------------------
    async def _step(self, step: Step, drive: Drive) -> Response | Refusal:
        match step:
            case Request():
                drive.requests += 1
                turn, drive.turn = drive.turn, None
                return await self._call(step, turn or await self._turn(step, drive.permit), drive)
            case Download():
                drive.requests += 1
                return await self._download(step, drive.permit)
            case Pause():
                drive.pauses += 1
                await self._pause(step.seconds, drive.permit)
            case Turn():
                drive.turn = await self._turn(step.like, drive.permit)
        return PAUSED

    async def _download(self, download: Download, permit: Permit | None) -> Response | Refusal:
        """From another host than the platform's own: neither its pace nor its breaker is concerned."""
        if self._downloads is None:
            return Rejected("link refused: the connector names no hosts to download from")
        if permit is not None and not permit.given():
            await permit.wait()
        try:
            return await self._downloads.fetch(download)
        except LinkError as error:
            return error.verdict

    async def _pause(self, seconds: float, permit: Permit | None) -> None:
        """Waits; ends early with WithdrawnError where what we wait for is another's."""
        until = self._clock.monotonic_s() + seconds
        while (left_s := until - self._clock.monotonic_s()) > 0:
            await self._clock.sleep(min(left_s, WAIT_S_MAX))
            if permit is not None:
                permit.given()

    async def _call(self, request: Request, turn: Place, drive: Drive) -> Response | Refusal:
        sent_at = self._clock.monotonic_s()
        rate = turn.rate
        try:
            outcome = await self._outcome(request, turn, drive, sent_at)
        except BaseException:  # given up on our side
            self.breaker.left()
            raise
        finally:
            self._room.release()
        if isinstance(outcome, Transient) and outcome.throttled:
            rate.throttled(sent_at, outcome.after_s, self._clock.monotonic_s())
        self._report(outcome)
        return outcome

    def _pace(self, request: Request) -> "_Paced":
        """The pace of the budget that a request draws on."""
        name = self.platform.budget(request)
        if name not in self._paces and len(self._paces) >= BUDGETS_MAX:
            name = ""
        if name not in self._paces:
            pace = self.platform.paces.get(name) or Pace(self.platform.requests_per_s)
            self._paces[name] = _Paced(RateLimiter(pace.start_per_s, pace.most_per_s))
        return self._paces[name]

    async def _turn(self, request: Request, permit: Permit | None) -> Place:
        """Waits for the permit, for the pace, for the platform's pause to end, for room and for the breaker."""
        pace = self._pace(request)
        while True:
            if permit is not None and not permit.given():
                await permit.wait()
            slot = await self._in_line(pace, permit)
            if slot is not None:
                return Place(pace.rate, slot)

    async def _in_line(self, pace: "_Paced", permit: Permit | None) -> int | None:
        """The call's number at its pace; None where the permit is not given: nobody shall wait behind that."""
        rate, line = pace.rate, pace.line
        ticket = line.join()
        try:
            while permit is None or permit.given():
                if not line.leads(ticket):
                    await line.wait(ticket, WAIT_S_MAX)
                elif (wait_s := await self._wait_s(rate, permit)) > 0:
                    await self._clock.sleep(min(wait_s, LOOK_S))
                else:
                    return rate.take(self._clock.monotonic_s())
            return None
        finally:
            line.leave(ticket)

    async def _wait_s(self, rate: RateLimiter, permit: Permit | None) -> float:
        """0: go, there is room and all is well. Else the seconds after which to look again. Raises WithdrawnError."""
        wait_s = rate.wait_s(self._clock.monotonic_s())
        if wait_s > 0:
            return wait_s
        if not await self._has_room():
            return LOOK_S
        wait_s = CONFIRM_S
        try:
            if permit is None or permit.given():
                now = self._clock.monotonic_s()
                wait_s = rate.wait_s(now) or self.breaker.enter(now)
        finally:
            if wait_s > 0:
                self._room.release()
        return wait_s

    async def _has_room(self) -> bool:
        """Takes room for a call. False: there was none for ROOM_S_MAX, so look whether the call is still ours."""
        if not self._room.locked():
            return await self._room.acquire()  # at once
        try:
            async with asyncio.timeout(ROOM_S_MAX):
                return await self._room.acquire()
        except TimeoutError:
            return False

    async def _outcome(
        self, request: Request, turn: Place, drive: Drive, sent_at: float
    ) -> Response | Refusal:
        try:
            answer = await self._exchange(request, turn.rate, drive)
        except AuthError as error:
            if drive.permit is not None:
                drive.permit.used()  # an attempt nevertheless
            return error.verdict
        except NoAnswerError as error:
            metrics.HTTP_REQUESTS.labels(self.platform.name, request.method, "none").inc()
            return _unanswered(request, error)
        self._learn(turn, answer, sent_at)
        verdict = self._judge(request, answer)
        if not isinstance(verdict, Delivered):
            return _by_gateway(request, answer, verdict)
        drive.taken = drive.taken or (not request.idempotent and answer.status < 300)
        return answer

    async def _exchange(self, request: Request, rate: RateLimiter, drive: Drive) -> Response:
        """Sends; after a 401 once more with a new token, where there is one to be had."""
        try:
            headers = await self._headers(drive.permit)
            drive.sent = drive.sent or not request.idempotent
            answer = await self._counted(request, headers)
            if answer.status == 401 and 401 not in request.expect and self._auth.refused(headers):
                return await self._counted(request, await self._headers(drive.permit))
            return answer
        finally:
            rate.done()

    async def _headers(self, permit: Permit | None) -> Mapping[str, str]:
        """What to send with, right now: a token may have taken long, so the permit is asked again after it."""
        headers = await self._auth.headers(permit)
        if permit is not None:
            while not permit.given():
                await permit.wait()
                headers = await self._auth.headers(permit)
            permit.used()
        return headers

    async def _counted(self, request: Request, headers: Mapping[str, str]) -> Response:
        begun = self._clock.monotonic_s()
        answer = await self._http.exchange(request, headers)
        self._duration.observe(self._clock.monotonic_s() - begun)
        status = str(answer.status)
        metrics.HTTP_REQUESTS.labels(self.platform.name, request.method, status).inc()
        return answer

    def _judge(self, request: Request, answer: Response) -> Delivered | Refusal:
        if answer.status in request.expect:
            return Delivered()
        try:
            return self.platform.verdict(request, answer)
        except Exception as error:
            log.exception("verdict failed", extra={"platform": self.platform.name})
            reason = f"verdict failed: {type(error).__name__}"
            if answer.status == 429:  # whatever its body
                return Transient(reason, retry_after(answer, self._clock.epoch_s()), throttled=True)
            return Transient(reason, outcome_unknown=not request.idempotent, fault=True)

    def _learn(self, turn: Place, answer: Response, sent_at: float) -> None:
        """The platform's budget, out of an answer's headers. A fault there must not lose the answer."""
        now = self._clock.monotonic_s()
        try:
            advice = self.platform.rate(answer, self._clock.epoch_s())
            if advice is None:
                return
            turn.rate.learn(turn.slot, advice, sent_at, now)
        except Exception:
            log.exception("rate headers not understood", extra={"platform": self.platform.name})
            return
        self._limit.set(turn.rate.per_s(now))
        if advice.remaining is not None:
            self._remaining.set(advice.remaining)

    def _report(self, outcome: Response | Refusal) -> None:
        """Tells the breaker. A refusal is an answer too: the platform is there."""
        now = self._clock.monotonic_s()
        was_closed = self.breaker.closed
        match outcome:
            case Misconfigured():
                self.breaker.misconfigured(outcome.reason, now)
            case Transient() if outcome.throttled:
                self.breaker.left()
            case Transient() if not outcome.early:
                self.breaker.failed(now)
            case _:
                self.breaker.succeeded()
        if was_closed != self.breaker.closed:
            self._announce(outcome)

    def _announce(self, outcome: Response | Refusal) -> None:
        is_open = not self.breaker.closed
        metrics.BREAKER_OPEN.labels(self.platform.name).set(is_open)
        reason = "" if isinstance(outcome, Response) else outcome.reason
        log.warning(
            "breaker opened" if is_open else "breaker closed",
            extra={"platform": self.platform.name, "reason": reason},
        )


def _by_gateway(request: Request, answer: Response, refusal: Refusal) -> Refusal:
    """A gateway that had no answer does not say whether the platform behind it has done what was asked."""
    if answer.status in GATEWAY_STATUSES and isinstance(refusal, Transient):
        return replace(refusal, outcome_unknown=refusal.outcome_unknown or not request.idempotent)
    return refusal


def _unanswered(request: Request, error: NoAnswerError) -> Transient | Misconfigured:
    """No answer: where the request may have had its effect, sending it again may do it twice."""
    if isinstance(error.verdict, Transient) and error.sent and not request.idempotent:
        return replace(error.verdict, outcome_unknown=True)
    return error.verdict
