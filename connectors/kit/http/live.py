"""Whether a platform lets us in: the probes that its connector declares, sent one after another, changing nothing.

A probe is refused (401, 403), unanswered (the platform is away, or says later), odd (an answer that neither shows the
permission nor its lack), or well; where only the token's scope was looked at, the reason says so. Once the credentials
themselves are refused the rest is not asked: a platform may lock out who keeps on trying. The credentials are well
where a token was given for them, or an answer shows that they were taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from connectors.kit.auth import AuthError, Session
from connectors.kit.base.clock import SYSTEM, Clock
from connectors.kit.connector import (
    Delivered,
    Misconfigured,
    Platform,
    Probe,
    Request,
    Response,
    Transient,
)
from connectors.kit.http.client import HttpClient, NoAnswerError
from connectors.kit.http.tokens import Sender

PROBE_TIMEOUT_S = 15.0
CREDENTIALS = "credentials"
IN_SCOPE = "in the token's scope; not tried"
State = Literal["well", "refused", "unanswered", "odd", "not asked"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a probe. `reason`: what was answered and what to do about it, or what was looked at instead.

    `entered`: the answer shows that the credentials were taken.
    """

    platform: str
    probe: str
    state: State
    reason: str = ""
    optional: bool = False
    entered: bool = False

    @property
    def failed(self) -> bool:
        return self.state != "well" and not self.optional


async def look(platform: Platform, clock: Clock = SYSTEM) -> list[Finding]:
    """Findings of one platform: its credentials first, then each of its probes."""
    http = HttpClient(platform.base_url, platform.headers, 1)
    try:
        return await _look(platform, http, clock)
    finally:
        await http.close()


async def _look(platform: Platform, http: Sender, clock: Clock) -> list[Finding]:
    session = platform.auth.session()
    given = session.wants(clock.monotonic_s()) is not None
    found: list[Finding] = []
    try:
        scopes = await _token(session, http, clock)
    except (AuthError, NoAnswerError) as error:
        state: State = "unanswered" if isinstance(error.verdict, Transient) else "refused"
        found.append(Finding(platform.name, CREDENTIALS, state, error.verdict.reason))
        return found + _not_asked(platform, platform.probes)
    for number, probe in enumerate(platform.probes):
        one = await _probed(platform, probe, session, http, scopes)
        found.append(one)
        if one.probe == CREDENTIALS:
            return found + _not_asked(platform, platform.probes[number:])
    return [_credentials(platform, found, given=given), *found]


def _credentials(platform: Platform, found: Sequence[Finding], *, given: bool) -> Finding:
    """`given`: a token was. Else an answer must show that the credentials were taken."""
    if given or any(one.entered for one in found):
        return Finding(platform.name, CREDENTIALS, "well")
    states = {one.state for one in found}
    state: State = next((one for one in ("unanswered", "odd") if one in states), "not asked")
    reason = "no answer shows whether they are taken"
    return Finding(platform.name, CREDENTIALS, state, reason)


def _not_asked(platform: Platform, probes: Sequence[Probe]) -> list[Finding]:
    return [Finding(platform.name, one.name, "not asked", optional=one.optional) for one in probes]


async def _token(session: Session, http: Sender, clock: Clock) -> frozenset[str] | None:
    """The scopes of a fresh token; None where there is none, or its answer does not say.

    Raises AuthError, NoAnswerError.
    """
    now_s = clock.monotonic_s()
    call = session.wants(now_s)
    if call is None:
        return None
    answer = await http.fetch_token(call)
    session.learn(answer, now_s)
    body = answer.json()
    granted = body.get("scope") if isinstance(body, dict) else None
    asked = granted if isinstance(granted, str) else call.form.get("scope")
    return frozenset(asked.split()) if asked else None


async def _probed(
    platform: Platform,
    probe: Probe,
    session: Session,
    http: Sender,
    scopes: frozenset[str] | None,
) -> Finding:
    if probe.scope and scopes is not None and probe.scope not in scopes:
        reason = f"the token lacks the scope {probe.scope}: {probe.fix}"
        return Finding(platform.name, probe.name, "refused", reason, probe.optional)
    if probe.request is None:
        return _by_scope(platform, probe, scopes)
    request = replace(probe.request, timeout_s=PROBE_TIMEOUT_S)
    try:
        answer = await http.exchange(request, session.headers())
    except NoAnswerError as error:
        state: State = "unanswered" if isinstance(error.verdict, Transient) else "refused"
        return Finding(platform.name, probe.name, state, error.verdict.reason, probe.optional)
    return _judged(platform, probe, request, answer)


def _by_scope(platform: Platform, probe: Probe, scopes: frozenset[str] | None) -> Finding:
    """Of what is not tried, as far as the token tells."""
    if scopes is None or not probe.scope:
        reason = f"not tried, and the token does not say its scopes: {probe.fix}"
        return Finding(platform.name, probe.name, "not asked", reason, probe.optional)
    return Finding(platform.name, probe.name, "well", IN_SCOPE, probe.optional)


def _judged(platform: Platform, probe: Probe, request: Request, answer: Response) -> Finding:
    """`Request.expect` names what shows the permission as well as a success does: our empty request is not valid."""
    name, optional = probe.name, probe.optional
    verdict = platform.verdict(request, answer)
    if answer.status == 401:
        return Finding(platform.name, CREDENTIALS, "refused", _reason(verdict, answer))
    if answer.status == 403:
        reason = f"status 403: {probe.fix}"
        return Finding(platform.name, name, "refused", reason, optional, entered=True)
    if isinstance(verdict, Delivered) or answer.status in request.expect:
        return Finding(platform.name, name, "well", optional=optional, entered=True)
    if isinstance(verdict, Transient):
        reason = f"status {answer.status}: {verdict.reason}; try again later"
        return Finding(platform.name, name, "unanswered", reason, optional)
    return Finding(platform.name, name, "odd", _reason(verdict, answer), optional)


def _reason(verdict: object, answer: Response) -> str:
    told = getattr(verdict, "reason", "") if isinstance(verdict, Misconfigured) else ""
    return f"status {answer.status}: {told or 'the platform is not what its settings say'}"
