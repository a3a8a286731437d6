"""Health checks: each counts, and one that cannot run does not pass for healthy."""

from gridwire.health import Health


def test_a_check_that_raises_counts_as_failed() -> None:
    health = Health()
    health.live("odd", lambda: str(int("alice")))
    assert health.report("live").problems == {"odd": "check failed to run (ValueError)"}


def test_a_check_that_is_removed_does_not_count() -> None:
    health = Health()
    health.ready("start", lambda: "starting")
    health.remove("start")
    assert health.report("ready").ok


def test_one_more_check_counts_only_where_it_has_a_reason() -> None:
    health = Health()
    health.live("thread", lambda: None)
    report = health.report("live")
    assert report.failing("event loop", None).ok
    worse = report.failing("event loop", "held up")
    assert not worse.ok
    assert (worse.checks, worse.problems) == (("thread", "event loop"), {"event loop": "held up"})
