"""Folders of running brokers: claimed by a lock that the kernel frees when its last holder is gone, however it went."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from sandbox.child import PROJECT_ROOT

LOCK = "lock"
RUN_PREFIX = "run-"


def build_folder() -> Path:
    """Where local brokers keep jars, data and logs: build/kafka of the checkout."""
    folder = PROJECT_ROOT / "build" / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def claim(folder: Path, *, wait: bool = False) -> int | None:
    """A file descriptor that holds the folder while it or a child's copy is open; None when another has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_held(folder: Path) -> bool:
    """Whether someone holds the folder."""
    if not (folder / LOCK).exists():
        return False
    lock = claim(folder)
    if lock is None:
        return True
    os.close(lock)
    return False


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
