"""How Braze's events reach gridwire: Currents batches, webhooks from Canvases and campaigns, postbacks."""

from connectors.braze import currents, webhooks
from connectors.braze.platform import platform
from connectors.braze.settings import BrazeSettings, check
from connectors.kit.connector import Delivery, Intake, Route, Source
from connectors.kit.signatures import BearerToken, SecretQuery
from gridwire.settings import Secret

CURRENTS_BODY_BYTES_MAX = 4_000_000  # 100 events by default; room for larger batches
WEBHOOK_BODY_BYTES_MAX = 200_000
POSTBACK_BODY_BYTES_MAX = 20_000


def source(settings: BrazeSettings) -> Source:
    """Routes only: Braze has no objects to fetch and nothing to poll. Raises SettingsError."""
    check(settings)
    routes: tuple[Route, ...] = (currents_route(settings),)
    if settings.webhook_token is not None:
        routes += (webhook_route(settings, settings.webhook_token),)
    if settings.postback_secret is not None:
        routes += (postback_route(settings.postback_secret),)
    return Source(platform=platform(settings), routes=routes)


def currents_route(settings: BrazeSettings) -> Route:
    """POST /braze/currents: batches of the Currents custom HTTP connector."""

    def read(delivery: Delivery) -> Intake:
        return currents.batch(delivery.body, settings)

    tokens = (settings.currents_token, settings.currents_token_previous)
    return Route(
        name="braze.currents",
        path="/braze/currents",
        verify=(BearerToken(tuple(token for token in tokens if token is not None)),),
        read=read,
        body_bytes_max=CURRENTS_BODY_BYTES_MAX,
    )


def webhook_route(settings: BrazeSettings, token: Secret) -> Route:
    """POST /braze/webhooks: webhooks made of the template in docs/braze-templates.md."""

    def read(delivery: Delivery) -> Intake:
        return webhooks.canvas_webhook(delivery.body, settings)

    return Route(
        name="braze.webhooks",
        path="/braze/webhooks",
        verify=(BearerToken((token,)),),
        read=read,
        body_bytes_max=WEBHOOK_BODY_BYTES_MAX,
    )


def postback_route(secret: Secret) -> Route:
    """POST /braze/postbacks?secret=…: what became of transactional messages. Braze can do no more than call the URL."""
    return Route(
        name="braze.postbacks",
        path="/braze/postbacks",
        verify=(SecretQuery("secret", (secret,)),),
        read=webhooks.postback,
        body_bytes_max=POSTBACK_BODY_BYTES_MAX,
    )
