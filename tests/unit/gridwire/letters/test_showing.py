"""What is shown of a letter: where it stood and why; nothing personal unless raw bytes are asked for."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from gridwire.codec import Codec
from gridwire.commands.letters.letter import Letter
from gridwire.commands.letters.text import HEAD, line, paragraph, shown
from gridwire.dead_letters import Origin, Why
from gridwire.records import DeadLetterMark
from gridwire.redaction import HIDDEN, Redaction
from gridwire.replays import Timer
from gridwire.topics import DEAD_LETTER_SINKS, Topic
from streams.driver import LocalRegistry
from tests.unit.gridwire.letters.making import AT_MS, letter
from tests.unit.streams.engine.flows import event

WHY = Why("flow raised", "braze.engagement-insight/enrich", error_class="builtins.ValueError")


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec(LocalRegistry())


def of_record(codec: Codec, topic: Topic[Any], record: r.Record, key: str) -> Letter:
    origin = Origin(topic.name, 2, 41, (("cookie", b"session-of-ann"),))
    value = codec.of(topic).encode(record)
    return letter(WHY, origin=origin, key=key.encode(), value=value)


def test_personal_fields_key_and_foreign_headers_are_hidden(codec: Codec) -> None:
    record = event("ann@shopper.example", properties={"note": "call +49 170"})
    one = of_record(codec, topics.BRAZE_ENGAGEMENT, record, "ann@shopper.example")
    found = shown(one, "open", None, codec, None)
    assert found["record"]["user_id"] == HIDDEN
    assert found["record"]["properties"] == HIDDEN
    assert found["record"]["sku"] == "S1"
    assert found["key"] == HIDDEN
    assert found["headers"]["cookie"] == "(14 bytes)"
    assert found["headers"]["__connect.errors.topic"] == "source.braze.engagement"
    text = json.dumps(found) + paragraph(found)
    assert "ann@" not in text
    assert "of-ann" not in text
    assert "+49" not in text


def test_raw_shows_the_bytes_as_they_are(codec: Codec) -> None:
    one = of_record(codec, topics.BRAZE_ENGAGEMENT, event("ann"), "ann")
    raw = shown(one, "open", None, codec, "hex")["raw"]
    assert bytes.fromhex(raw["value"]) == one.value
    assert bytes.fromhex(raw["key"]) == b"ann"
    raw = shown(one, "open", None, codec, "base64")["raw"]
    assert base64.b64decode(raw["value"]) == one.value
    assert raw["headers"] == [["cookie", base64.b64encode(b"session-of-ann").decode()]]


def test_what_is_personal_within_a_command_is_hidden_and_so_is_the_lane_that_repeats_it() -> None:
    body = r.RefreshProfile(customer_ref="crm-4711")
    command = r.BrazeCommand(
        flow="f", lane="crm-4711", operation="refresh_profile", refresh_profile=body
    )
    found = Redaction.of(command)
    assert found.record["refresh_profile"] == {"customer_ref": HIDDEN}
    assert found.record["lane"] == HIDDEN
    assert found.record["operation"] == "refresh_profile"
    assert found.scrubbed("crm-4711") == HIDDEN


def test_what_a_message_says_of_a_customer_is_hidden_wherever_it_stands() -> None:
    body = r.TriggerCampaign(
        campaign_id="case-open",
        customer_ref="crm-4711",
        trigger_properties={"name": "Ann Ässel", "case": "operation"},
        attributes={"city": "Ulm"},
    )
    command = r.BrazeCommand(
        flow="an.operation", lane="l-1", operation="trigger_campaign", trigger_campaign=body
    )
    found = Redaction.of(command)
    shown_body = found.record["trigger_campaign"]
    assert (shown_body["trigger_properties"], shown_body["attributes"]) == (HIDDEN, HIDDEN)
    assert shown_body["campaign_id"] == "case-open"
    assert (found.record["flow"], found.record["operation"]) == ("an.operation", "trigger_campaign")
    assert found.hidden({"users": [{"said": "dear ANN ÄSSEL!", "n": 1}], "to": "ulm"}) == {
        "users": [{"said": HIDDEN, "n": 1}],
        "to": HIDDEN,
    }
    assert found.scrubbed("/users/Ann%20%C3%84ssel/send") == HIDDEN


def test_a_short_personal_text_does_not_hide_what_happens_to_contain_it() -> None:
    found = Redaction.of(event("1", sku="S1"))
    assert found.record["user_id"] == HIDDEN
    assert found.record["sku"] == "S1"
    assert found.scrubbed("1") == HIDDEN


def test_a_key_that_is_not_personal_is_shown(codec: Codec) -> None:
    record = r.Availability(
        update_id="u1",
        partner_id="P1",
        sku="S1",
        type="stock",
        sequence=1,
        decision_status="accepted",
    )
    one = of_record(codec, topics.TRADING_GRID_AVAILABILITY, record, "S1")
    assert shown(one, "open", None, codec, None)["key"] == "S1"


@pytest.mark.parametrize(
    ("one", "note"),
    [
        (letter(WHY, value=b"alice"), "not readable here either (wrong magic byte)"),
        (letter(WHY, value=None), "not readable here either (empty value)"),
        (letter(WHY, origin=Origin(), value=b"alice"), "what a platform sent, 5 bytes"),
        (
            letter(
                Why("timer failed", "a.flow/leg", timer=Timer("close/17", 5)),
                origin=Origin("state.a.flow.leg", 0, -1),
                value=b"alice",
            ),
            "the state of a timer, 5 bytes",
        ),
    ],
)
def test_what_cannot_be_decoded_is_not_shown(codec: Codec, one: Letter, note: str) -> None:
    found = shown(one, "open", None, codec, None)
    assert found["note"].startswith(note)
    assert found["record"] is None
    assert found["key"] == HIDDEN
    assert "alice" not in json.dumps(found)


def test_what_was_done_with_a_letter_is_said(codec: Codec) -> None:
    one = letter(WHY, to=DEAD_LETTER_SINKS)
    mark = DeadLetterMark(
        letter=str(one.id),
        state="replayed",
        target="command.braze",
        flow="f",
        reason="r",
        occurred_at=AT_MS,
    )
    text = paragraph(shown(one, "replayed", mark, codec, None))
    assert "state: replayed" in text
    assert "marked_at: 2026-01-01T00:00:00.000Z" in text
    assert "target: command.braze" in text


def test_a_line_of_the_list_has_place_reason_and_state_and_nothing_of_the_record() -> None:
    text = line(letter(WHY, key=b"ann", value=b"bytes-of-ann"), "discarded")
    for word in (
        "dead-letter.streams/0/7",
        "discarded",
        "braze.engagement-insight/enrich",
        "flow raised",
        "source.braze.engagement/2/41",
    ):
        assert word in text
    assert "ann" not in text


def test_the_head_of_the_list_stands_above_its_columns_and_what_a_letter_was_before_is_one() -> (
    None
):
    before = "dead-letter.streams/0/3"
    again = replace(WHY, replay_of=before, trace_id="ab" * 16)
    text = line(letter(again), "open")
    for name, value in (("state", "open"), ("flow", WHY.flow), ("replay of", before)):
        assert text[HEAD.index(name) :].startswith(value)
    assert line(letter(WHY), "open").endswith(" -")
