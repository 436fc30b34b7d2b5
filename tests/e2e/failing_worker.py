"""Training processes that fail as FAIL says, the second one only; the first one would wait for it for ever."""

import os
import signal
import sys
import time
from pathlib import Path

from evalgate.core.errors import EvalgateError
from evalgate.training import worker


def work(spec: Path, rank: int) -> None:
    if rank == 0 or os.environ["FAIL"] == "wait":
        spec.with_name("waits").write_text(str(os.getpid()))
        time.sleep(120)
    while not spec.with_name("waits").exists():
        time.sleep(0.02)
    if os.environ["FAIL"] == "error":
        raise EvalgateError("the loss is nan", code="training-diverged", fix="lower it", where="here")
    if os.environ["FAIL"] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    raise RuntimeError("a library's own trouble")


worker.work = work
worker.main(Path(sys.argv[1]))
