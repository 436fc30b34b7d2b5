"""Peak memory of one training on a CUDA device, term by term from first principles. Pure: no torch, no device.

What each term counts was read in the sources of transformers, PEFT, TRL and bitsandbytes; docs/training-plan.md derives
them. Letters: `t` tokens of a micro-batch, padding included; `h` hidden, `i` intermediate size, `q` and `k` widths of
queries and of keys, `r` rank. A bf16 number has 2 bytes, an fp32 number 4.
"""

from __future__ import annotations

from math import ceil
from typing import Literal

from evalgate.core.record import Record
from evalgate.training.shape import Linear, Shape

Method = Literal["full", "lora", "qlora"]

NF4_BLOCK, ABSMAX_BLOCK = 64, 256
# fp32 tables beside each 4-bit matrix: 16 NF4 values, 256 values of the second quantisation, and its offset.
NF4_TABLES_BYTES = 4 * (16 + 256 + 1)
# bitsandbytes keeps 8-bit states of tensors with at least so many entries, and pages those of at least so many.
MIN_8BIT, MIN_PAGED = 4096, 100_000
# TRL's fused head: logits of so many tokens by so many words at a time, in bf16.
TILE_TOKENS, TILE_WORDS = 4096, 32768
FUSED_LOGITS = 1 << 25  # evalgate's own: so many logits at a time (`head_loss.AT_ONCE`)
WORKSPACE_BYTES = 32 << 20  # cuBLAS' on Hopper, held by torch's allocator; less on older devices
# Outside torch's allocator, and between its blocks: allowances for the question whether a card is large enough.
CONTEXT_BYTES, FRAGMENTATION = 600 << 20, 0.05


class Setup(Record, frozen=True, kw_only=True):
    """One micro-batch of a training: `n_rows` rows padded to `length`, of which `n_supervised` tokens carry loss.

    `adapted` are the names of a layer's adapted matrices. `tiled_logits`: whether TRL never holds all logits. `fused`:
    whether the kernels of evalgate compute it, in one sequence without padding (`n_rows` is 1). With checkpointing the
    last `kept_layers` layers keep their activations all the same. Of `n_processes` each has a card and a whole model.
    """

    method: Method
    n_rows: int
    length: int
    n_supervised: int
    rank: int = 16
    dropout: float = 0.05
    checkpointing: bool = True
    optimizer: str = "paged_adamw_8bit"
    padded: bool = True
    tiled_logits: bool = True
    fused: bool = False
    n_processes: int = 1
    kept_layers: int = 0
    adapted: tuple[str, ...] = ()

    @property
    def n_tokens(self) -> int:
        """Tokens of the micro-batch, padding included."""
        return self.n_rows * self.length


class Term(Record, frozen=True, kw_only=True):
    """One part of the peak."""

    name: str
    n_bytes: int


class Memory(Record, frozen=True, kw_only=True):
    """The terms of the peak that torch's allocator sees, and what the optimizer keeps in paged memory beside it."""

    terms: tuple[Term, ...]
    paged_bytes: int

    @property
    def peak_bytes(self) -> int:
        """What `torch.cuda.max_memory_allocated` should say."""
        return sum(term.n_bytes for term in self.terms)

    @property
    def card_bytes(self) -> int:
        """What a card must have: paged states can leave it, but then every step waits for them."""
        return round(self.peak_bytes * (1 + FRAGMENTATION)) + self.paged_bytes + CONTEXT_BYTES


def predict(shape: Shape, setup: Setup) -> Memory:
    """The peak of a training's steps, dev evaluation and loading left out: both hold less."""
    trained = trained_tensors(shape, setup)
    n_trained = sum(trained)
    states, paged = optimizer_bytes(trained, setup.optimizer)
    # fp32 parameters have copies in bf16 that autocast makes; of checkpointed layers only one layer's at a time.
    # The fused way casts all of them once.
    at_once = 1.0 if setup.fused else max(1, kept_layers(shape, setup)) / shape.layers
    inputs = 4 * shape.head_dim * setup.n_tokens + 24 * setup.n_tokens  # cosines and sines; ids, labels, mask
    saved, stage = _peak_stage(shape, setup)
    terms = {
        "base weights": 0 if setup.method == "full" else base_bytes(shape, setup.method),
        "trained weights": 4 * n_trained,
        "gradients": 4 * n_trained,
        "gradient buckets": 4 * n_trained if setup.n_processes > 1 else 0,  # DDP's, from beginning to end
        "optimizer states": states,
        "bf16 copies": round(2 * n_trained * at_once),
        "activations": saved,
        "work of the peak": stage + inputs,
        "workspace": WORKSPACE_BYTES,
    }
    return Memory(terms=tuple(Term(name=k, n_bytes=v) for k, v in terms.items() if v), paged_bytes=paged)


