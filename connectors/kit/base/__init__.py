"""Clocks, retries, callbacks and supervision: what everything else stands on; no Kafka topic, no HTTP."""
