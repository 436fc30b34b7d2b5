"""One of the processes that train together. Internal: accelerate runs `-m evalgate.training.worker SPEC.json`."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path

from evalgate.core.errors import EvalgateError
from evalgate.core.record import from_json
from evalgate.training.agent import die_with_parent
from evalgate.training.following import Telling, keep_fault
from evalgate.training.launch import EVENTS


def main(spec: Path) -> None:
    """Do this process's part of the job; its failure ends it at once, and with it all others."""
    die_with_parent(signal.SIGKILL)
    rank, place = int(os.environ.get("RANK", "0")), spec.parent
    try:
        work(spec, rank)
    except EvalgateError as error:
        keep_fault(place, rank, error)
        _leave()
    except BaseException:  # noqa: BLE001 - a process that lingers lets the others wait for it
        traceback.print_exc()
        _leave()


def work(spec: Path, rank: int) -> None:
    """Train; the first process tells its progress and writes everything."""
    from evalgate.training.hardware import take_own_device
    from evalgate.training.quiet import quiet
    from evalgate.training.selection import Selection
    from evalgate.training.trainer import CHECKPOINTS, fit
    from evalgate.training.work import Job

    take_own_device()
    job = from_json(spec.read_bytes(), Job)
    selection = Selection(job.recipe, job.path / CHECKPOINTS, None, job.beginning, later=True)
    with quiet(), ExitStack() as stack:
        fit(job, selection, Telling(spec.parent / EVENTS if rank == 0 else None), stack)
        import torch

        if torch.distributed.is_initialized():
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()


def _leave() -> None:
    """End without waiting for the other processes, as Python's own way out would."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
