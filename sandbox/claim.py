"""Folders claimed by a lock that the kernel frees when its last holder is gone, however it went."""

import fcntl
import os
from pathlib import Path

LOCK = "lock"


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
