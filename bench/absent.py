"""What a peer needs and this machine lacks."""


class AbsentError(Exception):
    """A peer cannot be measured here; the message says what to install."""
