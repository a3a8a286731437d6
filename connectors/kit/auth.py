"""How we prove who we are. An auth value is configuration; `session()` gives its running state, without any I/O.

    session = platform.auth.session()
    call = session.wants(now_s)          # a token request to make first, or None
    session.learn(response, now_s)       # its answer; raises AuthError
    headers = session.headers()

The kit's HTTP client drives this: it refreshes early, one refresh at a time, and once more after a 401.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from connectors.kit.connector import Misconfigured, Response, Transient
from gridwire.quiet import keep_quiet
from gridwire.settings import Secret

EARLY_S = (
    60.0  # a token is renewed this long before it ends, or at half its life if that is shorter
)
LIFETIME_S_DEFAULT = 300.0  # where the token endpoint does not say
OAUTH_ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)  # RFC 6749, 5.2: safe to repeat in a log


class AuthError(Exception):
    """No token. The verdict says whether to try again or to stop."""

    def __init__(self, verdict: Transient | Misconfigured) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class TokenCall:
    """A POST of a form to an absolute URL."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)


class Session(Protocol):
    """The running state of an auth value."""

    def wants(self, now_s: float) -> TokenCall | None:
        """The token request that is due, or None. `usable` says whether calls may go on meanwhile."""

    def usable(self, now_s: float) -> bool:
        """Whether `headers` are good for a request now."""

    def learn(self, response: Response, now_s: float) -> None:
        """Takes the answer to the token request. Raises AuthError."""

    def headers(self) -> Mapping[str, str]: ...

    def refused(self, used: Mapping[str, str]) -> bool:
        """A request with these headers was answered 401. True: there are, or will be, others to try once more."""


class Auth(Protocol):
    """An auth value."""

    def session(self) -> Session: ...


# ---- static ------------------------------------------------------------------------------------------------------
class _Static:
    """Headers that never change."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def wants(self, now_s: float) -> TokenCall | None:  # noqa: ARG002 - the protocol's shape
        return None

    def usable(self, now_s: float) -> bool:  # noqa: ARG002 - the protocol's shape
        return True

    def learn(self, response: Response, now_s: float) -> None:  # noqa: ARG002 - the protocol's shape
        raise AuthError(Misconfigured("static credentials ask for no token"))

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def refused(self, used: Mapping[str, str]) -> bool:  # noqa: ARG002 - the protocol's shape
        return False


@dataclass(frozen=True, slots=True)
class NoAuth:
    """No credentials."""

    def session(self) -> Session:
        return _Static({})


@dataclass(frozen=True, slots=True)
class Bearer:
    """A static token: `Authorization: Bearer <token>`."""

    token: Secret

    def session(self) -> Session:
        return _Static({"authorization": f"Bearer {self.token.reveal()}"})


@dataclass(frozen=True, slots=True)
class HeaderToken:
    """A static token in a header of its own, e.g. `X-Auth-Token`."""

    name: str
    token: Secret

    def session(self) -> Session:
        return _Static({self.name.lower(): self.token.reveal()})


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP Basic."""

    user: str
    password: Secret

    def session(self) -> Session:
        return _Static({"authorization": basic(self.user, self.password)})


def basic(user: str, password: Secret) -> str:
    """The value of a Basic Authorization header."""
    pair = f"{user}:{password.reveal()}".encode()
    encoded = base64.b64encode(pair).decode()
    keep_quiet(encoded)
    return f"Basic {encoded}"


# ---- OAuth 2 -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2 client credentials (RFC 6749, 4.4): Basic authentication at `token_url`.

    `scope`: names separated by spaces; empty: the server's default. `form`: further fields of the request.
    """

    token_url: str
    client_id: str
    client_secret: Secret
    scope: str = ""
    form: Mapping[str, str] = field(default_factory=dict)

    def session(self) -> Session:
        return _ClientCredentials(self)


class _ClientCredentials:
    """Holds the token: `until` its end, `renew` when the next one is due (epoch seconds)."""

    def __init__(self, auth: ClientCredentials) -> None:
        self._auth = auth
        self._headers: Mapping[str, str] = {}
        self._until_s = self._renew_s = 0.0

    def wants(self, now_s: float) -> TokenCall | None:
        if now_s < self._renew_s:
            return None
        # RFC 6749, 2.3.1: both parts are form-encoded before they are joined.
        user = quote(self._auth.client_id, safe="")
        secret = Secret(quote(self._auth.client_secret.reveal(), safe=""))
        form = {"grant_type": "client_credentials", **self._auth.form}
        if self._auth.scope:
            form["scope"] = self._auth.scope
        headers = {"authorization": basic(user, secret), "accept": "application/json"}
        return TokenCall(self._auth.token_url, headers, form)

    def usable(self, now_s: float) -> bool:
        return now_s < self._until_s

    def learn(self, response: Response, now_s: float) -> None:
        body = response.json()
        fields = body if isinstance(body, dict) else {}
        if response.status != 200:
            raise AuthError(_refusal(response.status, fields))
        token = fields.get("access_token")
        if not isinstance(token, str) or not token:
            raise AuthError(Transient("token endpoint: answer without access_token"))
        lifetime_s = _lifetime_s(fields.get("expires_in"))
        keep_quiet(token)
        self._headers = {"authorization": f"Bearer {token}"}
        self._until_s = now_s + lifetime_s
        self._renew_s = self._until_s - min(EARLY_S, lifetime_s / 2)

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def refused(self, used: Mapping[str, str]) -> bool:
        if used is self._headers:  # nobody has renewed it since
            self._until_s = self._renew_s = 0.0
        return True


def _lifetime_s(expires_in: object) -> float:
    """`expires_in` as a number; some servers send it as text."""
    try:
        seconds = float(str(expires_in))
    except ValueError:
        return LIFETIME_S_DEFAULT
    return seconds if 0 < seconds < 1e9 else LIFETIME_S_DEFAULT


def _refusal(status: int, fields: Mapping[str, object]) -> Transient | Misconfigured:
    if status in (408, 429) or status >= 500:
        return Transient(f"token endpoint: status {status}", throttled=status == 429)
    code = fields.get("error")
    named = f", {code}" if isinstance(code, str) and code in OAUTH_ERRORS else ""
    return Misconfigured(f"token endpoint refused us: status {status}{named}")
