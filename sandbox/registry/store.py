"""The registry's state and rules. Pure: changes come as journal entries and are applied by `apply`."""

from dataclasses import dataclass, field
from typing import Final

from avro.schema import Schema

from sandbox.registry.compatibility import DEFAULT_LEVEL, problems
from sandbox.registry.journal import Entry
from sandbox.registry.schema import InvalidSchemaError, canonical, compact, parsed


class RegistryError(Exception):
    """An answer other than 200, with Confluent's error code (its first three digits are the HTTP status)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """HTTP status."""
        return int(str(self.code)[:3])


SUBJECT_NOT_FOUND: Final = 40401
VERSION_NOT_FOUND: Final = 40402
SCHEMA_NOT_FOUND: Final = 40403
SUBJECT_NOT_SOFT_DELETED: Final = 40405
VERSION_NOT_SOFT_DELETED: Final = 40407
LEVEL_NOT_SET: Final = 40408
INCOMPATIBLE: Final = 409
INVALID_SCHEMA: Final = 42201
INVALID_VERSION: Final = 42202
INVALID_LEVEL: Final = 42203
STORE_FAILED: Final = 50001


@dataclass(slots=True)
class Version:
    """A schema under a subject."""

    subject: str
    version: int
    schema_id: int
    deleted: bool = False


@dataclass(slots=True)
class Store:
    """Schemas by global id, versions by subject (oldest first), levels."""

    texts: dict[int, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    parsed: dict[int, Schema] = field(default_factory=dict)
    subjects: dict[str, list[Version]] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=dict)
    global_level: str = DEFAULT_LEVEL

    # Reading.

    def versions(self, subject: str, *, deleted: bool = False) -> list[Version]:
        """Oldest first. Raises RegistryError 40401."""
        found = [v for v in self.subjects.get(subject, []) if deleted or not v.deleted]
        if not found:
            raise RegistryError(SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        return found

    def version(self, subject: str, number: str, *, deleted: bool = False) -> Version:
        """`number` as in the path: 1.., -1 or latest. Raises RegistryError 40401, 40402, 42202."""
        found = self.versions(subject, deleted=deleted)
        if number in {"latest", "-1"}:
            return found[-1]
        if not number.isdecimal() or int(number) < 1:
            raise RegistryError(
                INVALID_VERSION,
                f"The specified version '{number}' is not a valid version id. Allowed values are between [1, 2^31-1] "
                "and the string 'latest'",
            )
        for version in found:
            if version.version == int(number):
                return version
        raise RegistryError(VERSION_NOT_FOUND, f"Version {number} not found.")

    def text(self, schema_id: int) -> str:
        """Raises RegistryError 40403."""
        if schema_id not in self.texts:
            raise RegistryError(SCHEMA_NOT_FOUND, f"Schema {schema_id} not found")
        return self.texts[schema_id]

    def uses(self, schema_id: int, *, deleted: bool = False) -> list[Version]:
        """Where a schema is registered. Raises RegistryError 40403."""
        self.text(schema_id)
        return [
            version
            for versions in self.subjects.values()
            for version in versions
            if version.schema_id == schema_id and (deleted or not version.deleted)
        ]

    def lookup(self, subject: str, text: str, *, deleted: bool = False) -> Version:
        """The version that has this schema. Raises RegistryError 40401, 40403, 42201."""
        found = self.versions(subject, deleted=deleted)
        schema_id = self.ids.get(canonical_text(text))
        for version in reversed(found):
            if version.schema_id == schema_id:
                return version
        raise RegistryError(SCHEMA_NOT_FOUND, "Schema not found")

    def level(self, subject: str) -> str:
        """The subject's level, or else the global one."""
        return self.levels.get(subject, self.global_level)

    def incompatibilities(self, subject: str, text: str, among: list[Version]) -> list[str]:
        """Why the text may not follow these versions. Raises RegistryError 42201."""
        earlier = [(version.version, self._schema(version.schema_id)) for version in among]
        return problems(self.level(subject), parsed_text(text), earlier)

    def _schema(self, schema_id: int) -> Schema:
        if schema_id not in self.parsed:
            self.parsed[schema_id] = parsed(self.texts[schema_id])
        return self.parsed[schema_id]

    # Changing: each returns the entries to be journaled and then applied.

    def register(self, subject: str, text: str) -> list[Entry]:
        """Nothing when it is registered already. Raises RegistryError 409, 42201."""
        parsed_text(text)
        every = self.subjects.get(subject, [])
        live = [version for version in every if not version.deleted]
        schema_id = self.ids.get(canonical_text(text))
        if any(version.schema_id == schema_id for version in live):
            return []
        found = self.incompatibilities(subject, text, live)
        if found:
            raise RegistryError(
                INCOMPATIBLE,
                f'Schema being registered is incompatible with an earlier schema for subject "{subject}" '
                f"({self.level(subject)}), details: {found}",
            )
        entry: Entry = {
            "op": "register",
            "subject": subject,
            "version": max((version.version for version in every), default=0) + 1,
            "id": schema_id or len(self.texts) + 1,
            "schema": compact(text),
        }
        return [entry]

    def delete_subject(self, subject: str, *, permanent: bool) -> list[Entry]:
        """Raises RegistryError 40401, 40405."""
        every = self.versions(subject, deleted=True)
        if permanent and any(not version.deleted for version in every):
            raise RegistryError(
                SUBJECT_NOT_SOFT_DELETED,
                f"Subject '{subject}' was not deleted first before being permanently deleted",
            )
        chosen = every if permanent else self.versions(subject)
        return [_deletion(version, permanent=permanent) for version in chosen]

    def delete_version(self, subject: str, number: str, *, permanent: bool) -> list[Entry]:
        """Raises RegistryError 40401, 40402, 40407, 42202."""
        version = self.version(subject, number, deleted=permanent)
        if permanent and not version.deleted:
            raise RegistryError(
                VERSION_NOT_SOFT_DELETED,
                f"Subject '{subject}' Version {version.version} was not deleted first before being permanently deleted",
            )
        return [_deletion(version, permanent=permanent)]

    def apply(self, entry: Entry) -> None:
        """Make a journaled change."""
        match entry["op"]:
            case "register":
                self._registered(entry)
            case "delete":
                self._deleted(entry)
            case "level" if entry["level"] is None:
                self.levels.pop(entry["subject"], None)
            case "level" if entry["subject"] is None:
                self.global_level = entry["level"]
            case "level":
                self.levels[entry["subject"]] = entry["level"]
            case unknown:
                raise ValueError(
                    f"the journal has an unknown entry {unknown!r}: it is of a newer gridwire"
                )

    def _registered(self, entry: Entry) -> None:
        schema_id, text = entry["id"], entry["schema"]
        self.texts.setdefault(schema_id, text)
        self.ids.setdefault(canonical(text), schema_id)
        version = Version(entry["subject"], entry["version"], schema_id)
        self.subjects.setdefault(entry["subject"], []).append(version)

    def _deleted(self, entry: Entry) -> None:
        versions = self.subjects[entry["subject"]]
        for version in versions:
            version.deleted = version.deleted or version.version == entry["version"]
        if entry["permanent"]:
            kept = [version for version in versions if version.version != entry["version"]]
            self.subjects[entry["subject"]] = kept


def _deletion(version: Version, *, permanent: bool) -> Entry:
    return {
        "op": "delete",
        "subject": version.subject,
        "version": version.version,
        "permanent": permanent,
    }


def parsed_text(text: str) -> Schema:
    """Raises RegistryError 42201."""
    try:
        return parsed(text)
    except InvalidSchemaError as error:
        raise RegistryError(INVALID_SCHEMA, f"Invalid schema: {error}") from error


def canonical_text(text: str) -> str:
    """Raises RegistryError 42201."""
    parsed_text(text)
    return canonical(text)
