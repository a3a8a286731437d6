"""Secrets that this process knows are in none of its texts."""

import io
import json
import logging

import pytest

from connectors.kit.auth import Basic, ClientCredentials
from connectors.kit.connector import Request, Response
from connectors.kit.reading import vendor_text
from gridwire import logs, quiet
from gridwire.quiet import BLOT, hushed, keep_quiet
from gridwire.settings import Secret


def test_a_secret_that_a_platform_repeats_is_taken_out_of_its_text() -> None:
    Secret("quietlyNightingale")
    said = "Invalid API key quietlyNightingale for this app"
    assert vendor_text(said, Request("GET", "/x")) == f"Invalid API key {BLOT} for this app"
    assert hushed("nothing of the kind") == "nothing of the kind"


def test_what_is_made_of_a_secret_is_a_secret_too() -> None:
    header = Basic("gridwire", Secret("quietlyThrushSings")).session().headers()["authorization"]
    encoded = header.removeprefix("Basic ")
    assert encoded not in hushed(f"who is {encoded}?")
    session = ClientCredentials("https://id/token", "c", Secret("quietlyWren")).session()
    answer = Response(200, {}, json.dumps({"access_token": "quietlyGivenToken"}).encode())
    session.learn(answer, 0.0)
    assert hushed("expired: quietlyGivenToken") == f"expired: {BLOT}"


def test_no_log_line_holds_a_known_secret_however_long_it_is() -> None:
    Secret("quietlyLapwing" * 200)
    stream = io.StringIO()
    handler, root = logging.StreamHandler(stream), logging.getLogger("test.quiet")
    handler.setFormatter(logs.JsonFormatter("test"))
    root.addHandler(handler)
    root.warning("answer", extra={"reason": f"no such key: {'quietlyLapwing' * 200}"})
    root.removeHandler(handler)
    assert json.loads(stream.getvalue())["reason"] == f"no such key: {BLOT}"


def test_the_longest_secret_goes_first_and_short_texts_are_none() -> None:
    for one in ("quietlyRobinRedbreast", "quietlyRobin", "short"):
        Secret(one)
    assert hushed("quietlyRobinRedbreast, short") == f"{BLOT}, short"


def test_only_the_latest_secrets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "KNOWN_MAX", 2)
    for one in ("quietlyFirst", "quietlySecond", "quietlyFirst", "quietlyThird"):
        keep_quiet(one)
    assert hushed("quietlyFirst quietlySecond quietlyThird") == f"{BLOT} quietlySecond {BLOT}"


@pytest.mark.parametrize(
    ("request_", "said", "text"),
    [
        (
            Request("GET", "/status", {"external_id[]": "annabel"}),
            "no user annabel",
            f"no user {BLOT}",
        ),
        (Request("GET", "/users/ann%20bel"), "no user ann bel here", f"no user {BLOT} here"),
        (Request("GET", "/v3/orders/ord-x"), "no orders like ord-x", f"no orders like {BLOT}"),
        (
            Request("POST", "/x", json={"text": "two  words"}),
            "not: two\nwords",
            f"not: {BLOT}",
        ),
    ],
)
def test_what_a_request_said_is_not_repeated_from_its_refusal(
    request_: Request, said: str, text: str
) -> None:
    assert vendor_text(said, request_) == text
