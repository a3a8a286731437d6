"""A schema registry for demo and tests: the part of Confluent's REST API that its clients use, on loopback.

Global ids, one id for equal schemas, all compatibility levels (FULL_TRANSITIVE unless told otherwise) by Avro's own
reader/writer rules, soft and permanent deletion, Confluent's error codes. What is registered is on disk before the
answer and there again after a restart. Only Avro, no schema references, one tenant, no authentication.
"""

from sandbox.registry.process import RegistryStartError, RunningRegistry, start

__all__ = ["RegistryStartError", "RunningRegistry", "start"]
