"""What Braze's answers hold beside their verdict."""

from connectors.braze.wire import text
from connectors.kit.connector import Response
from connectors.kit.reading import server_s
from gridwire.records import BrazeCommand


def field(response: Response, name: str) -> str | None:
    """A field of the answer's object as text; None where it is not there."""
    body = response.json()
    return text(body.get(name)) if isinstance(body, dict) else None


def answered_ms(response: Response, command: BrazeCommand) -> int:
    """When Braze answered, by its own clock; when the command was written, where Braze does not say."""
    at_s = server_s(response.headers)
    return command.produced_at if at_s is None else at_s * 1000
