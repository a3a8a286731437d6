"""What Braze's answers hold beside their verdict."""

from typing import Any

from connectors.braze import verdicts
from connectors.braze.wire import text
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
    refused = _refused_items(errors, count, array)
    if refused is None:
        raise OperationError(verdicts.item_refused(request, verdicts.said(response)))
    return [
        verdicts.item_refused(request, refused[number]) if number in refused else Done()
        for number in range(count)
    ]


def _refused_items(errors: Any, count: int, array: str) -> dict[int, str] | None:
    """Index → what Braze says of it, out of the `errors` of /users/track; what is not listed was processed.

    None where it does not say which: Braze lists objects with an index, or texts without one.
    """
    found: dict[int, str] = {}
    listed = errors if isinstance(errors, list) else [errors] if errors else []
    for error in listed:
        index = error.get("index") if isinstance(error, dict) else None
        if not isinstance(index, int) or not 0 <= index < count:
            return None
        if error.get("input_array", array) != array:
            return None
        found[index] = text(error.get("type") or error.get("message")) or ""
    return found
