"""Braze: engagement events and consent in; messages, attributes and profile look-ups out."""

from connectors.braze.sink import sink
from connectors.braze.source import source

__all__ = ["sink", "source"]
