"""The command line without a broker: what it validates, lists and refuses."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sandbox.kafka
from gridwire import cli
from gridwire.commands import run
from gridwire.commands.configuration import configuration, known_variables
from gridwire.settings import SettingsError
from sandbox.kafka import Broker
from sandbox.registry import standing
from streams.flows import FLOWS

KAFKA = {"KAFKA_BOOTSTRAP": "127.0.0.1:9092", "SCHEMA_REGISTRY_URL": "http://127.0.0.1:8081"}
GRID = {
    "TG_BASE_URL": "https://grid.example/api/active-community/v1",
    "TG_TOKEN_URL": "https://grid.example/token",
    "TG_CLIENT_ID": "gridwire",
    "TG_CLIENT_SECRET": "s3cret-value",
    "TG_WEBHOOK_SECRET": "whsec_" + "A" * 44,
}
BRAZE = {
    "BRAZE_BASE_URL": "https://rest.example",
    "BRAZE_API_KEY": "key-value",
    "BRAZE_CURRENTS_TOKEN": "token-value",
}


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        configuration(environ)
    return caught.value.problems


def test_every_missing_variable_is_named_at_once_with_its_fix() -> None:
    found = problems({})
    assert [text.split(" is missing")[0] for text in found] == [
        "KAFKA_BOOTSTRAP",
        "SCHEMA_REGISTRY_URL",
    ]
    assert all("set it to" in text for text in found)


def test_a_misspelt_variable_is_named_with_what_was_meant() -> None:
    [found] = problems({**KAFKA, "GRIDWIRE_PARTITION": "8"})
    assert "GRIDWIRE_PARTITION is not a known setting" in found
    assert "GRIDWIRE_PARTITIONS" in found


def test_a_half_configured_platform_is_an_error_not_an_absent_one() -> None:
    [found] = problems({**KAFKA, **BRAZE, "BRAZE_API_KEY": ""})
    assert found.startswith("BRAZE_API_KEY is missing")


def test_a_value_that_does_not_fit_says_so_without_repeating_secrets() -> None:
    environ = {**KAFKA, "GRIDWIRE_COMMIT_INTERVAL_MS": "soon", **GRID}
    [found] = problems(environ)
    assert found.startswith("GRIDWIRE_COMMIT_INTERVAL_MS='soon' is not valid")
    assert "s3cret-value" not in found


def test_flows_of_platforms_that_are_not_configured_are_inactive() -> None:
    config = configuration({**KAFKA, **BRAZE, **GRID})
    assert {"braze.case-notification", "braze.engagement-insight"} <= {f.id for f in config.flows}
    assert config.inactive["bigcommerce.availability"] == ("bigcommerce",)


def test_a_flows_settings_come_from_one_json_variable() -> None:
    name = "GRIDWIRE_FLOW_BRAZE_ENGAGEMENT_INSIGHT"
    config = configuration({**KAFKA, name: '{"window_minutes": 5}'})
    settings = config.flow_settings["braze.engagement-insight"]
    assert settings.window_minutes == 5  # type: ignore[attr-defined]
    [found] = problems({**KAFKA, name: '{"window_minute": 5}'})
    assert "unknown: window_minute" in found
    [found] = problems({**KAFKA, name: '{"window_minutes": "five"}'})
    assert name in found


def test_a_secret_may_come_from_a_mounted_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("from-file\n")
    environ = {**KAFKA, **BRAZE, "BRAZE_API_KEY": "", "BRAZE_API_KEY_FILE": str(path)}
    [(_, settings)] = configuration(environ).connectors
    assert settings.api_key.reveal() == "from-file"  # type: ignore[attr-defined]


def test_secrets_do_not_print_themselves() -> None:
    config = configuration({**KAFKA, **GRID})
    assert "s3cret-value" not in repr(config)
    assert "s3cret-value" not in f"{config.connectors[0][1]}"


def test_every_flow_is_listed_with_what_it_reads_and_writes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["flows", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows] == [flow.id for flow in FLOWS]
    assert all(leg["reads"] for row in rows for leg in row["legs"])


def test_a_columns_leg_is_listed_with_what_it_looks_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["flows"]) == 0
    found = [line for line in capsys.readouterr().out.splitlines() if " enrich " in line]
    assert [line.partition(" → ")[0].split(" + ")[1] for line in found] == [
        "customers, partners, products"
    ]


def test_topics_lists_changelogs_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["topics"]) == 0
    text = capsys.readouterr().out
    assert "state.parked" in text
    assert "table.orders" in text
    assert "_" not in "".join(line.split()[0] for line in text.splitlines())


def test_check_fails_with_status_2_where_the_configuration_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in known_variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(Path(__file__).parent)
    assert cli.main(["check"]) == 2
    assert "KAFKA_BOOTSTRAP is missing" in capsys.readouterr().err


@pytest.mark.parametrize("environ", [KAFKA, {**KAFKA, **GRID}])
def test_a_role_without_any_platform_says_loudly_that_it_has_nothing_to_do(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        run.tell_of_none(configuration(environ))
    said = [vars(one)["problem"] for one in caplog.records]
    assert len(said) == (environ is KAFKA)
    assert all("no platform is configured: set " in one for one in said)


def test_an_env_file_fills_in_what_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text("# comment\nexport A_GRID=\"x y\"\nB_GRID='z'\n\n")
    monkeypatch.setenv("B_GRID", "kept")
    monkeypatch.delenv("A_GRID", raising=False)
    cli.load_env_file(path)
    assert (os.environ["A_GRID"], os.environ["B_GRID"]) == ("x y", "kept")
    monkeypatch.delenv("A_GRID")


def test_a_line_of_the_env_file_that_sets_nothing_is_an_error_that_does_not_repeat_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("# comment\nfoo bar\n")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["topics"]) == cli.WRONG
    said = capsys.readouterr().err
    assert ".env line 2 is not NAME=value" in said
    assert "foo" not in said


def test_the_help_of_run_says_what_each_role_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    said = capsys.readouterr().out
    for role in ("sources", "streams", "sinks", "all"):
        assert f"\n  {role} " in said


def test_a_reader_that_has_seen_enough_gets_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gridwire.cli", "flows"]
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == cli.PIPE_CLOSED
    assert done.stderr == b""


@pytest.mark.parametrize(("action", "exported"), [("up", True), ("down", False)])
def test_only_a_kafka_and_a_registry_that_run_are_to_be_exported(
    action: str, exported: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = Broker("127.0.0.1:19092", "java", exactly_once=True, version="4.1")
    monkeypatch.setattr(sandbox.kafka, action, lambda: broker)
    monkeypatch.setattr(standing, action, lambda: "http://127.0.0.1:18081")
    assert cli.main(["kafka", action]) == 0
    said = capsys.readouterr().out
    assert "127.0.0.1:19092" in said
    assert ("export KAFKA_BOOTSTRAP=127.0.0.1:19092" in said) == exported
    assert ("export SCHEMA_REGISTRY_URL=http://127.0.0.1:18081" in said) == exported
