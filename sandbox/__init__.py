"""The outside world in one process: stateful simulated platforms behind a control API.

Nothing here knows gridwire: the sandbox imports neither connectors nor streams, and is what the
vendors would be. See docs/sandbox.md.
"""
