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
    TimedHmac,
    any_of,
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


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_secret_is_refused_at_start_by_every_scheme(blank: str) -> None:
    secrets = (Secret("right"), Secret(blank))
    for build in (
        lambda: BearerToken(secrets),
        lambda: SecretHeader("x-hook", secrets),
        lambda: SecretQuery("key", secrets),
        lambda: SecretPath("key", secrets),
        lambda: BasicCredentials("hook", secrets),
        lambda: TimedHmac("x-signature", secrets),
        lambda: TimedHmac("x-signature", ()),
    ):
        with pytest.raises(ValueError, match="not empty"):
            build()


def test_a_secret_beyond_ascii_is_the_same_in_every_place_that_it_may_come_in() -> None:
    secret = (Secret("clé-ключ"),)
    header = "clé-ключ".encode().decode("latin-1")  # as ASGI hands on the sender's UTF-8
    basic = "Basic " + base64.b64encode("hook:clé-ключ".encode()).decode()
    given: dict[Scheme, Signed] = {
        BearerToken(secret): with_header(NOTHING, authorization=f"Bearer {header}"),
        SecretHeader("x-hook", secret): with_header(NOTHING, x_hook=header),
        SecretQuery("key", secret): replace(NOTHING, query={"key": "clé-ключ"}),
        SecretPath("key", secret): replace(NOTHING, path={"key": "clé-ключ"}),
        BasicCredentials("hook", secret): with_header(NOTHING, authorization=basic),
    }
    assert [scheme.verify(one) for scheme, one in given.items()] == [None] * len(given)


# ---- HMAC over time and body -------------------------------------------------------------------------------------
HEADER = "x-mailchimp-signature"
NEW, OLD = Secret("new-secret"), Secret("old-secret")


def v1(secret: Secret, timestamp: str, raw: bytes = BODY) -> str:
    """As the contract has it, computed independently of the code under test."""
    content = f"{timestamp}.".encode() + raw
    return hmac.new(secret.reveal().encode(), content, hashlib.sha256).hexdigest()


def timed(value: str | None = None, *, secret: Secret = NEW, age_s: float = 0.0) -> Signed:
    timestamp = str(int(NOW_S - age_s))
    text = value or f"t={timestamp},v1={v1(secret, timestamp)}"
    return Signed({HEADER: text}, {}, {}, BODY, NOW_S)


NOW = str(int(NOW_S))
RIGHT = v1(NEW, NOW)


@pytest.mark.parametrize(
    "given",
    [
        timed(),
        timed(secret=OLD),
        timed(age_s=300),
        timed(age_s=-300),
        timed(f"t={NOW},v1={'0' * 64},v1={RIGHT}"),
        timed(f" v0=abc, t={NOW} , v1={RIGHT.upper()} ,extra"),
    ],
)
def test_a_timed_signature_of_any_listed_secret_is_accepted(given: Signed) -> None:
    assert TimedHmac(HEADER, (NEW, OLD)).verify(given) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (NOTHING, "no signature"),
        (timed(secret=Secret("guess")), "signature does not match"),
        (replace(timed(), raw=BODY + b" "), "signature does not match"),
        (timed(f"t={int(NOW_S) - 1},v1={RIGHT}"), "signature does not match"),
        (timed(f"t={NOW},v1=é"), "signature does not match"),
        (timed(f"t={NOW},v1="), "signature does not match"),
        (timed(f"t={NOW},v0={RIGHT}"), "incomplete signature headers"),
        (timed(f"v1={RIGHT}"), "incomplete signature headers"),
        (timed(f"t={NOW},v1={RIGHT}, t={NOW},v1={RIGHT}"), "incomplete signature headers"),
        (timed("nonsense"), "incomplete signature headers"),
        (timed(f"t={NOW},v1={RIGHT}," + "v1=," * 2_000), "signature headers too long"),
        (timed(f"t={NOW}," + "v1=00," * 10 + f"v1={RIGHT}"), "signature does not match"),
        (timed(f"t=soon,v1={RIGHT}"), "timestamp is not a number"),
        (timed(f"t=+{NOW},v1={RIGHT}"), "timestamp is not a number"),
        (timed(age_s=301), "stale timestamp"),
        (timed(age_s=-301), "timestamp in the future"),
    ],
)
def test_a_timed_signature_that_is_forged_replayed_or_incomplete_is_refused(
    given: Signed, reason: str
) -> None:
    assert TimedHmac(HEADER, (NEW, OLD)).verify(given) == reason


def test_a_platform_that_does_not_sign_yet_passes_only_where_another_scheme_vouches() -> None:
    scheme = TimedHmac(HEADER, (NEW,), required=False)
    assert scheme.verify(NOTHING) is None
    assert scheme.verify(timed(secret=OLD)) == "signature does not match"


# ---- several -----------------------------------------------------------------------------------------------------
CHOICE = any_of(
    StandardWebhooks((KEY,)), TimedHmac(HEADER, (NEW,)), SecretPath("key", (Secret("in-path"),))
)


def test_one_proof_of_several_is_enough_and_none_is_not() -> None:
    assert CHOICE.verify(signed()) is None
    assert CHOICE.verify(timed()) is None
    assert CHOICE.verify(replace(NOTHING, path={"key": "in-path"})) is None
    assert CHOICE.verify(timed(secret=OLD)) == "signature does not match"
    assert CHOICE.verify(NOTHING) is not None


def test_a_delivery_id_counts_only_where_its_own_scheme_holds() -> None:
    assert CHOICE.delivery_id(signed()) == "msg_1"
    by_path = replace(signed(OLD_KEY), path={"key": "in-path"})
    assert CHOICE.verify(by_path) is None
    assert CHOICE.delivery_id(by_path) is None


def test_a_choice_that_would_admit_everybody_or_is_none_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="admit everybody"):
        any_of(SecretPath("key", TWO), StandardWebhooks((KEY,), required=False))
    with pytest.raises(ValueError, match="at least two"):
        any_of(SecretPath("key", TWO))
