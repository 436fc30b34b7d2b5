"""The files of a new suite; they are loaded as `validate` does, and taken away again if that fails."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from evalgate.bring import splits
from evalgate.bring.prompts import Prompts
from evalgate.bring.yaml_text import Facts, baseline_yaml, recipe_yaml, suite_yaml
from evalgate.core.errors import EvalgateError
from evalgate.core.record import short, to_json_line
from evalgate.files import disk_errors
from evalgate.starting.ask import Brought, Start
from evalgate.starting.showing import example_of

DEFAULT_MODEL = "Qwen/Qwen2.5-0.5B-Instruct"


def write(
    ask: Start,
    brought: Brought,
    prompts: Prompts,
    task: str,
    schema: dict[str, object] | None,
    metrics: tuple[str, ...],
) -> None:
    """Write every file, then load them as `evalgate validate` does; what does not load is taken away again."""
    from evalgate.config.project import load_project
    from evalgate.planning import refuse_hopeless
    from evalgate.plugins import metric_names

    folder, baselines = ask.folder, ask.baselines
    try:
        with disk_errors(folder):
            _write_data(folder / task, brought, schema)
            (folder / "suite.yaml").write_text(suite_yaml(_facts(ask, brought, task, metrics)), encoding="utf-8")
            _write_systems(folder, baselines, task, prompts)
        refuse_hopeless(load_project(folder, metric_names(), verify=False))
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(baselines, ignore_errors=True)
        if isinstance(error, OSError):
            fix = "choose another folder with `-o FOLDER`"
            what = f"cannot write: {error.strerror or error}"
            raise EvalgateError(what, code="not-writable", fix=fix, where=str(error.filename or folder)) from None
        raise


def _write_data(folder: Path, brought: Brought, schema: dict[str, object] | None) -> None:
    folder.mkdir(parents=True)
    for split in splits.ORDER:
        lines = (to_json_line(example_of(item)) for item in brought.parts.items[split])
        with (folder / f"{split}.jsonl").open("wb") as file:
            file.writelines(lines)
    if schema is not None:
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (folder / "schema.json").write_text(text, encoding="utf-8")


def _write_systems(folder: Path, baselines: Path, task: str, prompts: Prompts) -> None:
    baselines.mkdir(parents=True)
    for name, template in (("zero_shot", prompts.zero_shot), ("few_shot", prompts.few_shot)):
        text = baseline_yaml(name, task, prompts, shots=name == "few_shot")
        (baselines / f"{name}.yaml").write_text(text, encoding="utf-8")
        (baselines / f"{name}.j2").write_text(template, encoding="utf-8")
    candidates = folder / "candidates"
    candidates.mkdir()
    lent = os.path.relpath(baselines / "zero_shot.yaml", candidates.absolute())
    (candidates / "qlora.yaml").write_text(recipe_yaml(lent, prompts), encoding="utf-8")


def _facts(ask: Start, brought: Brought, task: str, metrics: tuple[str, ...]) -> Facts:
    model = ask.model or DEFAULT_MODEL
    if ask.model and Path(ask.model).expanduser().exists():
        model = os.path.relpath(Path(ask.model).expanduser(), ask.folder)
    return Facts(
        name=ask.name,
        task=task,
        kind=brought.reading.kind,
        model=model,
        baselines=os.path.relpath(ask.baselines, ask.folder.absolute()),
        origin=tuple(f"{t.path} ({len(t.rows):,} rows, digest {short(t.digest)})" for t in brought.tables),
        reason=brought.reading.reason,
        splits=brought.how,
        cleaning=brought.cleaned,
        n_heldout=len(brought.parts.items["heldout"]),
        seed=ask.seed,
        min_gain=ask.min_gain,
        metrics=metrics,
        clustered=bool(ask.wish.cluster),
    )
