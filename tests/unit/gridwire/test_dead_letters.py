"""Dead letters: original bytes, Connect's headers, nothing out of the payload."""

import pytest
from confluent_kafka import Message

from gridwire import dead_letters as dl
from gridwire.dead_letters import Origin, Why, dead_letter, of_message
from gridwire.topics import DEAD_LETTER_SINKS, DEAD_LETTER_SOURCES

WHY = Why("refused", "braze.case-notification", detail="refused: status 400", attempt=3)


def test_a_consumed_message_keeps_key_value_and_headers_and_gains_connects() -> None:
    message = Message(
        topic="command.braze",
        partition=2,
        offset=41,
        key=b"k",
        value=b"\x00v",
        headers=[("trace", b"t"), ("gridwire.reason", b"an earlier one")],
    )
    (letter,) = of_message(DEAD_LETTER_SINKS, WHY, message)
    assert (letter.topic, letter.key, letter.value) == ("dead-letter.sinks", b"k", b"\x00v")
    headers = dict(letter.headers)
    assert len(headers) == len(letter.headers)
    assert headers["trace"] == b"t"
    assert headers[dl.TOPIC] == b"command.braze"
    assert (headers[dl.PARTITION], headers[dl.OFFSET]) == (b"2", b"41")
    assert headers[dl.REASON] == b"refused"
    assert headers[dl.EXCEPTION_MESSAGE] == b"refused: status 400"
    assert (headers[dl.FLOW], headers[dl.ATTEMPT]) == (b"braze.case-notification", b"3")
    assert int(headers[dl.FAILED_AT] or b"0") > 0


def test_an_exception_gives_its_class_and_never_its_text() -> None:
    why = Why("not readable", "f", error=ValueError("alice@example.com"))
    (letter,) = dead_letter(DEAD_LETTER_SINKS, why, key=None, value=b"v")
    headers = dict(letter.headers)
    assert headers[dl.EXCEPTION_CLASS] == b"builtins.ValueError"
    assert b"alice" not in b"".join(value or b"" for value in headers.values())
    assert dl.TOPIC not in headers


@pytest.mark.parametrize("size", [0, 1, dl.VALUE_BYTES_MAX, dl.VALUE_BYTES_MAX + 1, 4_000_000])
def test_bytes_of_any_size_are_kept_in_parts_that_fit(size: int) -> None:
    raw = bytes(size)
    letters = dead_letter(DEAD_LETTER_SOURCES, WHY, key=b"digest", value=raw)
    assert b"".join(letter.value or b"" for letter in letters) == raw
    assert {letter.key for letter in letters} == {b"digest"}
    assert all(len(letter.value or b"") <= dl.VALUE_BYTES_MAX for letter in letters)
    parts = [dict(letter.headers).get(dl.PART) for letter in letters]
    total = len(letters)
    numbered = [f"{number}/{total}".encode() for number in range(1, total + 1)]
    assert parts == (numbered if total > 1 else [None])


def test_endless_headers_and_keys_are_cut() -> None:
    origin = Origin(headers=tuple((f"h{n}", b"x" * 5_000) for n in range(100)))
    why = Why("r" * 5_000, "f" * 5_000, detail="d" * 5_000)
    (letter,) = dead_letter(DEAD_LETTER_SINKS, why, key=b"k" * 50_000, value=b"", origin=origin)
    size = sum(len(name) + len(value or b"") for name, value in letter.headers)
    assert size + len(letter.key or b"") < dl.ENVELOPE_BYTES + dl.KEY_BYTES_MAX