def base_bytes(shape: Shape, method: Method) -> int:
    """The frozen base: bf16, or NF4 with double quantisation for the layers' matrices and bf16 for the rest."""
    if method != "qlora":
        return 2 * shape.n_parameters
    return 2 * (shape.n_embedding + shape.n_other) + shape.layers * sum(nf4_bytes(x) for x in shape.linears)


def nf4_bytes(linear: Linear) -> int:
    """A matrix in NF4: half a byte a weight, a byte a block of 64, four a block of 256 blocks, and its tables."""
    blocks = ceil(linear.n_weights / NF4_BLOCK)
    return ceil(linear.n_weights / 2) + blocks + 4 * ceil(blocks / ABSMAX_BLOCK) + NF4_TABLES_BYTES


def adapted_linears(shape: Shape, setup: Setup) -> list[Linear]:
    """A layer's matrices that carry an adapter."""
    return [linear for linear in shape.linears if not setup.adapted or linear.name in setup.adapted]


def trained_tensors(shape: Shape, setup: Setup) -> list[int]:
    """The sizes of all tensors that are trained."""
    if setup.method == "full":
        matrices = [linear.n_weights for linear in shape.linears] * shape.layers
        embeddings = [shape.vocab * shape.hidden] * (1 if shape.tied else 2)
        return [*matrices, *embeddings, shape.n_other]
    sizes = [n for x in adapted_linears(shape, setup) for n in (setup.rank * x.n_in, setup.rank * x.n_out)]
    return sizes * shape.layers


def optimizer_bytes(sizes: list[int], name: str) -> tuple[int, int]:
    """Bytes of the states of tensors of these sizes: in torch's memory, and paged.

    Adam's two moments take 8 bytes an entry, in 8 bits 2 and 8 a block of 256. SGD keeps nothing.
    """
    if name == "sgd":
        return 0, 0
    if "8bit" not in name:
        return 8 * sum(sizes), 0
    held = paged = 0
    for n in sizes:
        if n < MIN_8BIT:
            held += 8 * n
            continue
        held += 8 * ceil(n / ABSMAX_BLOCK)
        if "paged" in name and n >= MIN_PAGED:
            paged += 2 * n
        else:
            held += 2 * n
    return held, paged


def kept_layers(shape: Shape, setup: Setup) -> int:
    """The layers that keep their activations until their backward pass."""
    return min(setup.kept_layers, shape.layers) if setup.checkpointing else shape.layers


def layer_bytes(shape: Shape, setup: Setup) -> int:
    """What one layer keeps for its backward pass, in bytes for the whole micro-batch."""
    if setup.fused:
        return fused_layer_bytes(shape, setup)
    h, q, k = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    full = setup.method == "full"
    # A norm squares an fp32 copy of its input; where its weight is trained, the product's other factor stays as well.
    normed = 2 * h + (q + k if shape.normed_heads else 0)
    n_roots = 2 + (shape.heads + shape.kv_heads if shape.normed_heads else 0)
    norms = (8 if full else 4) * normed + 4 * n_roots
    # Query, key, value and output in bf16, and a log-sum per head. With a mask, shared keys are repeated for each head.
    keys = q if setup.padded else k
    attention = 4 * q + 4 * keys + 4 * shape.heads + (2 * setup.length if setup.padded else 0)
    gates = 6 * shape.intermediate  # gate, its activation, and what that is multiplied with
    return setup.n_tokens * (norms + attention + gates + _inputs_bytes(shape, setup))


