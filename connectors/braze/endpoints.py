"""Paths of Braze's REST API. Those that end with a slash go on with a name."""

TRANSACTIONAL = "/transactional/v1/campaigns/"
EXPORT_IDS, TRACK = "/users/export/ids", "/users/track"
TRIGGER, CANVAS_TRIGGER = "/campaigns/trigger/send", "/canvas/trigger/send"
GROUP_STATUS, SUBSCRIPTION = "/subscription/status/get", "/v2/subscription/status/set"
CATALOGS = "/catalogs/"
SCHEDULE = "/trigger/schedule/"  # behind /campaigns or /canvas

# Of the records in one body: Braze takes 4 MB, and each item has some names and ids around it.
BODY_BYTES_MAX = 3_500_000
