"""What connectors and streams share: settings, topics, records, codec, Kafka clients, metrics, command line."""

__version__ = "0.1.0"
