"""What Braze's answers hold beside their verdict."""

from connectors.braze import verdicts
from connectors.braze.wire import refused_items, text
from connectors.kit.connector import Done, ItemResult, OperationError, Request, Response
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


def tracked(request: Request, response: Response, array: str, count: int) -> list[ItemResult]:
    """What /users/track did with each item of `array`: what its errors do not list has been processed.

    Raises OperationError where Braze does not say which it refused: then the batch is narrowed down.
    """
    body = response.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    refused = refused_items(errors, count, array)
    if refused is None:
        raise OperationError(verdicts.item_refused(request, verdicts.said(response)))
    return [
        verdicts.item_refused(request, refused[number]) if number in refused else Done()
        for number in range(count)
    ]
