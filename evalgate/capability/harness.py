"""lm-eval in process: one live model, adapters toggled, every item kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from evalgate.core.data import CapabilitySpec, Example
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.protocols import LocalModel, Progress
from evalgate.core.record import to_json_line
from evalgate.core.results import Score
from evalgate.files import Appender, read_keys, write_atomic
from evalgate.sealing import Seal, SealedLine
from evalgate.store import CAPABILITY

METRIC = "accuracy"
# The seed that lm-eval itself uses to pick few-shot examples, so that its own numbers are matched.
FEWSHOT_SEED = 1234
BATCH_SIZE = {"cpu": 64, "cuda": 128}


class Harness:
    """The capability tasks of a suite, loaded once and asked of many systems."""

    def __init__(self, spec: CapabilitySpec, folder: Path) -> None:
        """Load the tasks; raises `unknown-capability-task` for a name that lm-eval does not know."""
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        self._spec = spec
        include = str(folder / spec.include_path) if spec.include_path else None
        self._tasks: dict[str, Any] = _own_tasks(spec, include) or _all_tasks(spec, include)
        for task in self._tasks.values():
            task.set_fewshot_seed(FEWSHOT_SEED)
            if spec.num_fewshot:
                task.set_config("num_fewshot", spec.num_fewshot)

    @property
    def n_items(self) -> int:
        """How many questions there are."""
        return sum(self._size(task) for task in self._tasks.values())

    def _size(self, task: Any) -> int:
        n = len(task.eval_docs)
        return n if self._spec.limit is None else min(n, self._spec.limit)

    def measure(
        self,
        model: LocalModel,
        *,
        adapter: str | None,
        system: str,
        path: Path,
        progress: Progress,
        seal: Seal | None = None,
    ) -> list[Score]:
        """Score every item of every task; tasks already whole in `path` are not asked again.

        Each score has one part, 1 if the answer is right; `detail` is the subject (the task's name). Scores that were
        sealed before are not given again.
        """
        kept: dict[str, list[Score | SealedLine]] = {}
        for score in read_keys(path, Score, seal):
            kept.setdefault(score.example_id.rpartition("/")[0], []).append(score)
        done = {name for name, task in self._tasks.items() if len(kept.get(name, ())) == self._size(task)}
        if set(kept) - done:  # a crash left half a subject: it is asked anew, so its first half must go
            write_atomic(path, b"".join(to_json_line(s) for name in sorted(done) for s in kept[name]))
        n_done = sum(len(kept[name]) for name in done)
        if n_done < self.n_items:
            stage = progress.stage(f"{system} · {CAPABILITY}", self.n_items, n_done)
            with stage as tick, Appender(path, seal) as file, model.using(adapter) as module:
                lm = self._language_model(model, module, adapter)
                for name in [name for name in self._tasks if name not in done]:
                    scores = self._ask(lm, name, self._tasks[name], system)
                    file.write(scores)
                    kept[name] = [*scores]
                    tick(len(scores))
        return [score for name in self._tasks for score in kept[name] if isinstance(score, Score)]

    @staticmethod
    def _language_model(model: LocalModel, module: Any, adapter: str | None) -> Any:
        from lm_eval.models.huggingface import HFLM

        device = module.device.type
        lm = HFLM(pretrained=module, tokenizer=model.tokenizer, batch_size=BATCH_SIZE[device], softmax_dtype="float32")
        for kind in ("loglikelihood", "loglikelihood_rolling", "generate_until"):
            setattr(lm, kind, partial(getattr(lm, kind), disable_tqdm=True))  # one progress display is enough
        lm._loglikelihood_tokens = partial(_scores, model, adapter, lm.max_length)
        return lm

    def _ask(self, lm: Any, name: str, task: Any, system: str) -> list[Score]:
        from lm_eval.evaluator import evaluate

        results = evaluate(
            lm, {"tasks": {name: task}, "groups": {}, "group_map": {}}, limit=self._spec.limit, bootstrap_iters=0
        )
        metric = next(m for m in ("acc", "exact_match", "acc_norm") if m in results["samples"][name][0])
        return [
            Score(
                example_id=f"{name}/{sample['doc_id']}",
                system=system,
                task=CAPABILITY,
                metric=METRIC,
                parts=(float(sample[metric]),),
                detail=name,
            )
            for sample in results["samples"][name]
        ]

    def examples(self) -> list[Example]:
        """The questions as examples, for the report."""
        from itertools import islice

        found = []
        for name, task in self._tasks.items():
            for i, doc in enumerate(islice(task.eval_docs, self._size(task))):
                text = str(task.doc_to_text(doc))
                found.append(Example(id=f"{name}/{i}", inputs={"question": text}, tags=(name,)))
        return found


def _scores(
    model: LocalModel,
    adapter: str | None,
    limit: int,
    requests: Sequence[tuple[Any, list[int], list[int]]],
    **_: object,
) -> list[tuple[float, bool]]:
    """What `HFLM._loglikelihood_tokens` gives, by the backend's own batches; what is too long is cut as lm-eval does.

    Raises `no-memory` where one question alone is too large.
    """
    pairs = []
    for _name, context, continuation in requests:
        kept = (context + continuation)[-(limit + 1) :]  # the last token is asked for, but never read
        pairs.append((kept[: -len(continuation)], kept[-len(continuation) :]))
    scores = model.score_tokens(pairs, adapter=adapter)
    if any(score.out_of_memory for score in scores):
        raise EvalgateError(
            "one capability question alone does not fit the device's memory",
            code="no-memory",
            fix="free memory, or lower `num_fewshot` or set `quantization: nf4` in suite.yaml",
        )
    return [(score.logprob, score.greedy) for score in scores]


def _own_tasks(spec: CapabilitySpec, include: str | None) -> dict[str, Any] | None:
    """The tasks if the suite's folder has all of them: indexing lm-eval's own takes seconds that a suite may save."""
    from lm_eval.tasks import TaskManager

    if include is None:
        return None
    manager = TaskManager(include_defaults=False, include_path=include)
    if not set(spec.tasks) <= set(manager.all_tasks):
        return None
    try:
        found: dict[str, Any] = manager.load(list(spec.tasks))["tasks"]
    except (KeyError, ValueError):  # a group of the suite's that names tasks of lm-eval's
        return None
    return found


def _all_tasks(spec: CapabilitySpec, include: str | None) -> dict[str, Any]:
    """The tasks out of lm-eval's own and the suite's; raises `unknown-capability-task`."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=include)
    if unknown := [name for name in spec.tasks if name not in manager.all_tasks]:
        raise UsageError(
            f"lm-eval knows no task {', '.join(unknown)}",
            code="unknown-capability-task",
            fix="correct `capability.tasks` in suite.yaml; `lm_eval ls tasks` lists all names",
            where=include or "",
        )
    found: dict[str, Any] = manager.load(list(spec.tasks))["tasks"]
    return found
