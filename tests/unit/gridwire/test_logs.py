"""Structured logs: one JSON object a line, no secrets, no personal data."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from gridwire import logs
from gridwire.settings import Secret


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged; the logging of the test run comes back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("sinks", "INFO", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_event_is_one_line_of_json_with_its_fields(lines: io.StringIO) -> None:
    logging.getLogger("kit").info("command delivered", extra={"platform": "braze", "attempts": 2})
    (line,) = lines.getvalue().splitlines()
    event = json.loads(line)
    assert event["at"].endswith("Z")
    del event["at"]
    assert event == {
        "level": "info",
        "logger": "kit",
        "role": "sinks",
        "event": "command delivered",
        "platform": "braze",
        "attempts": 2,
    }


def test_a_text_with_line_breaks_stays_on_one_line(lines: io.StringIO) -> None:
    logging.getLogger("kit").warning("first\nsecond", extra={"reason": "a\nb"})
    (line,) = lines.getvalue().splitlines()
    assert json.loads(line)["reason"] == "a\nb"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "hunter2"),
        ("access_token", "hunter2"),
        ("secret", Secret("hunter2")),
        ("anything", Secret("hunter2")),
        ("why", "Authorization: Bearer hunter2hunter2"),
        ("why", "https://host/hook?token=hunter2&x=1"),
        ("why", "whsec_hunter2hunter2"),
        ("why", "mail to hunter2@example.com bounced"),
    ],
)
def test_what_looks_like_a_secret_or_an_address_is_blotted_out(
    lines: io.StringIO, name: str, value: object
) -> None:
    logging.getLogger("kit").info("event", extra={name: value})
    assert "hunter2" not in lines.getvalue()


def test_an_error_tells_its_class_and_place_but_not_its_message(lines: io.StringIO) -> None:
    try:
        try:
            int("alice")
        except ValueError as error:
            raise KeyError("alice") from error
    except KeyError:
        logging.getLogger("kit").exception("failed")
    event = json.loads(lines.getvalue())
    assert event["error"] == "KeyError < ValueError"
    assert "test_logs.py:" in event["traceback"]
    assert "alice" not in lines.getvalue()


def test_below_the_level_nothing_is_logged(lines: io.StringIO) -> None:
    logging.getLogger("kit").debug("detail")
    logging.getLogger("uvicorn.access").info("GET /hook?token=x")
    assert lines.getvalue() == ""


def test_endless_texts_are_cut(lines: io.StringIO) -> None:
    logging.getLogger("kit").info("event", extra={"why": "x" * 100_000})
    assert len(lines.getvalue()) < 3_000
