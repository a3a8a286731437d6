"""Measures gridwire against its peers, side by side: `make bench`. What, how and why: docs/performance.md."""
