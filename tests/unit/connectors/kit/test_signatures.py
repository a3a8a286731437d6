"""Proof of who sends: every scheme, what it accepts and why it refuses."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest

from connectors.kit.signatures import (
    BasicCredentials,
    BearerToken,
    Scheme,
    SecretHeader,
    SecretPath,
    SecretQuery,
    Signed,
    StandardWebhooks,
    whsec_key,
)
from gridwire.settings import Secret

NOW_S = 1_800_000_000.0
BODY = b'{"type":"thread.created"}'
KEY, OLD_KEY = b"k" * 32, b"o" * 32
NOTHING = Signed(headers={}, query={}, path={}, raw=BODY, now_s=NOW_S)


def signature(key: bytes, delivery_id: str, timestamp: str, raw: bytes) -> str:
    """Standard Webhooks 1.0.0, computed independently of the code under test."""
    mac = hmac.new(key, f"{delivery_id}.{timestamp}.".encode() + raw, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def signed(key: bytes = KEY, *, age_s: float = 0.0, raw: bytes = BODY, also: str = "") -> Signed:
    timestamp = str(int(NOW_S - age_s))
    signatures = f"{also} {signature(key, 'msg_1', timestamp, raw)}".strip()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": signatures,
    }
    return Signed(headers, {}, {}, raw, NOW_S)


def with_header(base: Signed, **changes: str | None) -> Signed:
    headers = dict(base.headers)
    for name, value in changes.items():
        header = name.replace("_", "-")
        if value is None:
            headers.pop(header, None)
        else:
            headers[header] = value
    return replace(base, headers=headers)


# ---- Standard Webhooks -------------------------------------------------------------------------------------------
def test_the_example_of_the_standard_webhooks_specification_is_accepted() -> None:
    key = whsec_key(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    given = Signed(
        headers={
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        query={},
        path={},
        raw=b'{"test": 2432232314}',
        now_s=1_614_265_330.0,
    )
    assert StandardWebhooks((key,)).verify(given) is None


def test_any_of_several_signatures_may_match_any_of_several_keys() -> None:
    scheme = StandardWebhooks((KEY, OLD_KEY))
    assert scheme.verify(signed(KEY)) is None
    assert scheme.verify(signed(OLD_KEY)) is None
    assert scheme.verify(signed(KEY, also="v1,AAAA v2,whatever v1a,xyz")) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (signed(OLD_KEY), "signature does not match"),
        (replace(signed(), raw=BODY + b" "), "signature does not match"),
        (with_header(signed(), webhook_id="msg_2"), "signature does not match"),
        (
            with_header(signed(), webhook_timestamp=str(int(NOW_S) - 1)),
            "signature does not match",
        ),
        (with_header(signed(), webhook_signature="v1,"), "signature does not match"),
        (with_header(signed(), webhook_signature="é"), "signature does not match"),
        (signed(age_s=301), "stale timestamp"),
        (signed(age_s=-301), "timestamp in the future"),
        (with_header(signed(), webhook_timestamp="soon"), "timestamp is not a number"),
        (with_header(signed(), webhook_timestamp="1" * 16), "timestamp is not a number"),
        (with_header(signed(), webhook_timestamp="٣"), "timestamp is not a number"),
        (with_header(signed(), webhook_id=None), "incomplete signature headers"),
        (with_header(signed(), webhook_signature=None), "incomplete signature headers"),
        (with_header(signed(), webhook_signature="v1,A" * 2_000), "signature headers too long"),
        (NOTHING, "no signature"),
    ],
)
def test_what_is_forged_stale_or_incomplete_is_refused_with_its_reason(
    given: Signed, reason: str
) -> None:
    assert StandardWebhooks((KEY,)).verify(given) == reason


@pytest.mark.parametrize("age_s", [0, 299, 300, -300])
def test_within_the_tolerance_a_timestamp_is_accepted(age_s: float) -> None:
    assert StandardWebhooks((KEY,)).verify(signed(age_s=age_s)) is None


def test_only_the_first_signatures_of_an_endless_list_are_looked_at() -> None:
    late = signature(KEY, "msg_1", str(int(NOW_S)), BODY)
    given = with_header(signed(), webhook_signature=" ".join(["v1,AAAA"] * 10 + [late]))
    assert StandardWebhooks((KEY,)).verify(given) == "signature does not match"


def test_without_being_required_only_a_delivery_without_any_signature_header_passes() -> None:
    scheme = StandardWebhooks((KEY,), required=False)
    assert scheme.verify(NOTHING) is None
    assert scheme.verify(with_header(NOTHING, webhook_id="msg_1")) is not None
    assert scheme.verify(signed(OLD_KEY)) == "signature does not match"


def test_a_redelivery_keeps_its_id_though_its_timestamp_is_new() -> None:
    scheme = StandardWebhooks((KEY,))
    assert scheme.delivery_id(signed(age_s=200)) == scheme.delivery_id(signed()) == "msg_1"


@pytest.mark.parametrize("secret", ["whsec_not base64", "whsec_c2hvcnQ=", "whsec_" + "A" * 120])
def test_a_webhook_secret_of_the_wrong_form_is_refused_at_start(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        whsec_key(Secret(secret))


# ---- shared secrets ----------------------------------------------------------------------------------------------
TWO = (Secret("new"), Secret("old"))
BASIC = "Basic " + base64.b64encode(b"hook:old").decode()


@pytest.mark.parametrize(
    ("scheme", "right", "wrong"),
    [
        (
            BearerToken(TWO),
            with_header(NOTHING, authorization="Bearer old"),
            with_header(NOTHING, authorization="Bearer older"),
        ),
        (
            SecretHeader("x-hook", TWO),
            with_header(NOTHING, x_hook="new"),
            with_header(NOTHING, x_hook=""),
        ),
        (
            SecretQuery("key", TWO),
            replace(NOTHING, query={"key": "old"}),
            replace(NOTHING, query={"key": "né"}),
        ),
        (
            SecretPath("key", TWO),
            replace(NOTHING, path={"key": "new"}),
            replace(NOTHING, path={"key": "NEW"}),
        ),
        (
            BasicCredentials("hook", TWO),
            with_header(NOTHING, authorization=BASIC),
            with_header(NOTHING, authorization="Basic " + base64.b64encode(b"hook:x").decode()),
        ),
    ],
)
def test_a_shared_secret_admits_who_knows_it_and_nobody_else(
    scheme: Scheme, right: Signed, wrong: Signed
) -> None:
    assert scheme.verify(right) is None
    assert scheme.verify(wrong) is not None
    assert scheme.verify(NOTHING) is not None
    assert scheme.delivery_id(right) is None


def test_basic_credentials_that_are_no_base64_or_of_another_user_are_refused() -> None:
    scheme = BasicCredentials("hook", TWO)
    other = base64.b64encode(b"else:old").decode()
    assert scheme.verify(with_header(NOTHING, authorization="Basic ???")) is not None
    assert (
        scheme.verify(with_header(NOTHING, authorization=f"Basic {other}")) == "wrong credentials"
    )


def test_the_reason_never_repeats_what_was_sent() -> None:
    given = with_header(NOTHING, authorization="Bearer s3cr3t-guess")
    assert "s3cr3t" not in str(BearerToken(TWO).verify(given))


def test_an_empty_secret_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="not empty"):
        BearerToken((Secret(""),))
    with pytest.raises(ValueError, match="not empty"):
        StandardWebhooks((b"",))
