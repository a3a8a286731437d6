"""Headers that nobody can read, in a process of their own: librdkafka's client may crash the one that looks at them."""

import subprocess
import sys
from pathlib import Path

CASES = Path(__file__).with_name("unreadable_header_cases.py")
CASES_S_MAX = 150.0


def test_headers_that_nobody_can_read_cost_neither_the_message_nor_the_process() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--tb=line",
        str(CASES),
    ]
    done = subprocess.run(
        command,
        cwd=CASES.parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=CASES_S_MAX,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-2_000:]
    assert "5 passed" in done.stdout
