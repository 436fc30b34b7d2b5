"""What a system was gated with beside its weights: templates, fixed shots, schemas, labels, the base's tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from evalgate.backends.model_files import folder_at_hand, locate
from evalgate.core.data import ModelSpec, Suite, SystemSpec, Task
from evalgate.core.errors import EvalgateError
from evalgate.core.record import short
from evalgate.core.results import AdapterCard
from evalgate.files import write_atomic, write_lines, write_record

SYSTEM = "system.json"
# What makes token ids and chat prompts of text, in the hub's layout.
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.model",
    "vocab.json", "vocab.txt", "merges.txt", "chat_template.jinja", "chat_template.json",
)  # fmt: skip


def write_prompts(system: SystemSpec, suite: Suite, to: Path) -> None:
    """Write a system's record, and for each task its template and what that shows to every question alike.

    Shots that each question has of its own, and passages, stay in the suite: the record has their digests.
    """
    write_record(to / SYSTEM, system)
    for name, prompt in system.prompts.items():
        task = suite.tasks[name]
        write_atomic(to / f"{name}.j2", prompt.template.encode())
        if prompt.shots:
            pool = {e.id: e for rows in (task.splits.get("dev", ()), task.splits.get("train", ())) for e in rows}
            write_lines(to / f"{name}.shots.jsonl", [pool[i] for i in prompt.shots])
        for part, value in (("schema", task.schema), ("labels", _labels(task))):
            if value:
                data = msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
                write_atomic(to / f"{name}.{part}.json", data)


def _labels(task: Task) -> list[str]:
    return task.labels if task.spec.kind == "classification" else []


def copy_tokenizer(card: AdapterCard, to: Path) -> tuple[str, ...]:
    """Put the tokenizer of an adapter's base beside it, where the base is at hand; gives the files' names.

    Raises `base-changed` for a base with another digest than the one that was trained and gated.
    """
    folder = folder_at_hand(ModelSpec(id=card.base_model, revision=card.base_revision))
    if folder is None:
        return ()
    found = locate(ModelSpec(id=str(folder), revision=card.base_revision)).digest
    if found != card.base_digest:
        raise EvalgateError(
            f"the base model is not the one that was gated: expected {short(card.base_digest)}, found {short(found)}",
            code="base-changed",
            fix="restore its files, or run the suite again on what lies there now",
            where=str(folder),
        )
    for name in TOKENIZER:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, to / name)
    return tokenizer_beside(to)


def tokenizer_beside(folder: Path) -> tuple[str, ...]:
    """The tokenizer files of a folder."""
    return tuple(name for name in TOKENIZER if (folder / name).is_file())
