"""A decoder's shape from its config.json alone: every matrix that it has, without weights and without torch. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalgate.core.errors import UsageError
from evalgate.core.record import Record

# Families whose layers are made of exactly these matrices; the parameter count is checked against transformers.
FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "gemma")
NEEDED = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
MOST = 1 << 24


class Linear(Record, frozen=True, kw_only=True):
    """One matrix of a layer: its name inside the layer, its sizes, and whether it has a bias.

    `reads` names the tensor that it multiplies: matrices that read the same one share its saved copy.
    """

    name: str
    n_in: int
    n_out: int
    reads: str
    bias: bool = False

    @property
    def n_weights(self) -> int:
        """The matrix' entries, without the bias."""
        return self.n_in * self.n_out


class Shape(Record, frozen=True, kw_only=True):
    """What memory depends on; `linears` are the matrices of one layer, `context` is 0 where it is not known."""

    family: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied: bool
    context: int
    normed_heads: bool
    linears: tuple[Linear, ...]

    @property
    def n_embedding(self) -> int:
        """Entries of the embedding and, where it is another matrix, of the head."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def n_linear(self) -> int:
        """Entries of all layers' matrices: what NF4 quantises."""
        return self.layers * sum(linear.n_weights for linear in self.linears)

    @property
    def n_other(self) -> int:
        """Norms and biases."""
        biases = sum(linear.n_out for linear in self.linears if linear.bias)
        norms = 2 * self.hidden + (2 * self.head_dim if self.normed_heads else 0)
        return self.layers * (biases + norms) + self.hidden

    @property
    def n_parameters(self) -> int:
        """All parameters."""
        return self.n_embedding + self.n_linear + self.n_other


def shape_of(config: Mapping[str, Any], where: str = "config.json") -> Shape:
    """The shape that a config.json describes; raises `unknown-architecture` for other families and missing sizes."""
    text = config.get("text_config", config)
    family = text.get("model_type")
    if family not in FAMILIES:
        raise _unknown(f"memory is predicted for {', '.join(FAMILIES)}, not for `model_type: {family}`", where)
    if missing := [key for key in NEEDED if not _is_size(text.get(key))]:
        raise _unknown(f"`{missing[0]}` is {text.get(missing[0])!r}, not a size", where)
    hidden, heads = text["hidden_size"], text["num_attention_heads"]
    kv_heads = text.get("num_key_value_heads") or heads
    head_dim = text.get("head_dim") or (128 if family == "qwen3" else 256 if family == "gemma" else hidden // heads)
    if not (_is_size(kv_heads) and _is_size(head_dim)) or heads % kv_heads:
        raise _unknown(f"{heads} heads cannot share {kv_heads} of keys and values of size {head_dim}", where)
    inner = text["intermediate_size"]
    return Shape(
        family=family,
        hidden=hidden,
        intermediate=inner,
        layers=text["num_hidden_layers"],
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab=text["vocab_size"],
        tied=bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", family == "gemma"))),
        context=text.get("max_position_embeddings") or 0,
        normed_heads=family == "qwen3",
        linears=_linears(text, family, hidden, inner, heads * head_dim, kv_heads * head_dim),
    )


def _linears(text: Mapping[str, Any], family: str, hidden: int, inner: int, q: int, kv: int) -> tuple[Linear, ...]:
    every = bool(text.get("attention_bias", False))
    qkv, mlp = every or family == "qwen2", bool(text.get("mlp_bias", False))
    return (
        Linear(name="self_attn.q_proj", n_in=hidden, n_out=q, reads="first norm", bias=qkv),
        Linear(name="self_attn.k_proj", n_in=hidden, n_out=kv, reads="first norm", bias=qkv),
        Linear(name="self_attn.v_proj", n_in=hidden, n_out=kv, reads="first norm", bias=qkv),
        Linear(name="self_attn.o_proj", n_in=q, n_out=hidden, reads="attention", bias=every),
        Linear(name="mlp.gate_proj", n_in=hidden, n_out=inner, reads="second norm", bias=mlp),
        Linear(name="mlp.up_proj", n_in=hidden, n_out=inner, reads="second norm", bias=mlp),
        Linear(name="mlp.down_proj", n_in=inner, n_out=hidden, reads="product", bias=mlp),
    )


def adapted_names(shape: Shape, targets: Any) -> tuple[str, ...]:
    """Names of the matrices of a layer that PEFT would adapt: all, or those whose full name the expression matches."""
    if targets == "all-linear":
        return ()
    names = [linear.name for linear in shape.linears]
    wanted = [str(targets)] if isinstance(targets, str) else list(targets)
    found = [n for n in names if any(re.fullmatch(w, f"model.layers.0.{n}") or n.endswith(f".{w}") for w in wanted)]
    return tuple(found)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST


def _unknown(what: str, where: str) -> UsageError:
    return UsageError(
        what,
        code="unknown-architecture",
        fix="give the config.json of such a model with `--model FILE`; others can be trained, but not planned",
        where=where,
    )
