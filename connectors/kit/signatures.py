"""How senders of webhooks prove who they are. Every scheme works on the raw bytes, in constant time.

`verify` returns None, or why the delivery is refused: a short fixed phrase, which becomes a metric label and never
holds anything that was sent. Deliveries that fail are answered 401 and nothing is produced.

Replays. A delivery whose timestamp lies outside the tolerance is refused as stale. Within the tolerance a
platform's own redelivery and a replay by a third party cannot be told apart, and need not be: the gateway remembers
the ids that it has acknowledged (`delivery_id`) and answers those 200 without producing again. Its memory
is bounded and per process; behind it, every record's id is a function of its event, so a repeat is harmless.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gridwire.settings import Secret

TOLERANCE_S = 300
SIGNATURES_MAX = 10  # per header; a sender that rotates secrets sends two
HEADER_CHARS_MAX = 4_096
TIMESTAMP_CHARS_MAX = 15
KEY_BYTES_MIN, KEY_BYTES_MAX = 24, 64  # Standard Webhooks 1.0.0
WHSEC = "whsec_"


@dataclass(frozen=True, slots=True)
class Signed:
    """What a scheme sees of a delivery. Header names are lower-case; `path` holds the path parameters."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    path: Mapping[str, str]
    raw: bytes
    now_s: float


class Scheme(Protocol):
    """One way of proving who sends."""

    def verify(self, signed: Signed) -> str | None: ...

    def delivery_id(self, signed: Signed) -> str | None:
        """The sender's id of this delivery, the same in every redelivery; None where it has none."""


def _same(given: bytes, secrets: tuple[Secret, ...]) -> bool:
    """Whether `given` is one of the secrets; all are compared, so that time does not tell which."""
    matches = [hmac.compare_digest(given, secret.reveal().encode()) for secret in secrets]
    return any(matches)


def _sent(header: str) -> bytes:
    """The bytes of a header as they came: ASGI hands them on as Latin-1, whatever the sender wrote them in."""
    return header.encode("latin-1", "backslashreplace")


def _checked(secrets: tuple[Secret, ...], what: str) -> None:
    """A blank secret is none: what a sender puts around a header's value does not arrive."""
    if not secrets or not all(secret.reveal().strip() for secret in secrets):
        raise ValueError(f"{what} needs at least one secret, and each must be not empty")


def _untimely(timestamp: str, now_s: float, tolerance_s: int) -> str | None:
    """Why a timestamp (epoch seconds) is not taken; None where it is within the tolerance, in both directions."""
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > TIMESTAMP_CHARS_MAX:
        return "timestamp is not a number"
    age_s = now_s - int(timestamp)
    if age_s > tolerance_s:
        return "stale timestamp"
    return "timestamp in the future" if age_s < -tolerance_s else None


