"""The demo: the whole scenario on this machine, against the simulated platforms. See `command.run`."""

from sandbox.demo.command import run

__all__ = ["run"]
