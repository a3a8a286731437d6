"""Every registered connector is in the conformance suite, whole, and passes enough of it."""

from dataclasses import replace

import pytest

from connectors.registry import CONNECTORS
from gridwire.topics import BIGCOMMERCE_NOTICES, BIGCOMMERCE_RECEIPTS
from tests.contract.connectors.conformance import CONFORMANCES
from tests.contract.connectors.conformance.cases import APPLYING_MIN, CASES, applying
from tests.contract.connectors.conformance.stage import told
from tests.contract.connectors.conformance.value import Conformance, Place

SUITE = "tests/contract/connectors/conformance"
WORDS_MIN = 4
OF_TIME = {
    "a delivery that is too old is refused",
    "a delivery from the future is refused",
    "a delivery by a clock a little apart is taken",
}
OF_THE_BODY = {"a delivery whose body was changed is refused"}


def undeclared(value: Conformance) -> list[str]:
    """Cases and groups that need what the value does not declare, and that it does not call inapplicable either."""
    needs = {
        "fetches": value.read is None,
        "polls": value.read is None or value.read.poll is None,
        "versions out of order hide none": value.hooks[0].newer is None,
        "good events of a batch with a bad one are taken": value.hooks[0].batched is None,
        "a half-failed batch is not taken for a success": value.half_failed is None,
        **{one.name: value.token is None for one in CASES if "token" in one.name},
        **dict.fromkeys(sorted(OF_TIME), not value.hooks[0].dated),
        **dict.fromkeys(sorted(OF_THE_BODY), not value.hooks[0].sealed),
    }
    applies = {one.name for one in applying(value)} | {one.group for one in applying(value)}
    return [name for name, lacking in needs.items() if lacking and name in applies]


def to_paste(value: Conformance, missing: list[str]) -> str:
    lines = "".join(f'        "{name}": "…",\n' for name in missing)
    return (
        f"{value.name}: declare what these need, or paste them into its Conformance, each with a sentence why:\n"
        f"    inapplicable={{\n{lines}    }},"
    )


def test_what_is_missing_is_said_at_once_and_can_be_pasted() -> None:
    whole = next(one for one in CONFORMANCES if one.read is not None and one.token is not None)
    assert whole.read is not None
    unpolled = replace(whole, read=replace(whole.read, poll=None), token=None, half_failed=None)
    missing = undeclared(unpolled)
    assert "polls" in missing
    assert "fetches" not in missing
    assert {one.name for one in CASES if "token" in one.name} <= {*missing, *whole.inapplicable}
    said = to_paste(unpolled, missing)
    assert all(f'        "{name}": "…",' in said for name in missing)
    given = dict.fromkeys(missing, "said in a sentence of words")
    pasted = replace(unpolled, inapplicable={**whole.inapplicable, **given})
    assert undeclared(pasted) == []


def test_topics_are_followed_whatever_platform_they_are_named_after() -> None:
    value = next(one for one in CONFORMANCES if one.name == "braze")
    connector = next(one for one in CONNECTORS if one.name == "braze")
    settings = connector.load(value.environ(Place("http://127.0.0.1:1")))
    sink = replace(connector.sink(settings), receipts=BIGCOMMERCE_RECEIPTS)
    source = replace(connector.source(settings), notices=BIGCOMMERCE_NOTICES)
    names = {BIGCOMMERCE_RECEIPTS.name, BIGCOMMERCE_NOTICES.name, value.hooks[0].topic.name}
    assert names <= set(told(value, sink, source))


def test_every_registered_connector_is_in_the_suite() -> None:
    missing = {one.name for one in CONNECTORS} - {one.name for one in CONFORMANCES}
    assert not missing, f"add a Conformance of {sorted(missing)} to CONFORMANCES in {SUITE}"


def test_no_two_cases_share_a_name() -> None:
    assert len({one.name for one in CASES}) == len(CASES)


@pytest.mark.parametrize("value", CONFORMANCES, ids=lambda value: value.name)
class TestConformance:
    def test_every_operation_and_every_route_is_in_it(self, value: Conformance) -> None:
        connector = next(one for one in CONNECTORS if one.name == value.name)
        settings = connector.load(value.environ(Place("http://127.0.0.1:1")))
        operations = set(connector.sink(settings).operations)
        assert {one.operation for one in value.writes} == operations, "a Write for each operation"
        routes = {one.path for one in connector.source(settings).routes}
        assert {one.path for one in value.hooks} == routes, "a Hook for each route"

    def test_enough_cases_apply(self, value: Conformance) -> None:
        assert len(applying(value)) >= APPLYING_MIN

    def test_what_does_not_apply_is_a_case_and_says_why(self, value: Conformance) -> None:
        known = {one.name for one in CASES} | {one.group for one in CASES}
        unknown = value.inapplicable.keys() - known
        assert not unknown, f"there is no such case or group: {sorted(unknown)}"
        for name, reason in value.inapplicable.items():
            assert len(reason.split()) >= WORDS_MIN, f"{name}: say in a sentence why"

    def test_a_proof_with_a_time_or_over_the_body_is_tried(self, value: Conformance) -> None:
        names = {one.name for one in applying(value)}
        assert (names >= OF_TIME) == value.hooks[0].dated
        assert (names >= OF_THE_BODY) == value.hooks[0].sealed

    def test_what_is_not_declared_is_declared_inapplicable(self, value: Conformance) -> None:
        missing = undeclared(value)
        assert not missing, to_paste(value, missing)
