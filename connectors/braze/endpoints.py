"""Paths of Braze's REST API. Those that end with a slash go on with a name."""

TRANSACTIONAL = "/transactional/v1/campaigns/"
EXPORT_IDS, TRACK = "/users/export/ids", "/users/track"
TRIGGER, CANVAS_TRIGGER = "/campaigns/trigger/send", "/canvas/trigger/send"
GROUP_STATUS, SUBSCRIPTION = "/subscription/status/get", "/v2/subscription/status/set"
CATALOGS = "/catalogs/"
SCHEDULE = "/trigger/schedule/"  # behind /campaigns or /canvas
