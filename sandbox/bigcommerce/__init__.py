"""The simulated BigCommerce store: orders, payments, stock, catalogue, channels, webhooks."""

from __future__ import annotations

from sandbox.bigcommerce.simulator import create

__all__ = ["create"]