# ---- Standard Webhooks -------------------------------------------------------------------------------------------
def whsec_key(secret: Secret) -> bytes:
    """The key in a `whsec_…` secret: base64 of 24 to 64 bytes. Raises ValueError."""
    try:
        key = base64.b64decode(secret.reveal().removeprefix(WHSEC), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is whsec_ followed by base64: copy it again") from error
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise ValueError(
            f"a webhook secret holds {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes, this one {len(key)}"
        )
    return key


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """Standard Webhooks 1.0.0: `v1,<base64 HMAC-SHA256>` over `{id}.{timestamp}.{body}`.

    `keys`: raw key bytes, more than one while a secret is rotated (`whsec_key` reads a secret). Any listed signature
    may match any key. `required=False`: a delivery without any signature header passes; another scheme must vouch
    for it then.
    """

    keys: tuple[bytes, ...]
    tolerance_s: int = TOLERANCE_S
    required: bool = True

    def __post_init__(self) -> None:
        if not self.keys or not all(self.keys):
            raise ValueError("StandardWebhooks needs at least one key that is not empty")

    def verify(self, signed: Signed) -> str | None:
        headers = signed.headers
        delivery_id = headers.get("webhook-id", "")
        timestamp = headers.get("webhook-timestamp", "")
        signatures = headers.get("webhook-signature", "")
        if not delivery_id and not timestamp and not signatures:
            return "no signature" if self.required else None
        if not delivery_id or not timestamp or not signatures:
            return "incomplete signature headers"
        if len(signatures) > HEADER_CHARS_MAX or len(delivery_id) > HEADER_CHARS_MAX:
            return "signature headers too long"
        problem = _untimely(timestamp, signed.now_s, self.tolerance_s)
        return problem or self._unsigned(f"{delivery_id}.{timestamp}.".encode(), signatures, signed)

    def _unsigned(self, prefix: bytes, signatures: str, signed: Signed) -> str | None:
        content = prefix + signed.raw
        expected = [
            b"v1," + base64.b64encode(hmac.digest(key, content, "sha256")) for key in self.keys
        ]
        given = signatures.encode().split(b" ", SIGNATURES_MAX)[:SIGNATURES_MAX]
        matches = [hmac.compare_digest(one, other) for one in given for other in expected]
        return None if any(matches) else "signature does not match"

    def delivery_id(self, signed: Signed) -> str | None:
        return signed.headers.get("webhook-id")


# ---- HMAC over time and body -------------------------------------------------------------------------------------
class _WithoutId:
    """Senders without an id per delivery."""

    __slots__ = ()

    def delivery_id(self, signed: Signed) -> str | None:  # noqa: ARG002 - the protocol's shape
        return None


@dataclass(frozen=True, slots=True)
class TimedHmac(_WithoutId):
    """`<header>: t=<epoch s>,v1=<hex>[,v1=<hex>…]`: each v1 an HMAC-SHA256 over `{t}.{body}`, as Mailchimp signs.

    `secrets`: more than one while a secret is rotated; any v1 may match any of them, other parts (`v0=`) are passed
    over. `required=False`: a delivery without the header passes; another scheme must vouch for it then.
    """

    header: str
    secrets: tuple[Secret, ...]
    tolerance_s: int = TOLERANCE_S
    required: bool = True

    def __post_init__(self) -> None:
        _checked(self.secrets, "TimedHmac")
        if self.header != self.header.lower():
            raise ValueError(f"TimedHmac: write the name in lower case: {self.header.lower()}")

    def verify(self, signed: Signed) -> str | None:
        given = signed.headers.get(self.header)
        if given is None:
            return "no signature" if self.required else None
        if len(given) > HEADER_CHARS_MAX:
            return "signature headers too long"
        parts = [part.strip().partition("=") for part in given.split(",")]
        times = [value for name, _, value in parts if name == "t"]
        signatures = [_sent(value).lower() for name, _, value in parts if name == "v1"]
        if len(times) != 1 or not signatures:
            return "incomplete signature headers"
        problem = _untimely(times[0], signed.now_s, self.tolerance_s)
        return problem or self._unsigned(times[0], signatures[:SIGNATURES_MAX], signed.raw)

    def _unsigned(self, timestamp: str, given: list[bytes], raw: bytes) -> str | None:
        content = timestamp.encode() + b"." + raw
        expected = [
            hmac.digest(secret.reveal().encode(), content, "sha256").hex().encode()
            for secret in self.secrets
        ]
        matches = [hmac.compare_digest(one, other) for one in given for other in expected]
        return None if any(matches) else "signature does not match"


# ---- shared secrets ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class BearerToken(_WithoutId):
    """`Authorization: Bearer <token>`; several tokens while one is replaced."""

    tokens: tuple[Secret, ...]

    def __post_init__(self) -> None:
        _checked(self.tokens, "BearerToken")

    def verify(self, signed: Signed) -> str | None:
        scheme, _, token = signed.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return "no bearer token"
        return None if _same(_sent(token.strip()), self.tokens) else "wrong token"


@dataclass(frozen=True, slots=True)
class SecretHeader(_WithoutId):
    """A header that the sender was told to add. `name` in lower case."""

    name: str
    secrets: tuple[Secret, ...]

    def __post_init__(self) -> None:
        _checked(self.secrets, "SecretHeader")
        if self.name != self.name.lower():
            raise ValueError(f"SecretHeader: write the name in lower case: {self.name.lower()}")

    def verify(self, signed: Signed) -> str | None:
        given = signed.headers.get(self.name)
        if given is None:
            return "no secret header"
        return None if _same(_sent(given), self.secrets) else "wrong secret header"


@dataclass(frozen=True, slots=True)
class SecretQuery(_WithoutId):
    """A secret in the URL's query, for senders that can do no more."""

    name: str
    secrets: tuple[Secret, ...]

    def __post_init__(self) -> None:
        _checked(self.secrets, "SecretQuery")

    def verify(self, signed: Signed) -> str | None:
        given = signed.query.get(self.name)
        if given is None:
            return "no secret in the query"
        return None if _same(given.encode(), self.secrets) else "wrong secret in the query"


@dataclass(frozen=True, slots=True)
class SecretPath(_WithoutId):
    """A secret in the URL's path: the route's path has `{name}` at its place."""

    name: str
    secrets: tuple[Secret, ...]

    def __post_init__(self) -> None:
        _checked(self.secrets, "SecretPath")

    def verify(self, signed: Signed) -> str | None:
        given = signed.path.get(self.name, "")
        return None if _same(given.encode(), self.secrets) else "wrong secret in the path"


@dataclass(frozen=True, slots=True)
class BasicCredentials(_WithoutId):
    """HTTP Basic: one user, several passwords while one is replaced."""

    user: str
    passwords: tuple[Secret, ...]

    def __post_init__(self) -> None:
        _checked(self.passwords, "BasicCredentials")

    def verify(self, signed: Signed) -> str | None:
        scheme, _, encoded = signed.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic" or not encoded:
            return "no basic credentials"
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:  # binascii.Error and UnicodeDecodeError are ValueErrors
            return "malformed basic credentials"
        right_user = hmac.compare_digest(user.encode(), self.user.encode())
        return (
            None if _same(password.encode(), self.passwords) and right_user else "wrong credentials"
        )


# ---- several -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AnyOf:
    """One proof is enough, for senders that may give one or another; see `any_of`."""

    schemes: tuple[Scheme, ...]

    def __post_init__(self) -> None:
        if len(self.schemes) < 2:
            raise ValueError("any_of needs at least two schemes: one alone needs no choice")
        if not all(getattr(scheme, "required", True) for scheme in self.schemes):
            raise ValueError("any_of: a scheme with required=False would admit everybody")

    def verify(self, signed: Signed) -> str | None:
        """All are asked, so that time does not tell which holds. The reason names a proof that was given, if any."""
        reasons = [scheme.verify(signed) for scheme in self.schemes]
        if None in reasons:
            return None
        found = [reason for reason in reasons if reason is not None]
        return next((reason for reason in found if not reason.startswith("no ")), found[0])

    def delivery_id(self, signed: Signed) -> str | None:
        """Only of a scheme that holds: nobody has vouched for the ids of the others."""
        for scheme in self.schemes:
            delivery_id = scheme.delivery_id(signed)
            if delivery_id is not None and scheme.verify(signed) is None:
                return delivery_id
        return None


def any_of(*schemes: Scheme) -> AnyOf:
    """One proof out of several is enough: signed, or with a secret in the path. Raises ValueError."""
    return AnyOf(schemes)


def in_url(scheme: Scheme) -> bool:
    """Whether a request without body or headers of its own, such as a check of the URL by GET, can prove it."""
    return isinstance(scheme, SecretPath | SecretQuery)
