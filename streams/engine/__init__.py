"""Carries flows out over lists of messages: look-ups, state, timers, parking, deduplication.

No Kafka, no Faust, no clock: the runtime feeds it from Kafka and commits what it returns, the driver feeds it from
lists. Both get the same meaning.
"""
