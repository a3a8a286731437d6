"""Seeds: one of each by default, more with `--seeds N`, one to look into with `--seed N`."""

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", _seeds(metafunc.config), ids=lambda seed: f"seed{seed}")


def _seeds(config: pytest.Config) -> list[int]:
    one = config.getoption("--seed")
    return [int(one)] if one is not None else list(range(1, int(config.getoption("--seeds")) + 1))
