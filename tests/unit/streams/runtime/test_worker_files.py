"""What a worker leaves in the folder that it is started in."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gridwire.settings import KafkaSettings
from streams.engine.plan import plan
from streams.runtime.worker import faust_app
from tests.unit.streams.engine.flows import TWO_WAITS


def test_with_state_in_memory_a_worker_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = KafkaSettings(bootstrap="nowhere:1", registry_url="http://unused")
    context: Any = SimpleNamespace(
        kafka=settings, group="streams", rounds=SimpleNamespace(plan=plan((TWO_WAITS,)))
    )
    faust_app(context)._create_directories()
    assert list(tmp_path.iterdir()) == []
