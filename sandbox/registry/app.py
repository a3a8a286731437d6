"""The registry's REST API: Confluent's paths, bodies and error codes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.registry import store as rules
from sandbox.registry.compatibility import LEVELS
from sandbox.registry.journal import Entry, Journal
from sandbox.registry.store import RegistryError, Store, Version

BODY_BYTES_MAX = 1_000_000
CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
UNPROCESSABLE = 422


class Registry:
    """The store and its journal: a change is on disk before it is seen, and changes come one after the other."""

    def __init__(self, journal: Journal) -> None:
        self.store = Store()
        self._journal = journal
        self._changing = asyncio.Lock()
        for entry in journal.entries():
            self.store.apply(entry)

    async def change(self, plan: Callable[[], list[Entry]]) -> list[Entry]:
        """Plan, journal, apply. Raises RegistryError of the plan, or 50001 when the disk refuses."""
        async with self._changing:
            entries = plan()
            if entries:
                await self._write(entries)
            for entry in entries:
                self.store.apply(entry)
            return entries

    async def _write(self, entries: list[Entry]) -> None:
        try:
            await asyncio.to_thread(self._journal.append, entries)
        except OSError as error:
            message = f"Error while writing the registry's journal: {error}"
            raise RegistryError(rules.STORE_FAILED, message) from error

    def close(self) -> None:
        """Nothing more is written."""
        self._journal.close()


Handler = Callable[[Registry, Request], Awaitable[Any]]


async def _body(request: Request) -> dict[str, Any]:
    length = int(request.headers.get("content-length", "0"))
    if length > BODY_BYTES_MAX:
        raise RegistryError(UNPROCESSABLE, f"the body is over {BODY_BYTES_MAX} bytes")
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise RegistryError(UNPROCESSABLE, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise RegistryError(UNPROCESSABLE, "the body is not a JSON object")
    return body


async def _schema_text(request: Request) -> str:
    body = await _body(request)
    if body.get("schemaType", "AVRO") != "AVRO":
        raise RegistryError(rules.INVALID_SCHEMA, "Invalid schema: this registry knows only AVRO")
    if body.get("references"):
        raise RegistryError(
            rules.INVALID_SCHEMA,
            "Invalid schema: this registry has no references, write the named types out",
        )
    text = body.get("schema")
    if not isinstance(text, str):
        raise RegistryError(rules.INVALID_SCHEMA, "Invalid schema: no text in 'schema'")
    return text


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "false").lower() == "true"


def _described(registry: Registry, version: Version) -> dict[str, Any]:
    return {
        "subject": version.subject,
        "version": version.version,
        "id": version.schema_id,
        "schema": registry.store.text(version.schema_id),
    }


async def _root(_registry: Registry, _request: Request) -> Any:
    return {}


async def _types(_registry: Registry, _request: Request) -> Any:
    return ["AVRO"]


async def _mode(_registry: Registry, _request: Request) -> Any:
    return {"mode": "READWRITE"}


async def _subjects(registry: Registry, request: Request) -> Any:
    deleted = _flag(request, "deleted")
    prefix = request.query_params.get("subjectPrefix", "")
    return sorted(
        subject
        for subject, versions in registry.store.subjects.items()
        if subject.startswith(prefix) and any(deleted or not v.deleted for v in versions)
    )


async def _versions(registry: Registry, request: Request) -> Any:
    versions = registry.store.versions(
        request.path_params["subject"], deleted=_flag(request, "deleted")
    )
    return [version.version for version in versions]


def _asked_version(registry: Registry, request: Request) -> Version:
    return registry.store.version(
        request.path_params["subject"],
        request.path_params["version"],
        deleted=_flag(request, "deleted"),
    )


async def _version(registry: Registry, request: Request) -> Any:
    return _described(registry, _asked_version(registry, request))


async def _version_schema(registry: Registry, request: Request) -> Any:
    return json.loads(registry.store.text(_asked_version(registry, request).schema_id))


async def _register(registry: Registry, request: Request) -> Any:
    subject, text = request.path_params["subject"], await _schema_text(request)
    await registry.change(lambda: registry.store.register(subject, text))
    return {"id": registry.store.lookup(subject, text).schema_id}


async def _lookup(registry: Registry, request: Request) -> Any:
    version = registry.store.lookup(
        request.path_params["subject"],
        await _schema_text(request),
        deleted=_flag(request, "deleted"),
    )
    return _described(registry, version)


async def _delete_subject(registry: Registry, request: Request) -> Any:
    subject, permanent = request.path_params["subject"], _flag(request, "permanent")
    gone = await registry.change(
        lambda: registry.store.delete_subject(subject, permanent=permanent)
    )
    return [entry["version"] for entry in gone]


async def _delete_version(registry: Registry, request: Request) -> Any:
    path, permanent = request.path_params, _flag(request, "permanent")
    gone = await registry.change(
        lambda: registry.store.delete_version(path["subject"], path["version"], permanent=permanent)
    )
    return gone[0]["version"]


async def _schema(registry: Registry, request: Request) -> Any:
    return {"schema": registry.store.text(request.path_params["id"])}


async def _schema_subjects(registry: Registry, request: Request) -> Any:
    uses = registry.store.uses(request.path_params["id"], deleted=_flag(request, "deleted"))
    return sorted({use.subject for use in uses})


async def _schema_versions(registry: Registry, request: Request) -> Any:
    uses = registry.store.uses(request.path_params["id"], deleted=_flag(request, "deleted"))
    return [{"subject": use.subject, "version": use.version} for use in uses]


async def _test_compatibility(registry: Registry, request: Request) -> Any:
    text = await _schema_text(request)
    subject = request.path_params["subject"]
    if "version" in request.path_params:
        among = [_asked_version(registry, request)]
    else:
        among = [v for v in registry.store.subjects.get(subject, []) if not v.deleted]
    found = registry.store.incompatibilities(subject, text, among)
    answer: dict[str, Any] = {"is_compatible": not found}
    return answer | {"messages": found} if _flag(request, "verbose") else answer


async def _level(registry: Registry, request: Request) -> Any:
    subject = request.path_params.get("subject")
    if subject is None:
        return {"compatibilityLevel": registry.store.global_level}
    if subject not in registry.store.levels and not _flag(request, "defaultToGlobal"):
        raise RegistryError(
            rules.LEVEL_NOT_SET,
            f"Subject '{subject}' does not have subject-level compatibility configured",
        )
    return {"compatibilityLevel": registry.store.level(subject)}


async def _set_level(registry: Registry, request: Request) -> Any:
    level = (await _body(request)).get("compatibility")
    if level not in LEVELS:
        raise RegistryError(
            rules.INVALID_LEVEL,
            f"Invalid compatibility level. Valid values are {', '.join(LEVELS).lower()}",
        )
    subject = request.path_params.get("subject")
    await registry.change(lambda: [{"op": "level", "subject": subject, "level": level}])
    return {"compatibility": level}


async def _unset_level(registry: Registry, request: Request) -> Any:
    subject = request.path_params["subject"]
    before = await _level(registry, request)
    await registry.change(lambda: [{"op": "level", "subject": subject, "level": None}])
    return before


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/", _root),
    ("GET", "/schemas/types", _types),
    ("GET", "/schemas/ids/{id:int}", _schema),
    ("GET", "/schemas/ids/{id:int}/subjects", _schema_subjects),
    ("GET", "/schemas/ids/{id:int}/versions", _schema_versions),
    ("GET", "/subjects", _subjects),
    ("POST", "/subjects/{subject}", _lookup),
    ("DELETE", "/subjects/{subject}", _delete_subject),
    ("GET", "/subjects/{subject}/versions", _versions),
    ("POST", "/subjects/{subject}/versions", _register),
    ("GET", "/subjects/{subject}/versions/{version}", _version),
    ("DELETE", "/subjects/{subject}/versions/{version}", _delete_version),
    ("GET", "/subjects/{subject}/versions/{version}/schema", _version_schema),
    ("POST", "/compatibility/subjects/{subject}/versions", _test_compatibility),
    ("POST", "/compatibility/subjects/{subject}/versions/{version}", _test_compatibility),
    ("GET", "/config", _level),
    ("PUT", "/config", _set_level),
    ("GET", "/config/{subject}", _level),
    ("PUT", "/config/{subject}", _set_level),
    ("DELETE", "/config/{subject}", _unset_level),
    ("GET", "/mode", _mode),
    ("GET", "/mode/{subject}", _mode),
)


async def _answer(registry: Registry, handler: Handler, request: Request) -> Response:
    try:
        return JSONResponse(await handler(registry, request), media_type=CONTENT_TYPE)
    except RegistryError as error:
        body = {"error_code": error.code, "message": error.message}
        return JSONResponse(body, status_code=error.status, media_type=CONTENT_TYPE)


def build_app(journal: Journal) -> Starlette:
    """The registry over its journal. Raises JournalError when that is damaged."""
    registry = Registry(journal)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        registry.close()

    routes = [
        Route(path, partial(_answer, registry, handler), methods=[method])
        for method, path, handler in ROUTES
    ]
    return Starlette(routes=routes, lifespan=lifespan)
