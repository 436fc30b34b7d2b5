"""The process between this one and its training processes: `accelerate launch`, which ends when its parent does.

Internal: `python -m evalgate.training.agent ARGUMENTS-OF-ACCELERATE-LAUNCH`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(sent: signal.Signals) -> None:
    """Ask Linux for a signal when the parent dies, however it dies; elsewhere nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
    if os.getppid() != parent:  # it died before Linux was asked
        os.kill(os.getpid(), sent)


def main() -> None:
    """Run accelerate's own command with this process's arguments."""
    die_with_parent(signal.SIGTERM)  # on which torch's agent ends its workers
    from accelerate.commands.launch import main as launch

    launch()


if __name__ == "__main__":
    main()
