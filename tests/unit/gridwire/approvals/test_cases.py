"""What waits for a decision, what was decided, and how it is shown: never with personal data."""

import json

import pytest

from gridwire import cli
from gridwire.commands.approvals.cases import Cases, decided, line
from gridwire.ids import derived
from gridwire.records import Approval, ApprovalDecision
from gridwire.topics import APPROVAL_DECISIONS, APPROVALS

ASKED_MS, NOW_MS, EXPIRES_MS = 1_000, 2_000, 3_000


def approval(number: int = 1, **changed: object) -> Approval:
    given: dict[str, object] = {
        "event_id": derived("a", "record", number),
        "trace_id": "ab" * 16,
        "approval_id": derived("a", "approval", number),
        "flow": "braze.service-recovery",
        "key": "jo@example.com",
        "question": "Pay 80.00 EUR for a damaged item?",
        "order_ref": "bigcommerce:1001",
        "amount_minor": 8_000,
        "currency": "EUR",
        "limit_minor": 5_000,
        "asked_at": ASKED_MS,
        "expires_at": EXPIRES_MS,
    }
    return Approval(**(given | changed))  # type: ignore[arg-type]


def decision(number: int = 1, what: str = "granted", by: str = "ann") -> ApprovalDecision:
    return decided(approval(number), what, by, "", NOW_MS)  # type: ignore[arg-type]


def cases(*found: Approval | ApprovalDecision) -> Cases:
    held = Cases()
    held.read(found)
    return held


def state(*found: Approval | ApprovalDecision, now_ms: int = NOW_MS) -> str:
    (case,) = cases(*found)
    return case.state(now_ms)


def test_an_approval_is_open_until_it_is_decided_or_its_time_is_over() -> None:
    assert state(approval()) == "open"
    assert state(approval(), now_ms=EXPIRES_MS) == "expired"
    assert state(approval(), decision(what="granted")) == "granted"
    assert state(approval(), decision(what="refused"), now_ms=EXPIRES_MS) == "refused"


def test_the_first_decision_holds_and_a_second_one_has_its_id() -> None:
    first, second = decision(what="granted"), decision(what="refused", by="bob")
    assert first.event_id == second.event_id != decision(2).event_id
    assert state(approval(), first, second) == "granted"


def test_a_question_that_is_asked_again_is_one_and_the_next_to_expire_comes_first() -> None:
    later, sooner = approval(1), approval(2, expires_at=EXPIRES_MS - 1)
    found = [case.approval.approval_id for case in cases(later, sooner, later)]
    assert found == [sooner.approval_id, later.approval_id]


def test_a_decision_that_this_version_does_not_know_leaves_the_question_open() -> None:
    assert state(approval(), decision(what="unknown")) == "open"


def test_a_decision_of_nothing_is_nothing() -> None:
    held = cases(decision())
    assert list(held) == []
    assert held[approval().approval_id] is None


def test_a_decision_goes_back_under_the_key_of_the_state_that_waits() -> None:
    found = decision()
    assert APPROVAL_DECISIONS.key(found) == APPROVALS.key(approval()) == "jo@example.com"
    assert (found.flow, found.approval_id) == (approval().flow, approval().approval_id)
    assert (found.causation_id, found.trace_id) == (approval().event_id, "ab" * 16)


def test_what_is_shown_has_no_key() -> None:
    (case,) = cases(approval(), decision())
    shown = json.dumps(case.row(NOW_MS)) + line(case, NOW_MS)
    assert "jo@example.com" not in shown
    assert "80.00 EUR" in line(case, NOW_MS)
    assert case.row(NOW_MS)["by"] == "ann"


def test_an_amount_is_shown_with_the_digits_of_its_currency() -> None:
    (case,) = cases(approval(currency="JPY", amount_minor=1_230))
    assert "1230 JPY" in line(case, NOW_MS)


@pytest.mark.parametrize(
    "words",
    [
        ["grant"],
        ["grant", "1"],
        ["refuse", approval().approval_id, "--note", "x" * 501],
        ["list", "--limit", "0"],
        ["list", "--state", "lost"],
        [],
    ],
)
def test_a_call_that_makes_no_sense_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.parser().parse_args(["approvals", *words])
    assert caught.value.code == 2
    assert capsys.readouterr().err


def test_ids_are_taken_as_they_were_copied() -> None:
    found = cli.parser().parse_args(["approvals", "grant", f" {approval().approval_id.upper()}"])
    assert found.approvals == [approval().approval_id]
