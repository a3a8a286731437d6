"""Drives the generators of connectors: each request paced, authenticated, sent, judged; then the next step.

One `Caller` per platform and process: its pace, its breaker and its token are shared by all who call.
"""

import asyncio
import logging
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from connectors.kit.auth import AuthError, Session, TokenCall
from connectors.kit.breaker import Breaker, BreakerPolicy
from connectors.kit.clock import SYSTEM, Clock
from connectors.kit.connector import (
    Delivered,
    MalformedError,
    Misconfigured,
    NotThereError,
    OperationError,
    Platform,
    Rejected,
    Request,
    Response,
    Transient,
)
from connectors.kit.http import NoAnswerError
from connectors.kit.rate import RateLimiter
from connectors.kit.work import Permit, WithdrawnError
from gridwire import metrics

T = TypeVar("T")
BUDGETS_MAX = 64  # of one platform; whatever else it names shares one
REQUESTS_MAX = 1_000  # of one generator: a paging loop that never ends is a fault
TOKEN_PAUSE_S = 5.0  # after a failed early renewal, while the old token still holds
WAIT_S_MAX = 1.0  # longer waits look again in between: a breaker may close, an assignment may go
log = logging.getLogger(__name__)

Refusal = Transient | Rejected | Misconfigured


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """The generator came to its end. `requests`: how many it made."""

    value: T
    requests: int


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer, or its absence, ended the generator."""

    verdict: Refusal
    requests: int


class Sender(Protocol):
    """What the HTTP client offers."""

    async def exchange(self, request: Request, headers: Mapping[str, str]) -> Response: ...

    async def fetch_token(self, call: TokenCall) -> Response: ...


class Authenticator:
    """Keeps a session's token fresh: renewed early, by one at a time, once more after a 401."""

    def __init__(self, session: Session, http: Sender, clock: Clock) -> None:
        self._session = session
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._pause_until = 0.0

    async def headers(self) -> Mapping[str, str]:
        """Headers for a request now. Raises AuthError or NoAnswerError where there is no token to be had."""
        now = self._clock.monotonic_s()
        if self._session.wants(now) is None:
            return self._session.headers()
        usable = self._session.usable(now)
        if usable and (self._lock.locked() or now < self._pause_until):
            return self._session.headers()
        async with self._lock:
            await self._renew()
        return self._session.headers()

    def refused(self, used: Mapping[str, str]) -> bool:
        """After a 401: whether to try once more, with what `headers` gives then."""
        return self._session.refused(used)

    async def _renew(self) -> None:
        now = self._clock.monotonic_s()
        call = self._session.wants(now)
        if call is None:  # another did it while we waited
            return
        try:
            self._session.learn(await self._http.fetch_token(call), now)
        except (AuthError, NoAnswerError) as error:
            if not self._session.usable(now):
                raise
            self._pause_until = now + TOKEN_PAUSE_S
            log.warning("early token renewal failed", extra={"reason": error.verdict.reason})


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
        self._rates: dict[str, RateLimiter] = {}
        self.breaker = Breaker(breaker or BreakerPolicy(), clock.chance)
        self._limit = metrics.RATE_LIMIT.labels(platform.name)
        self._remaining = metrics.RATE_REMAINING.labels(platform.name)
        self._duration = metrics.HTTP_DURATION.labels(platform.name)

    async def run(
        self, steps: Generator[Request, Response, T], permit: Permit | None = None
    ) -> Finished[T] | Refused:
        """Drives `steps` to its end, or to the first answer that it does not expect.

        NotThereError and MalformedError of the generator come through, as does WithdrawnError of the permit; any
        other fault counts as an answer that was not understood: transient, so bounded, and a dead letter in the end.
        """
        requests = 0
        try:
            request = next(steps)
            while requests < REQUESTS_MAX:
                requests += 1
                answer = await self._call(request, permit)
                if not isinstance(answer, Response):
                    return Refused(answer, requests)
                request = steps.send(answer)
            return Refused(Rejected(f"more than {REQUESTS_MAX} requests for one record"), requests)
        except StopIteration as end:
            return Finished(end.value, requests)
        except OperationError as error:
            if isinstance(error.verdict, Misconfigured):
                self._report(error.verdict)
            return Refused(error.verdict, requests)
        except (NotThereError, MalformedError, WithdrawnError):
            raise
        except Exception as error:
            log.exception("answer not understood", extra={"platform": self.platform.name})
            return Refused(Transient(f"answer not understood: {type(error).__name__}"), requests)
        finally:
            steps.close()

    # ---- one request ---------------------------------------------------------------------------------------------
    async def _call(self, request: Request, permit: Permit | None) -> Response | Refusal:
        rate = self._rate(request)
        slot = await self._turn(rate, permit)
        sent_at = self._clock.monotonic_s()
        try:
            outcome = await self._outcome(request, rate, slot, sent_at)
        except BaseException:  # given up on our side
            self.breaker.left()
            raise
        if isinstance(outcome, Transient) and outcome.throttled:
            rate.throttled(sent_at, outcome.after_s, self._clock.monotonic_s())
        self._report(outcome)
        return outcome

    def _rate(self, request: Request) -> RateLimiter:
        """The pace of the budget that a request draws on."""
        name = self.platform.budget(request)
        if name not in self._rates and len(self._rates) >= BUDGETS_MAX:
            name = ""
        if name not in self._rates:
            self._rates[name] = RateLimiter(self.platform.requests_per_s)
        return self._rates[name]

    async def _outcome(
        self, request: Request, rate: RateLimiter, slot: int, sent_at: float
    ) -> Response | Refusal:
        try:
            answer = await self._exchange(request)
        except AuthError as error:
            return error.verdict
        except NoAnswerError as error:
            metrics.HTTP_REQUESTS.labels(self.platform.name, request.method, "none").inc()
            return _unanswered(request, error)
        self._learn(rate, slot, answer, sent_at)
        verdict = self._judge(request, answer)
        return answer if isinstance(verdict, Delivered) else verdict

    async def _turn(self, rate: RateLimiter, permit: Permit | None) -> int:
        """Waits for a slot, for the platform's pause to end, for the breaker and for the permit."""
        slot, wait_s = rate.reserve(self._clock.monotonic_s())
        if wait_s > 0:
            await self._clock.sleep(wait_s)
        while True:
            if permit is not None and not permit.given():
                await permit.wait()
            now = self._clock.monotonic_s()
            wait_s = rate.blocked_s(now) or self.breaker.enter(now)
            if wait_s <= 0:
                if permit is not None:
                    permit.used()
                return slot
            await self._clock.sleep(min(wait_s, WAIT_S_MAX))

    async def _exchange(self, request: Request) -> Response:
        """Sends; after a 401 once more with a new token, where there is one to be had."""
        headers = await self._auth.headers()
        answer = await self._counted(request, headers)
        if answer.status == 401 and 401 not in request.expect and self._auth.refused(headers):
            return await self._counted(request, await self._auth.headers())
        return answer

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
            return Transient(f"verdict failed: {type(error).__name__}")

    def _learn(self, rate: RateLimiter, slot: int, answer: Response, sent_at: float) -> None:
        """The platform's budget, out of an answer's headers. A fault there must not lose the answer."""
        try:
            advice = self.platform.rate(answer, self._clock.epoch_s())
        except Exception:
            log.exception("rate headers not understood", extra={"platform": self.platform.name})
            return
        if advice is None:
            return
        now = self._clock.monotonic_s()
        rate.learn(slot, advice, sent_at, now)
        self._limit.set(rate.per_s(now))
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


def _unanswered(request: Request, error: NoAnswerError) -> Transient | Misconfigured:
    """No answer: where the request may have had its effect, sending it again may do it twice."""
    if isinstance(error.verdict, Transient) and error.sent and not request.idempotent:
        return replace(error.verdict, outcome_unknown=True)
    return error.verdict
