"""`gridwire backfill`: calls that make no sense are refused with the fix, before anything is asked of anybody."""

from pathlib import Path

import pytest

from gridwire import cli
from gridwire.commands.backfill import CallError, moment_ms

VARIABLES = {
    "KAFKA_BOOTSTRAP": "127.0.0.1:9",
    "SCHEMA_REGISTRY_URL": "http://127.0.0.1:9",
    "TG_BASE_URL": "http://127.0.0.1:9/api",
    "TG_TOKEN_URL": "http://127.0.0.1:9/token",
    "TG_CLIENT_ID": "gridwire",
    "TG_CLIENT_SECRET": "secret",
    "TG_WEBHOOK_SECRET": "whsec_" + "a2V5" * 11,
    "BIGCOMMERCE_STORE_HASH": "abc123",
    "BIGCOMMERCE_ACCESS_TOKEN": "token",
    "BIGCOMMERCE_HOOK_SECRET": "hook",
    "BRAZE_BASE_URL": "http://127.0.0.1:9",
    "BRAZE_API_KEY": "key",
    "BRAZE_CURRENTS_TOKEN": "currents",
    "BRAZE_WEBHOOK_TOKEN": "webhooks",
}
SINCE = "2020-01-01"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["nope", "--since", SINCE], "configured are bigcommerce, braze, trading-grid"),
        (["braze", "--since", SINCE], "all that it brings comes by webhook"),
        (
            ["trading-grid/orders", "--since", SINCE],
            "partners, threads, availability, documents, events",
        ),
        (["bigcommerce/inventory", "--since", SINCE], "is not listed by time of change"),
        (["bigcommerce/hooks", "--since", SINCE], "backfill one of orders, products"),
        (["trading-grid", "--since", "yesterday"], "write it like"),
        (["trading-grid", "--since", SINCE, "--until", "tomorrow"], "--until 'tomorrow'"),
        (["trading-grid", "--since", "2999-01-01"], "not before now"),
        (["trading-grid", "--since", "1960-01-01"], "before 1970"),
        (["trading-grid", "--since", "2024-01-01", "--until", "2023-01-01"], "before --until"),
        (["trading-grid", "--since", "2024-01-01", "--until", "2999-01-01"], "future"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused_with_the_fix(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["backfill", *arguments]) == 2
    assert hint in capsys.readouterr().err


def test_times_are_iso_and_in_utc_where_they_do_not_say() -> None:
    assert moment_ms("1970-01-02", "--since") == 86_400_000
    assert moment_ms("1970-01-01T00:00:01Z", "--since") == 1_000
    assert moment_ms("1970-01-01T02:00:00+02:00", "--since") == 0
    with pytest.raises(CallError, match="--since"):
        moment_ms("", "--since")


def test_a_platform_that_does_not_answer_or_refuses_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.kit.reads.backfill.ATTEMPTS_MAX", 1)
    status = cli.main(["backfill", "trading-grid/partners", "--since", SINCE, "--dry-run"])
    assert status == 1
    said = capsys.readouterr()
    assert "trading-grid.partners: the platform does not answer" in said.err
    assert "only webhooks bring them" in said.out
