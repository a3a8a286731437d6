"""Every registered connector is in the conformance suite, whole, and passes enough of it."""

import pytest

from connectors.registry import CONNECTORS
from tests.contract.connectors.conformance import CONFORMANCES
from tests.contract.connectors.conformance.cases import APPLYING_MIN, CASES, applying
from tests.contract.connectors.conformance.value import Conformance, Place

SUITE = "tests/contract/connectors/conformance"
WORDS_MIN = 4
OF_TIME = {
    "a delivery that is too old is refused",
    "a delivery from the future is refused",
    "a delivery by a clock a little apart is taken",
}
OF_THE_BODY = {"a delivery whose body was changed is refused"}


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
        left_out = {one.name for one in CASES} - {one.name for one in applying(value)}
        if value.read is None:
            assert {one.name for one in CASES if one.group in ("fetches", "polls")} <= left_out
        if value.token is None:
            assert {one.name for one in CASES if "token" in one.name} <= left_out
        if value.hooks[0].newer is None:
            assert "versions out of order hide none" in left_out
        if value.hooks[0].batched is None:
            assert "good events of a batch with a bad one are taken" in left_out
        if value.half_failed is None:
            assert "a half-failed batch is not taken for a success" in left_out
