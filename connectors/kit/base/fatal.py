"""What ends the process."""


class FatalKafkaError(Exception):
    """Nothing but a new process helps; the message names the likely cause and fix."""
