"""A topic carried out in ordered lanes: Kafka thread, progress, ledger, commits."""
