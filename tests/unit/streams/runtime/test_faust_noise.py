"""What Faust says at every start and means nothing here is left out; everything else it says is not."""

import pytest

from streams.runtime.worker import _App


def test_that_there_are_no_sensors_is_not_said_and_other_warnings_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = _App("gridwire-noise", store="memory://", web_enabled=False)
    app.on_rebalance_return()
    app.on_rebalance_end()
    app.log.warning("something else")
    assert [record.getMessage() for record in caplog.records] == ["[^_App]: something else"]
