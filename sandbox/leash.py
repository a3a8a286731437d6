"""`python leash.py PARENT_PID COMMAND...`: become COMMAND, killed by the kernel when the parent dies (Linux only).

A program of its own instead of a `preexec_fn`, which is not safe in a process with threads. The process id stays.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Ask for the signal, check that the parent is still there, become the command."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    parent_pid, command = int(sys.argv[1]), sys.argv[2:]
    if os.getppid() != parent_pid:
        sys.exit("the parent was gone before its child had started")
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is what it is for


if __name__ == "__main__":
    main()
