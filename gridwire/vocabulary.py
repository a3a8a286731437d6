"""Closed lists shared by all flows: thread kinds and statuses, reason codes, resolution actions."""

from enum import StrEnum


class ThreadKind(StrEnum):
    ORDER_EXCEPTION = "order_exception"
    RETURN = "return"
    CHARGEBACK = "chargeback"
    CLAIM = "claim"
    WARRANTY = "warranty"
    COMPLIANCE = "compliance"
    ALLOCATION = "allocation"
    LAUNCH = "launch"
    SERVICE_CASE = "service_case"
    RECURRING_ISSUE = "recurring_issue"
    CONTENT_REQUEST = "content_request"
    ASSET_ISSUE = "asset_issue"
    FEEDBACK = "feedback"
    DOCUMENT_REQUEST = "document_request"
    DISCUSSION = "discussion"
    EVENT = "event"


class ThreadStatus(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    AWAITING_PARTNER = "awaiting_partner"
    AWAITING_INTERNAL = "awaiting_internal"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class ReasonCode(StrEnum):
    PAYMENT_FAILURE = "payment_failure"
    INVENTORY_SHORTAGE = "inventory_shortage"
    ADDRESS_INVALID = "address_invalid"
    FRAUD_REVIEW = "fraud_review"
    MANUAL_VERIFICATION = "manual_verification"
    SHIPPING_DELAY = "shipping_delay"
    CUSTOMER_MESSAGE = "customer_message"
    CARRIER_EXCEPTION = "carrier_exception"
    LOST_PARCEL = "lost_parcel"
    DELAYED_FULFILMENT = "delayed_fulfilment"
    MISSING_DOCUMENT = "missing_document"
    DAMAGED = "damaged"
    MISSING_COMPONENT = "missing_component"
    MISSING_ITEM = "missing_item"
    DEFECTIVE = "defective"
    WRONG_ITEM = "wrong_item"
    BILLING_CORRECTION = "billing_correction"
    INVOICE_DISCREPANCY = "invoice_discrepancy"
    OTHER = "other"


class ResolutionAction(StrEnum):
    REFUND = "refund"
    REPLACE = "replace"
    CREDIT = "credit"
    CANCEL = "cancel"
    SHIP = "ship"
    NONE = "none"
