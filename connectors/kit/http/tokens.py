"""What calls need of the HTTP client, and the token that they are sent with: one for all who call a platform."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from connectors.kit.auth import AuthError, Session, TokenCall
from connectors.kit.base.clock import Clock
from connectors.kit.base.permit import Permit
from connectors.kit.connector import Request, Response
from connectors.kit.http.client import NoAnswerError

TOKEN_PAUSE_S = 5.0  # after a failed early renewal, while the old token still holds
LOCK_LOOK_S = 1.0  # in one go for another's renewal; in between the permit is looked at
log = logging.getLogger(__name__)


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

    async def headers(self, permit: Permit | None = None) -> Mapping[str, str]:
        """Headers for a request now. Raises AuthError where there is no token to be had, for whatever reason, and
        WithdrawnError where the permit is withdrawn while another renews it.
        """
        now = self._clock.monotonic_s()
        if self._session.wants(now) is None:
            return self._session.headers()
        usable = self._session.usable(now)
        if usable and (self._lock.locked() or now < self._pause_until):
            return self._session.headers()
        await self._locked(permit)
        try:
            await self._renew()
        finally:
            self._lock.release()
        return self._session.headers()

    def refused(self, used: Mapping[str, str]) -> bool:
        """After a 401: whether to try once more, with what `headers` gives then."""
        return self._session.refused(used)

    async def _locked(self, permit: Permit | None) -> None:
        """Who holds the lock has it for a token request at most (TOKEN_TIMEOUT_S)."""
        while True:
            try:
                async with asyncio.timeout(LOCK_LOOK_S):
                    await self._lock.acquire()
                    return
            except TimeoutError:
                if permit is not None:
                    permit.given()

    async def _renew(self) -> None:
        now = self._clock.monotonic_s()
        call = self._session.wants(now)
        if call is None:  # another did it while we waited
            return
        try:
            self._session.learn(await self._http.fetch_token(call), now)
        except (AuthError, NoAnswerError) as error:
            if not self._session.usable(now):
                raise AuthError(error.verdict) from None  # the request itself was not sent
            self._pause_until = now + TOKEN_PAUSE_S
            log.warning("early token renewal failed", extra={"reason": error.verdict.reason})
