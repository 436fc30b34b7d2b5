"""Whether a whole model that was made elsewhere can be served beside the base: checked before anything is loaded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from evalgate.backends.loading import load_config, load_tokenizer
from evalgate.core.artefacts import WEIGHTS, model_config, stored_dtype, tensors_in
from evalgate.core.data import ModelSpec
from evalgate.core.errors import EvalgateError

# safetensors' names of the precisions that models are served in.
DTYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
SAVE = "load it with transformers in one precision and write it anew: `model.save_pretrained(FOLDER)`"
NOT_SHARED = (
    "make it the suite's own model (`model.id` in suite.yaml), or serve it elsewhere and enter it as `kind: api` or "
    "`kind: recorded`"
)


def check_whole(folder: Path, base: Path) -> None:
    """Raise `model-unfit` unless the model in `folder` is served as it is stored, by the base's tokenizer and template.

    Raises `remote-code` for a model that only its own code can load.
    """
    if "quantization_config" in model_config(folder):
        raise _unfit(folder, "its weights are quantised, and whole models are served as they are stored", SAVE)
    found = Counter(DTYPES.get(kind, kind) for kind in _kinds(folder))
    named = stored_dtype(folder)
    if set(found) != {named}:
        held = " and ".join(f"{n} in {kind}" for kind, n in found.most_common())
        said = f"config.json says {named}" if named else "config.json names no precision"
        raise _unfit(folder, f"of its weights {held}, and {said}: loading would round them, or not", SAVE)
    spec = ModelSpec(id=str(folder))
    load_config(str(folder), spec)
    if other := _other_tokens(load_tokenizer(str(folder), spec), load_tokenizer(str(base), spec)):
        raise _unfit(folder, f"its {other} is not the base's, which all candidates of a run share", NOT_SHARED)


def _kinds(folder: Path) -> list[str]:
    """The precision of every tensor, from the files' headers."""
    return [tensor["dtype"] for path in sorted(folder.glob(WEIGHTS)) for tensor in tensors_in(path).values()]


def _other_tokens(own: Any, base: Any) -> str:
    """What differs of two tokenizers; empty if nothing does."""
    if own.get_vocab() != base.get_vocab():
        return "vocabulary"
    if own.chat_template != base.chat_template:
        return "chat template"
    ends = [(each.bos_token_id, each.eos_token_id) for each in (own, base)]
    return "" if ends[0] == ends[1] else "BOS or EOS token"


def _unfit(folder: Path, what: str, fix: str) -> EvalgateError:
    return EvalgateError(
        f"the whole model cannot be gated beside the base: {what}", code="model-unfit", fix=fix, where=str(folder)
    )
