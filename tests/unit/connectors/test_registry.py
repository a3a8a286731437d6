"""Which connectors there are, and when a platform is configured."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from connectors.registry import CONNECTORS, configured
from gridwire.settings import Secret, SettingsError, declared

BRAZE = {
    "BRAZE_BASE_URL": "https://rest.iad-01.braze.com",
    "BRAZE_API_KEY": "key",
    "BRAZE_CURRENTS_TOKEN": "token",
}
BIGCOMMERCE = {
    "BIGCOMMERCE_STORE_HASH": "abc123",
    "BIGCOMMERCE_ACCESS_TOKEN": "token",
    "BIGCOMMERCE_HOOK_SECRET": "secret",
}
TRADING_GRID = {
    "TG_BASE_URL": "https://tg.example/api/active-community/v1",
    "TG_TOKEN_URL": "https://tg.example/oauth2/token",
    "TG_CLIENT_ID": "gridwire",
    "TG_CLIENT_SECRET": "secret",
    "TG_WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"k" * 32).decode(),
}


def names(environ: dict[str, str]) -> list[str]:
    return [connector.name for connector, _ in configured(environ)]


def test_a_platform_is_configured_when_its_required_variables_are_set() -> None:
    assert names({}) == []
    assert names(BRAZE) == ["braze"]
    assert names({**TRADING_GRID, **BRAZE}) == ["braze", "trading-grid"]
    assert names({**BRAZE, **BIGCOMMERCE, **TRADING_GRID}) == [
        "braze",
        "bigcommerce",
        "trading-grid",
    ]


def test_a_setting_that_is_not_required_configures_nothing() -> None:
    assert names({"BRAZE_CONCURRENCY": "4", "TG_SCOPE": "x"}) == []


def test_a_platform_that_is_half_configured_is_refused_with_all_that_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        configured({"BRAZE_API_KEY": "key", "BIGCOMMERCE_STORE_HASH": "abc123"})
    said = str(caught.value)
    for name in ("BRAZE_BASE_URL", "BRAZE_CURRENTS_TOKEN", "BIGCOMMERCE_HOOK_SECRET"):
        assert name in said


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("key\n")
    environ = {name: value for name, value in BRAZE.items() if name != "BRAZE_API_KEY"}
    ((_, settings),) = configured({**environ, "BRAZE_API_KEY_FILE": str(path)})
    assert "key" not in repr(settings).replace("api_key", "")
    with pytest.raises(SettingsError):
        configured({"BRAZE_API_KEY_FILE": str(path)})


def test_settings_that_do_not_fit_one_another_are_found_at_the_start() -> None:
    with pytest.raises(SettingsError, match="BIGCOMMERCE_CLIENT_SECRET"):
        configured({**BIGCOMMERCE, "BIGCOMMERCE_REQUIRE_SIGNATURE": "true"})


def test_every_connector_is_of_its_platform_throughout() -> None:
    prefixes = {"braze": "BRAZE_", "bigcommerce": "BIGCOMMERCE_", "trading-grid": "TG_"}
    assert {connector.name for connector in CONNECTORS} == set(prefixes)
    for connector, settings in configured({**BRAZE, **BIGCOMMERCE, **TRADING_GRID}):
        source, sink = connector.source(settings), connector.sink(settings)
        assert source.platform.name == sink.platform.name == connector.name
        assert sink.commands.name == f"command.{connector.name}"
        assert sink.receipts.name == f"receipt.{connector.name}"
        assert {poll.resource.split(".")[0] for poll in source.polls} <= {connector.name}
        for setting in declared(connector.settings):
            assert setting.env.name.startswith(prefixes[connector.name])


def test_what_is_secret_is_typed_so() -> None:
    for connector in CONNECTORS:
        for setting in declared(connector.settings):
            secret = any(word in setting.field for word in ("secret", "token", "api_key"))
            url = setting.field.endswith("_url")
            assert setting.secret == (secret and not url), setting.env.name
    assert str(Secret("x")) == "…"
