"""Loopback ports for servers that must come back where they were."""

import random
import socket

# Below the ports that the kernel gives to outgoing connections (32768 on Linux, 49152 elsewhere): while a server is
# down, a client that keeps knocking could otherwise be given the server's port, and so take it away.
PORTS = range(20_000, 32_000)
PORT_ATTEMPTS_MAX = 100


def free_port(*, but_not: int | None = None) -> int:
    """A loopback port that nothing listens on. Raises OSError when PORT_ATTEMPTS_MAX guesses were all taken."""
    for port in random.sample(PORTS, PORT_ATTEMPTS_MAX):
        if port != but_not and is_free(port):
            return port
    raise OSError(f"no free port after {PORT_ATTEMPTS_MAX} attempts in {PORTS.start}-{PORTS.stop}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
