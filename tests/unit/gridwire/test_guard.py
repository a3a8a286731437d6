"""Kafka or the registry away: one message that names the variable, its value and the fix, and nothing else."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from gridwire.codec import RegistryUnavailableError
from gridwire.commands import guard
from gridwire.commands.guard import FAILED, guarded, require
from gridwire.settings import KafkaSettings

NOBODY = "127.0.0.1:9"
SETTINGS = KafkaSettings(bootstrap=NOBODY, registry_url="http://user:pass-value@127.0.0.1:9")
COMMANDS = (
    ("dead-letters", "list"),
    ("topics", "--apply"),
    ("table", "orders", "a"),
    ("trace", "an-id"),
    ("lag",),
)
# What a user sees, librdkafka's own lines and all: they do not go through Python.
SHORT = "import sys; from gridwire.commands import guard; guard.require.__defaults__ = (0.3,); "
CALL = "from gridwire import cli; sys.exit(cli.main(sys.argv[1:]))"


def called(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {
        "KAFKA_BOOTSTRAP": NOBODY,
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:9",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    command = [sys.executable, "-c", SHORT + CALL, *words]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_without_kafka_a_command_says_one_line_and_ends_with_1(
    words: Sequence[str], tmp_path: Path
) -> None:
    done = called(words, tmp_path)
    [said] = done.stderr.splitlines()
    assert done.returncode == FAILED
    assert f"KAFKA_BOOTSTRAP='{NOBODY}': no broker answers within 0.3 s" in said
    assert "set KAFKA_BOOTSTRAP to the host:port" in said


def test_a_command_that_may_do_without_kafka_is_not_kept_from_it() -> None:
    assert guarded(SETTINGS, lambda _quiet: 7, at_once=False) == 7


def test_what_librdkafka_writes_is_silenced_unless_the_security_settings_say_otherwise() -> None:
    seen: list[str] = []

    def command(quiet: KafkaSettings) -> int:
        seen.append(quiet.security["log_level"])
        return 0

    loud = KafkaSettings(bootstrap=NOBODY, registry_url="http://x", security={"log_level": "7"})
    assert guarded(SETTINGS, command, at_once=False) == 0
    assert guarded(loud, command, at_once=False) == 0
    assert seen == ["2", "7"]


def test_a_registry_that_does_not_answer_is_named_without_its_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(_quiet: KafkaSettings) -> int:
        raise RegistryUnavailableError("schema registry does not answer (ConnectError)")

    assert guarded(SETTINGS, command, at_once=False) == FAILED
    said = capsys.readouterr().err
    assert said.startswith("SCHEMA_REGISTRY_URL='http://…@127.0.0.1:9'")
    assert "set SCHEMA_REGISTRY_URL to the URL" in said
    assert "pass-value" not in said


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, "the user of GRIDWIRE_KAFKA_SECURITY the right"),
        (KafkaError.REQUEST_TIMED_OUT, "does not answer as it should"),
    ],
)
def test_only_a_lack_of_rights_is_called_one(
    code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(_quiet: KafkaSettings) -> int:
        raise KafkaException(KafkaError(code))

    assert guarded(SETTINGS, command, at_once=False) == FAILED
    said = capsys.readouterr().err
    assert words in said
    assert NOBODY in said
    assert ("right" in said) == (code in guard.RIGHTS)


def test_a_broker_that_does_not_answer_is_asked_no_longer_than_it_is_given() -> None:
    with pytest.raises(guard.AwayError, match=r"within 0\.1 s"):
        require(SETTINGS, 0.1)
