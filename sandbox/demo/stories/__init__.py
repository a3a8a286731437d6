"""All stories, in one explicit list: those of flows, by their ids, and those that belong to none."""

from sandbox.demo.stories import (
    bigcommerce_availability,
    bigcommerce_order_exception,
    braze_availability,
    braze_case_notification,
    braze_document_release,
    braze_engagement_insight,
    braze_feedback_loop,
    braze_journey_adjustment,
    braze_service_recovery,
    rough_input,
)
from sandbox.demo.story import Story

STORIES: tuple[Story, ...] = (
    braze_case_notification.STORY,
    braze_feedback_loop.STORY,
    braze_service_recovery.STORY,
    braze_journey_adjustment.STORY,
    braze_document_release.STORY,
    braze_availability.STORY,
    braze_engagement_insight.STORY,
    bigcommerce_order_exception.STORY,
    bigcommerce_availability.STORY,
)
CHECKS: tuple[Story, ...] = (rough_input.STORY,)
