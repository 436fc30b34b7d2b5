"""The sum of negative log-likelihoods under a frozen head, some rows at a time, with the gradient made on the way."""

from __future__ import annotations

from functools import cache
from typing import Any

AT_ONCE = 1 << 25  # logits held at once: in bf16 and in fp32, 200 MB


def head_loss(hidden: Any, head: Any, labels: Any) -> Any:
    """The summed loss of `hidden`, shape (n, width), for one label a row; softmax and sum are in fp32.

    What logits there are is never held whole: their gradient leaves the same loop, as in Liger's fused linear
    cross-entropy, which however rounds the softmax to the head's dtype.
    """
    return _operation().apply(hidden, head.weight, head.bias, labels)


@cache
def _operation() -> Any:
    import torch
    from torch.nn.functional import linear

    class HeadLoss(torch.autograd.Function):  # type: ignore[misc]
        """See the function."""

        @staticmethod
        def forward(ctx: Any, hidden: Any, weight: Any, bias: Any, labels: Any) -> Any:
            total = torch.zeros((), device=hidden.device)
            wanted = ctx.needs_input_grad[0]
            grad = torch.empty_like(hidden) if wanted else None
            n = max(1, AT_ONCE // weight.shape[0])
            for start in range(0, len(hidden), n):
                rows, of = hidden[start : start + n], labels[start : start + n, None]
                logits = linear(rows, weight, bias).float()
                sums = logits.logsumexp(1, keepdim=True)
                total += (sums - logits.gather(1, of)).sum()
                if grad is not None:
                    shares = logits.sub_(sums).exp_()
                    shares.scatter_add_(1, of, torch.full_like(sums, -1))
                    grad[start : start + n] = shares.to(weight.dtype) @ weight
            if grad is not None:
                ctx.save_for_backward(grad)
            return total

        @staticmethod
        def backward(ctx: Any, of_loss: Any) -> Any:
            (grad,) = ctx.saved_tensors
            return grad * of_loss.to(grad.dtype), None, None, None

    return HeadLoss
