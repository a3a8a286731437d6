"""braze.case-notification: a profile that is asked for twice on behalf of one case is two commands."""

from gridwire import topics
from streams.tables import CUSTOMERS
from tests.unit.streams.flows.braze.test_case_notification import driven, moved
from tests.unit.streams.making import customer


def test_what_a_waiting_case_asked_for_and_what_it_asks_when_it_goes_on_have_ids_of_their_own() -> (
    None
):
    driver = driven(known=False)
    moved(driver, "open")
    driver.row(CUSTOMERS, customer(email="unknown", push="unknown", sms="unknown"))
    asked = driver.take(topics.BRAZE_COMMANDS)
    assert [command.operation for command in asked] == ["refresh_profile"] * 2
    assert len({command.event_id for command in asked}) == 2
