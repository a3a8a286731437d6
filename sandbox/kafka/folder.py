"""Folders of local brokers under build/kafka."""

import shutil
import tempfile
from pathlib import Path

from sandbox.child import PROJECT_ROOT
from sandbox.claim import LOCK, claim, is_held

RUN_PREFIX = "run-"


def build_folder() -> Path:
    """Where local brokers keep jars, data and logs: build/kafka of the checkout."""
    folder = PROJECT_ROOT / "build" / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def new_run_folder() -> tuple[Path, int]:
    """A fresh, claimed folder for one broker; those that killed runs have left behind are removed."""
    parent = build_folder()
    for left in parent.glob(f"{RUN_PREFIX}*"):
        if (left / LOCK).exists() and not is_held(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=RUN_PREFIX, dir=parent))
    lock = claim(folder)
    if lock is None:
        raise RuntimeError(f"the fresh folder {folder} is already in use; run again")
    return folder, lock
