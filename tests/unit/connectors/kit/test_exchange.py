"""Answers as values."""

import pytest

from connectors.kit.connector import Response


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[1,",
        b'{"message":"succ\xe9s"}',
        b'{"a":"\xff\xfe"}',
        b'"\\ud800"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=["empty", "html", "cut", "latin-1", "no text", "surrogate", "lists", "objects"],
)
def test_a_body_that_cannot_be_decoded_is_none(body: bytes) -> None:
    assert Response(201, {}, body).json() is None
