"""The Quix Streams peer: installed into an environment of its own under build/bench, for it pins other clients."""

import hashlib
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from bench.absent import AbsentError
from sandbox.child import PROJECT_ROOT

REQUIREMENTS = PROJECT_ROOT / "requirements-bench.txt"
BUILT = PROJECT_ROOT / "build" / "bench"
STAMP = "complete"
INSTALL_S_MAX = 600


def missing() -> str | None:
    """Why it cannot be measured here, or None."""
    try:
        python()
    except AbsentError as error:
        return str(error)
    return None


@cache
def python() -> Path:
    """The interpreter of the peer's environment; made when the requirements are new. Raises AbsentError."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = BUILT / f"quix-{digest}"
    found = folder / "bin" / "python"
    if not (folder / STAMP).exists():
        shutil.rmtree(folder, ignore_errors=True)
        _call([sys.executable, "-m", "venv", str(folder)])
        pip = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _call([*pip, "--require-hashes", "-r", str(REQUIREMENTS)])
        (folder / STAMP).touch()
    return found


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AbsentError(f"installing Quix Streams took over {INSTALL_S_MAX} s") from error
    if done.returncode != 0:
        said = done.stderr.strip()[-300:]
        raise AbsentError(f"Quix Streams cannot be installed ({said}): is the network there?")
