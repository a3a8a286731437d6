"""Values of settings: what is refused, and what the error says."""

from pathlib import Path

import pytest

from gridwire.commands import show
from gridwire.commands.configuration import configuration
from gridwire.settings import SettingsError

KAFKA = {"KAFKA_BOOTSTRAP": "127.0.0.1:9092", "SCHEMA_REGISTRY_URL": "http://127.0.0.1:8081"}
BRAZE = {
    "BRAZE_BASE_URL": "https://rest.example",
    "BRAZE_API_KEY": "key-value",
    "BRAZE_CURRENTS_TOKEN": "token-value",
}


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        configuration(environ)
    return caught.value.problems


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("GRIDWIRE_LOG_LEVEL", "LOUD", "none of DEBUG, INFO, WARNING, ERROR"),
        ("GRIDWIRE_OPS_PORT", "99999999", "at most 65535"),
        ("GRIDWIRE_GATEWAY_PORT", "-1", "at least 0"),
        ("GRIDWIRE_PARTITIONS", "0", "at least 1"),
        ("GRIDWIRE_PARTITIONS", "four", "no whole number"),
        ("GRIDWIRE_REPLICATION", "-1", "at least 1"),
        ("GRIDWIRE_SLOT", "-1", "at least 0"),
        ("GRIDWIRE_STALL_S_MAX", "-3", "at least 1"),
        ("GRIDWIRE_STALL_S_MAX", "nan", "no number"),
        ("GRIDWIRE_STATE_CACHE_MB", "-1", "at least 1"),
        ("GRIDWIRE_DEAD_LETTERS_RATIO_MAX", "5", "at most 1"),
        ("GRIDWIRE_WORKER_GROUP", "", "set, and empty"),
        ("GRIDWIRE_WORKER_GROUP", "a b", "letters, digits"),
        ("GRIDWIRE_WORKER_URLS", "streams-0:9100", "http://"),
        ("GRIDWIRE_ROUND_MS", "0", "at least 1"),
        ("GRIDWIRE_COMMIT_INTERVAL_MS", "0", "at least 1"),
        ("BRAZE_REQUESTS_PER_S", "0", "more than 0"),
        ("BRAZE_BASE_URL", "rest.braze.com", "http:// or https://"),
        ("KAFKA_BOOTSTRAP", "http://x", "is a URL"),
        ("KAFKA_BOOTSTRAP", "kafka", "no host and port"),
        ("KAFKA_BOOTSTRAP", "kafka:9092,other:x", "no port of 1 to 65535"),
        ("SCHEMA_REGISTRY_URL", "127.0.0.1:28081", "http:// or https://"),
        ("SCHEMA_REGISTRY_URL", "https://", "no host"),
    ],
)
def test_a_value_that_cannot_work_is_named_with_its_variable_and_the_fix(
    name: str, value: str, why: str
) -> None:
    [found] = problems({**KAFKA, **BRAZE, name: value})
    assert found.startswith(f"{name}={value!r} is not valid (")
    assert why in found
    assert ": set it to " in found


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("GRIDWIRE_FLOWS", "braze.foo", "braze.case-notification"),
        ("GRIDWIRE_PLATFORMS", "brase", "did you mean braze?"),
    ],
)
def test_a_flow_or_platform_that_there_is_not_is_named_with_those_that_there_are(
    name: str, value: str, known: str
) -> None:
    [found] = problems({**KAFKA, name: value})
    assert found.startswith(f"{name} names no ")
    assert repr(value) in found
    assert known in found


def test_a_flow_that_is_asked_for_but_inactive_does_not_pass_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configuration({**KAFKA, "GRIDWIRE_FLOWS": "braze.case-notification"})
    monkeypatch.setattr(show, "configuration", lambda: config)
    assert show.check() == show.WRONG
    assert "GRIDWIRE_FLOWS names braze.case-notification" in capsys.readouterr().err


def test_a_property_that_librdkafka_does_not_know_is_refused_without_showing_values() -> None:
    value = '{"sasl.mechanisim": "PLAIN", "sasl.password": "pass-value"}'
    [found] = problems({**KAFKA, "GRIDWIRE_KAFKA_SECURITY": value})
    assert found.startswith("GRIDWIRE_KAFKA_SECURITY is not valid (")
    assert "sasl.mechanisim" in found
    assert "pass-value" not in found
    assert "JSON" in found


def test_security_that_librdkafka_knows_is_taken() -> None:
    value = '{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "u", "sasl.password": "p"}'
    config = configuration({**KAFKA, "GRIDWIRE_KAFKA_SECURITY": value})
    assert config.kafka.security["sasl.mechanism"] == "PLAIN"


def test_the_password_in_an_address_is_not_shown() -> None:
    [found] = problems({**KAFKA, "SCHEMA_REGISTRY_URL": "user:pass-value@registry:8081"})
    assert "registry:8081" in found
    assert "pass-value" not in found


def test_a_secrets_file_that_cannot_be_read_or_is_empty_is_named_by_its_own_variable(
    tmp_path: Path,
) -> None:
    environ = {**KAFKA, **BRAZE, "BRAZE_API_KEY_FILE": "/nope"}
    del environ["BRAZE_API_KEY"]
    [found] = problems(environ)
    assert found.startswith("BRAZE_API_KEY_FILE is not valid (No such file")
    assert "set it to the path of a file that holds " in found
    empty = tmp_path / "key"
    empty.write_text("\n")
    [found] = problems({**environ, "BRAZE_API_KEY_FILE": str(empty)})
    assert "BRAZE_API_KEY_FILE" in found
    assert "the file is empty" in found


def test_a_secret_that_was_put_where_its_files_path_belongs_is_not_shown() -> None:
    environ = {**KAFKA, **BRAZE, "BRAZE_API_KEY_FILE": "sk_live_pasted"}
    del environ["BRAZE_API_KEY"]
    [found] = problems(environ)
    assert "sk_live_pasted" not in found


def test_a_secret_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    held = tmp_path / "key"
    held.write_text("from-the-file")
    [found] = problems({**KAFKA, **BRAZE, "BRAZE_API_KEY_FILE": str(held)})
    assert "BRAZE_API_KEY is set, too: remove one of them" in found


def test_a_hint_stays_within_the_platform_and_others_variables_are_let_be() -> None:
    [found] = problems({**KAFKA, **BRAZE, "BRAZE_API_KEYS": "x", "MAILCHIMP_API_KEY": "y"})
    assert "did you mean BRAZE_API_KEY" in found


def test_several_brokers_and_registries_are_taken() -> None:
    environ = {
        "KAFKA_BOOTSTRAP": "a:9092, [::1]:9093",
        "SCHEMA_REGISTRY_URL": "http://a:8081,https://u:p@b",
    }
    assert configuration(environ).kafka.bootstrap == "a:9092, [::1]:9093"
