"""Credentials: static ones, and OAuth 2 client credentials with their answers."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from connectors.kit.auth import AuthError, Basic, Bearer, ClientCredentials, HeaderToken, NoAuth
from connectors.kit.connector import Misconfigured, Response, Transient
from gridwire.settings import Secret

AUTH = ClientCredentials("https://id/token", "client:1", Secret("s&cret"), scope="a.read b.write")


def answer(status: int, body: Any = None) -> Response:
    return Response(status, {}, msgspec.json.encode(body) if body is not None else b"")


def token(name: str = "t1", expires_in: Any = 3_600) -> Response:
    return answer(200, {"access_token": name, "token_type": "Bearer", "expires_in": expires_in})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (NoAuth().session().headers(), {}),
        (Bearer(Secret("k")).session().headers(), {"authorization": "Bearer k"}),
        (HeaderToken("X-Auth-Token", Secret("k")).session().headers(), {"x-auth-token": "k"}),
        (Basic("u", Secret("p")).session().headers(), {"authorization": "Basic dTpw"}),
    ],
)
def test_static_credentials_are_headers(
    headers: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    assert headers == expected


def test_static_credentials_that_are_refused_have_nothing_else_to_try() -> None:
    session = Bearer(Secret("k")).session()
    assert session.wants(0) is None
    assert not session.refused(session.headers())


def test_the_token_request_is_basic_with_form_encoded_credentials_and_a_scope() -> None:
    call = AUTH.session().wants(0.0)
    assert call is not None
    encoded = base64.b64encode(b"client%3A1:s%26cret").decode()
    assert call.headers["authorization"] == f"Basic {encoded}"
    assert call.form == {"grant_type": "client_credentials", "scope": "a.read b.write"}
    assert "s&cret" not in repr(call)
    assert encoded not in repr(call)


def test_a_token_is_used_until_a_minute_before_its_end_then_renewed() -> None:
    session = AUTH.session()
    assert session.wants(100.0) is not None
    assert not session.usable(100.0)
    session.learn(token(), 100.0)
    assert session.headers() == {"authorization": "Bearer t1"}
    assert session.wants(100.0 + 3_539) is None
    assert session.wants(100.0 + 3_541) is not None
    assert session.usable(100.0 + 3_541)
    assert not session.usable(100.0 + 3_601)


def test_a_short_lived_token_is_renewed_at_half_its_life() -> None:
    session = AUTH.session()
    session.learn(token(expires_in="60"), 0.0)
    assert session.wants(29.0) is None
    assert session.wants(31.0) is not None


@pytest.mark.parametrize("expires_in", [None, "soon", -5, 0])
def test_a_token_without_a_sensible_life_is_taken_for_five_minutes(expires_in: Any) -> None:
    session = AUTH.session()
    session.learn(token(expires_in=expires_in), 0.0)
    assert session.usable(299.0)
    assert not session.usable(301.0)


def test_after_a_401_a_new_token_is_wanted_unless_it_was_renewed_meanwhile() -> None:
    session = AUTH.session()
    session.learn(token("t1"), 0.0)
    first = session.headers()
    assert session.refused(first)
    assert session.wants(1.0) is not None
    session.learn(token("t2"), 1.0)
    assert session.refused(first)  # a second call had used t1, too: t2 is still good
    assert session.wants(2.0) is None


@pytest.mark.parametrize(
    ("response", "kind", "text"),
    [
        (answer(401, {"error": "invalid_client"}), Misconfigured, "invalid_client"),
        (answer(400, {"error": "made up by <the server>"}), Misconfigured, "status 400"),
        (answer(503), Transient, "status 503"),
        (answer(200, {"token": "x"}), Transient, "without access_token"),
        (answer(200), Transient, "without access_token"),
    ],
)
def test_a_token_endpoint_that_gives_none_says_whether_to_try_again(
    response: Response, kind: type, text: str
) -> None:
    with pytest.raises(AuthError, match=text) as caught:
        AUTH.session().learn(response, 0.0)
    assert isinstance(caught.value.verdict, kind)
    assert "<the server>" not in str(caught.value)


def test_a_throttled_token_endpoint_counts_as_throttled() -> None:
    with pytest.raises(AuthError) as caught:
        AUTH.session().learn(answer(429), 0.0)
    assert isinstance(caught.value.verdict, Transient)
    assert caught.value.verdict.throttled
