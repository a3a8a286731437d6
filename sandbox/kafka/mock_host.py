"""`python -m sandbox.kafka.mock_host --ready-file FILE`: host the mock broker until told to end."""

import argparse
import signal
import sys
from pathlib import Path

from confluent_kafka import Producer

from sandbox.child import write_ready_file

BROKERS = 1
METADATA_TIMEOUT_S = 10.0


def main() -> None:
    """Start the mock inside a producer, say where it listens, wait."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.kafka.mock_host")
    parser.add_argument("--ready-file", type=Path, required=True, help="gets host:port")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when stdin does")
    arguments = parser.parse_args()
    host = Producer({"test.mock.num.brokers": BROKERS, "log_level": 3})
    (broker,) = host.list_topics(timeout=METADATA_TIMEOUT_S).brokers.values()
    write_ready_file(arguments.ready_file, f"{broker.host}:{broker.port}")
    if arguments.exit_with_stdin:
        sys.stdin.buffer.read()
    else:
        signal.pause()


if __name__ == "__main__":
    main()
