"""What processes that train together agree on and add up; alone, each function gives back what it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def place() -> tuple[int, int]:
    """The number of this process among those that train together, from 0, and how many they are."""
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def least(measured: Callable[[], int]) -> int:
    """The least of what all processes measure: what cards differ in must not make them train differently.

    They meet first, so that what their exchange takes of a card is taken when they measure.
    """
    import torch

    if place()[1] == 1:
        return measured()
    torch.distributed.all_reduce(torch.zeros(1, device=_device()))
    shared = torch.tensor(measured(), dtype=torch.int64, device=_device())
    torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MIN)
    return int(shared)


def average_gradients(parameters: Iterable[Any]) -> None:
    """Give every process the mean over processes of each gradient, in one exchange after a step's last micro-batch.

    DDP does the same from inside its forward, which evalgate's packed loss goes around: accelerate wraps it in
    autocast, so that a step would not be that of one process. An adapter's gradients are so few (0.16 GB at rank 16 of
    a 7B model) that nothing is gained by sending them while the backward pass still goes on.
    """
    import torch

    n_processes, n = place()[1], 0
    if n_processes == 1:
        return
    grads = [p.grad for p in parameters if p.grad is not None]
    together = torch.cat([grad.flatten() for grad in grads])
    torch.distributed.all_reduce(together)
    together /= n_processes
    for grad in grads:
        grad.copy_(together[n : n + grad.numel()].view_as(grad))
        n += grad.numel()


def _device() -> Any:
    """Where the processes' backend wants tensors."""
    import torch

    on_cuda = "nccl" in str(torch.distributed.get_backend())
    return torch.device("cuda", torch.cuda.current_device()) if on_cuda else torch.device("cpu")
