"""The gateway that takes webhooks in."""