def fused_layer_bytes(shape: Shape, setup: Setup) -> int:
    """The same with fused kernels: each tensor once, in bf16, whatever dropout and base are.

    Two norms' inputs and outputs, query, key, value and what attention gives, gate, up and their product; roots and
    log-sums in fp32, the adapters' inner values, and fp32 copies where heads have norms of their own.
    """
    q, k = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    heads = 4 * (q + k) + 4 * (shape.heads + shape.kv_heads) if shape.normed_heads else 0
    ranks = 2 * setup.rank * len(adapted_linears(shape, setup))
    once = 8 * shape.hidden + 8 + 4 * q + 4 * k + 4 * shape.heads + 6 * shape.intermediate
    return setup.n_tokens * (once + heads + ranks)


def _inputs_bytes(shape: Shape, setup: Setup) -> int:
    """What matrices keep of their inputs, in bytes a token: adapters need them, a frozen base does not."""
    if setup.method == "full":
        # The residual stream is fp32, and autocast makes each matrix a bf16 copy; attention's output is one already.
        return sum(2 * x.n_in for x in shape.linears if x.reads != "attention")
    chosen = adapted_linears(shape, setup)
    ranks = 2 * setup.rank * len(chosen)
    if setup.dropout > 0:
        return ranks + sum(3 * x.n_in for x in chosen)  # an own dropped copy each, and its mask
    if setup.method == "lora":
        # PEFT casts the input to the adapter's fp32 and autocast casts it back: an own copy each.
        return ranks + sum(2 * x.n_in for x in chosen)
    shared = {x.reads: x.n_in for x in chosen if x.reads != "attention"}
    return ranks + 2 * sum(shared.values())


def _peak_stage(shape: Shape, setup: Setup) -> tuple[int, int]:
    """Activations kept, and working memory beside them, at the worse of two moments: the loss, or one layer's backward.

    With checkpointing only layers' inputs are kept, and one layer's activations are made again at its backward.
    """
    t, h = setup.n_tokens, shape.hidden
    wide = 4 if setup.method == "full" else 2
    one, whole = layer_bytes(shape, setup), kept_layers(shape, setup)
    kept = (shape.layers - whole) * wide * t * h + whole * one
    if whole == shape.layers:
        # Nothing before the first norm is trained, so that it keeps no input.
        kept -= 0 if setup.method == "full" else (2 if setup.fused else 4) * t * h
    if whole:
        one = 0  # the layers that are computed again come last, when those that were kept are gone
    last = 4 * t * h if setup.fused else (4 + wide) * t * h  # the last norm's copy and its output
    at_loss = last + loss_bytes(shape, setup)
    at_layer = one + layer_work(shape, setup)
    return kept + (one if at_layer > at_loss else last), max(at_layer - one, at_loss - last)


def layer_work(shape: Shape, setup: Setup) -> int:
    """Working memory of a layer's backward: gradients of the inner size, those of the residual, one matrix.

    There are three in bf16, for LoRA two of them in fp32, to which PEFT casts. A 4-bit matrix is unpacked to bf16 for
    its product; full training makes a gradient of it first in bf16.
    """
    largest = max(linear.n_weights for linear in shape.linears)
    if setup.fused:
        # The gradients of the product and, with dropout, of the adapter's share of it; the residual's; the matrix.
        inner = (4 if setup.dropout > 0 else 2) * shape.intermediate
        return setup.n_tokens * (inner + 2 * shape.hidden) + (0 if setup.method == "lora" else 2 * largest)
    unpacked = 0 if setup.method == "lora" else 2 * largest
    gradients = (10 if setup.method == "lora" else 6) * shape.intermediate
    return setup.n_tokens * (gradients + 4 * shape.hidden) + unpacked


def loss_bytes(shape: Shape, setup: Setup) -> int:
    """Working memory of head and loss; the gradient of the head's input is summed in fp32.

    Tiles of bf16 logits for supervised tokens, or for all tokens: logits, their fp32 copy, its log-softmax and that
    one's gradient.
    """
    n, t, h = setup.n_supervised, setup.n_tokens, shape.hidden
    if setup.fused:
        return 8 * min(n * shape.vocab, FUSED_LOGITS) + (2 + 2 + 2) * n * h + 2 * t * h
    if setup.tiled_logits:
        head = 4 * shape.vocab * h if setup.method == "full" else 0
        return 2 * min(n, TILE_TOKENS) * TILE_WORDS + (2 + 4 + 2) * n * h + 2 * t * h + head
    return (2 + 4 + 4 + 4) * t * shape.vocab + 2 * t * h
