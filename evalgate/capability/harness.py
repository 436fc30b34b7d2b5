"""lm-eval in process: one live model, adapters toggled, every item kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from evalgate.cache.records import Cache
from evalgate.capability.live import Live, Tokens, responses
from evalgate.capability.loading import load_tasks
from evalgate.core.data import CapabilitySpec, Example
from evalgate.core.errors import UsageError
from evalgate.core.protocols import LocalModel, Progress
from evalgate.core.record import to_json_line
from evalgate.core.results import Score
from evalgate.core.showing import count, stage
from evalgate.files import Appender, read_keys, write_atomic
from evalgate.sealing import Seal, SealedLine
from evalgate.store import CAPABILITY

METRIC = "accuracy"
# The seed that lm-eval itself uses to pick few-shot examples, so that its own numbers are matched.
FEWSHOT_SEED = 1234
# Which of a task's numbers is the item's score: the first of these that it has.
METRICS = ("acc", "exact_match", "prompt_level_strict_acc", "acc_norm", "em", "pass@1", "pass_at_1", "f1")


class Harness:
    """The capability tasks of a suite, loaded once and asked of many systems."""

    def __init__(self, spec: CapabilitySpec, folder: Path) -> None:
        """Load the tasks; raises what `load_tasks` raises, and `capability-task-unfit` for one without a share."""
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        self._spec = spec
        self._tasks: dict[str, Any] = load_tasks(spec, folder)
        self._metrics = {name: _metric(name, task) for name, task in self._tasks.items()}
        self._tokens = Tokens()
        for task in self._tasks.values():
            task.set_fewshot_seed(FEWSHOT_SEED)
            if spec.num_fewshot and task.get_config("num_fewshot") != 0:  # as lm-eval: a task that says 0 keeps to it
                task.set_config("num_fewshot", spec.num_fewshot)

    @property
    def n_items(self) -> int:
        """How many questions there are."""
        return sum(self.sizes)

    @property
    def sizes(self) -> list[int]:
        """How many questions each subject has."""
        return [self._size(task) for task in self._tasks.values()]

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
        cache: Cache | None = None,
    ) -> list[Score]:
        """Score every item of every task; tasks already whole in `path` are not asked again, nor items in the cache.

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
            live = Live(model, adapter, cache if seal is None else None, self._tokens)
            about = {"unit": "questions", "system": system, "task": CAPABILITY}
            shown = stage(progress, f"{system} · {CAPABILITY}", self.n_items, n_done, **about)
            with shown as tick, Appender(path, seal) as file:
                for name in [name for name in self._tasks if name not in done]:
                    scores = self._ask(live, name, self._tasks[name], system, bare=seal is not None)
                    file.write(scores)
                    kept[name] = [*scores]
                    count(tick, known=sum(bool(score.responses and score.responses.cached) for score in scores))
                    tick(len(scores))
            if cache is not None and live.known:
                of = self.n_items - n_done
                text = f"{system}: {len(live.known):,} of {of:,} capability items were known from {cache.folder}"
                progress.note(text + " (--no-cache asks again)")
        return [score for name in self._tasks for score in kept[name] if isinstance(score, Score)]

    def _ask(self, live: Live, name: str, task: Any, system: str, *, bare: bool) -> list[Score]:
        """One task's scores; `bare` ones have no responses, whose length a sealed line would tell."""
        from lm_eval.evaluator import evaluate

        tasks = {"tasks": {name: task}, "groups": {}, "group_map": {}}
        _same_requests(task)
        samples = evaluate(live, tasks, limit=self._spec.limit, bootstrap_iters=0)["samples"][name]
        first, values = samples[0]["filter"], _values(samples)
        found = []
        for sample in (sample for sample in samples if sample["filter"] == first):
            number = sample.get(self._metrics[name])
            if not isinstance(number, (bool, int, float)) or not 0 <= number <= 1:
                raise _unfit(name, f"its {self._metrics[name]} of one item is {number!r}, no number from 0 to 1")
            answers = None if bare else responses(r for each in sample["resps"] for r in each)
            if answers is not None:
                known = (name, int(sample["doc_id"])) in live.known
                answers = replace(answers, values=values[sample["doc_id"]], cached=known)
            found.append(
                Score(
                    example_id=f"{name}/{sample['doc_id']}",
                    system=system,
                    task=CAPABILITY,
                    metric=METRIC,
                    parts=(float(number),),
                    detail=name,
                    responses=UNSET if answers is None else answers,
                )
            )
        return found

    def examples(self) -> list[Example]:
        """The questions as examples, for the report."""
        from itertools import islice

        found = []
        for name, task in self._tasks.items():
            for i, doc in enumerate(islice(task.eval_docs, self._size(task))):
                text = str(task.doc_to_text(doc))
                found.append(Example(id=f"{name}/{i}", inputs={"question": text}, tags=(name,)))
        return found


def _same_requests(task: Any) -> None:
    """Let a task that was asked before keep its requests: every system is shown the same texts, made once."""
    made = getattr(task, "_instances", None)  # lm-eval sets it when requests are built
    if not made:
        return
    for request in made:
        request.resps, request.filtered_resps = [], {}
    task.build_all_requests = lambda **_: None


def _metric(name: str, task: Any) -> str:
    """The number of lm-eval's that is an item's score. Raises `capability-task-unfit`."""
    given = list(task.aggregation())
    for metric in METRICS:
        if metric in given:
            return metric
    raise _unfit(name, f"it gives {', '.join(given) or 'nothing'}, none of them a share of right answers")


def _values(samples: Sequence[dict[str, Any]]) -> dict[int, dict[str, float]]:
    """All numbers of lm-eval's by item, under the names that it reports them by: those of a second filter follow it."""
    found: dict[int, dict[str, float]] = {}
    for sample in samples:
        suffix = "" if sample["filter"] == "none" else f",{sample['filter']}"
        for metric in sample["metrics"]:
            if isinstance(sample[metric], (bool, int, float)):
                found.setdefault(sample["doc_id"], {})[metric + suffix] = float(sample[metric])
    return {sample["doc_id"]: found.get(sample["doc_id"], {}) for sample in samples}


def _unfit(name: str, why: str) -> UsageError:
    return UsageError(
        f"the capability task {name} cannot be judged: {why}",
        code="capability-task-unfit",
        fix=f"take it out of `capability.tasks`; a task is scored by one of {', '.join(METRICS)}",
    )
