"""A schema registry in memory, behind the product's own codec."""

from typing import Any

from gridwire.codec import Codec, CodecError, Registry, RegistryUnavailableError, parse
from gridwire.records import Record
from gridwire.topics import BY_NAME, Topic


class MemoryRegistry(Registry):
    """Ids by subject, schemas by id. `away`: it does not answer."""

    def __init__(self) -> None:
        super().__init__("http://registry.invalid")
        self.away = False
        self._texts: dict[int, str] = {}

    def register(self, subject: str, schema: str) -> int:
        if self.away:
            raise RegistryUnavailableError("schema registry does not answer")
        schema_id = self._ids.setdefault(subject, len(self._ids) + 1)
        self._texts[schema_id] = schema
        return schema_id

    def schema(self, schema_id: int) -> Any:
        if self.away:
            raise RegistryUnavailableError("schema registry does not answer")
        if schema_id not in self._texts:
            raise CodecError("unknown schema id", str(schema_id))
        return parse(self._texts[schema_id])


class Avro:
    """Encodes and decodes for tests."""

    def __init__(self) -> None:
        self.registry = MemoryRegistry()
        self.codec = Codec(self.registry)

    def encoded(self, topic: Topic[Any], record: Record) -> bytes:
        return self.codec.of(topic).encode(record)

    def decoded(self, topic: str, value: bytes | None) -> Any:
        return self.codec.of(BY_NAME[topic]).decode(value)
