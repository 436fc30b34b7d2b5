"""Greedy decoding in which rows that have ended leave the batch: on a CPU every row costs, ended or not."""

from __future__ import annotations

from typing import Any

# Leaving costs a copy of the others' keys and values, so rows leave together once they are this share of the batch.
LEAVING_SHARE = 0.2
PER_ROW = ("attention_mask", "position_ids", "token_type_ids")


def greedy(
    model: Any,
    input_ids: Any,
    logits_processor: Any,
    stopping_criteria: Any,
    generation_config: Any,
    **model_kwargs: Any,
) -> Any:
    """What `generate` does for greedy text, as its `custom_generate`: token ids, padded on the right.

    `logits_processor` may hold processors with a `keep(positions)`, which are told which rows stay.
    """
    import torch

    pad = generation_config._pad_token_tensor
    n_rows, width = input_ids.shape
    found = torch.full((n_rows, generation_config.max_length), int(pad), device=input_ids.device)
    found[:, :width] = input_ids
    rows = torch.arange(n_rows, device=input_ids.device)
    over = torch.zeros(n_rows, dtype=torch.bool, device=input_ids.device)
    past = model_kwargs["past_key_values"].get_seq_length()
    n_new = width - past
    while True:
        first = input_ids.shape[1] == width
        inputs = model.prepare_inputs_for_generation(
            input_ids, next_sequence_length=n_new, is_first_iteration=first, **model_kwargs
        )
        outputs = model(**inputs, return_dict=True)
        n_new = 1
        model_kwargs = model._update_model_kwargs_for_generation(outputs, model_kwargs)
        logits = outputs.logits[:, -1].to(copy=True, dtype=torch.float32)
        tokens = logits_processor(input_ids, logits).argmax(-1).masked_fill_(over, int(pad))
        found[rows, input_ids.shape[1]] = tokens
        input_ids = torch.cat([input_ids, tokens[:, None]], dim=-1)
        over = over | stopping_criteria(input_ids, None)
        n_over = int(over.sum())
        if n_over == len(over):
            return found[:, : input_ids.shape[1]]
        if n_over >= LEAVING_SHARE * len(over) and _may_leave(model_kwargs):
            stay = (~over).nonzero()[:, 0]
            rows, input_ids, over = rows[stay], input_ids[stay], over[stay]
            _keep(stay, model_kwargs, logits_processor)


def _may_leave(model_kwargs: dict[str, Any]) -> bool:
    """Whether all that belongs to single rows is known; other models keep their rows to the end."""
    import torch

    tensors = {key: value for key, value in model_kwargs.items() if isinstance(value, torch.Tensor) and value.ndim}
    layers = model_kwargs["past_key_values"].layers
    return all(key in PER_ROW and value.ndim == 2 for key, value in tensors.items()) and all(
        hasattr(layer, "batch_select_indices") for layer in layers
    )


def _keep(stay: Any, model_kwargs: dict[str, Any], logits_processor: Any) -> None:
    model_kwargs["past_key_values"].batch_select_indices(stay)
    for key in PER_ROW:
        if model_kwargs.get(key) is not None:
            model_kwargs[key] = model_kwargs[key][stay]
    for processor in logits_processor:
        if hasattr(processor, "keep"):
            processor.keep(stay.tolist())
