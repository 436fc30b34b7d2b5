"""How trainings fail: out of memory, or with a loss that rises and stays up. One error each, with what mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evalgate.core.data import Recipe
from evalgate.core.errors import EvalgateError

# A loss that rose this many times over its first value, and by as many nats, and stayed there for as many logs.
SPIKE, SPIKE_NATS, SPIKE_LOGS = 3.0, 2.0, 3


@contextmanager
def memory_errors(recipe: Recipe, folder: Path, longest: int) -> Iterator[None]:
    """Turn a device's or the machine's lack of memory into `training-out-of-memory`; `longest` row in tokens."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _out_of_memory(error):
            raise
        rank = "or " if recipe.method == "full" else "`rank` or "
        raise EvalgateError(
            f"training '{recipe.name}' ran out of memory: {_first_line(error)}",
            code="training-out-of-memory",
            fix=f"lower `max_length` (the longest row has {longest} tokens), {rank}`batch_size` "
            f"({recipe.batch_size}), or use `method: qlora`; training goes on from its last checkpoint if the recipe "
            "stays the same",
            where=str(folder),
        ) from error


def risen(losses: Sequence[float]) -> str:
    """What to say of logged training losses whose last ones stay far above the first; empty if they do not.

    A single spike is no failure: many trainings have one and come back. The curve shows it.
    """
    if len(losses) <= SPIKE_LOGS:
        return ""
    first, last = losses[0], losses[-SPIKE_LOGS:]
    if min(last) > max(SPIKE * first, first + SPIKE_NATS):
        return f"the loss rose from {first:.2f} to {last[-1]:.2f} and stayed there for {SPIKE_LOGS} logs"
    return ""


def _out_of_memory(error: BaseException) -> bool:
    """torch has a class for it on GPUs; on CPUs only its words tell, as bitsandbytes' do everywhere."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return any(words in text for words in ("out of memory", "not enough memory", "can't allocate memory"))


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or "no memory left").splitlines()[0][:200]
