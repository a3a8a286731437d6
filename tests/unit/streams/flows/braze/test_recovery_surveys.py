"""braze.service-recovery: whoever was won back is asked some days later, unless the incident is open again."""

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from tests.unit.streams.flows.braze.customers import WHO, about, calls, lived
from tests.unit.streams.flows.braze.recoveries import FLOW, driven, resolved, worth
from tests.unit.streams.making import DAY_MS, ORDER

DELETION = ("delete_schedule", "sch-1")


def scheduled(driver: Driver, *, about_flow: str = FLOW, schedule_id: str = "sch-1") -> None:
    """Braze says which id the survey got."""
    fact = r.BrazeSchedule(
        schedule_id=schedule_id,
        customer_ref=WHO,
        order_ref=ORDER,
        about=about_flow,
        campaign_id="recovery-survey",
        send_at=driver.now_ms + 3 * DAY_MS,
        state="created",
        occurred_at=driver.now_ms,
        version=driver.now_ms,
    )
    driver.send(topics.BRAZE_SCHEDULES, fact)


def reopened(driver: Driver, version: int = 3) -> None:
    lived(driver, about("damaged", status="reopened", version=version))


def test_an_incident_that_is_reopened_keeps_no_survey() -> None:
    driver = driven()
    resolved(driver)
    scheduled(driver)
    scheduled(driver, about_flow="another.flow", schedule_id="not ours")
    calls(driver)
    reopened(driver)
    assert calls(driver, FLOW) == [DELETION]


def test_a_survey_whose_id_comes_after_the_incident_was_reopened_is_taken_back() -> None:
    driver = driven()
    resolved(driver)
    reopened(driver)
    calls(driver)
    scheduled(driver)
    assert calls(driver, FLOW) == [DELETION]


def test_the_survey_of_an_incident_that_stays_settled_goes_out() -> None:
    driver = driven()
    resolved(driver)
    scheduled(driver)
    calls(driver)
    lived(driver, about("damaged", status="closed", version=3, resolution=worth(0)))
    lived(driver, about("damaged", thread_id="th_2"))  # another incident is none of its business
    assert calls(driver, FLOW) == []


def test_a_recovery_that_goes_out_late_has_its_survey_days_after_it() -> None:
    driver = driven()
    lived(driver, about("damaged"))
    driver.send(topics.TRADING_GRID_THREADS, about("damaged", status="resolved", version=2))
    driver.now_ms += 8 * DAY_MS  # no worker ran
    driver.restart()
    driver.advance(minutes=1)
    (survey,) = [
        one.schedule_campaign for one in driver.out(topics.BRAZE_COMMANDS) if one.schedule_campaign
    ]
    assert survey.send_at > driver.now_ms + DAY_MS
