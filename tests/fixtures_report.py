"""A plausible run made from a seed: five systems, four tasks, a red-team list, capability, and hostile outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from report_items import (
    CANDIDATES,
    HOSTILE,
    NO_ANSWER,
    SKILL,
    SUBJECTS,
    SYSTEMS,
    TASKS,
    make_example,
    make_output,
    make_questions,
    make_scores,
    make_serving,
    make_shown,
)

from evalgate.core.data import GateSpec, ModelSpec, PromptSpec, SuiteSpec, SystemSpec
from evalgate.core.results import (
    AdapterCard,
    CurvePoint,
    Decision,
    Estimate,
    Prediction,
    Run,
    Score,
    SystemScore,
    Verdict,
)
from evalgate.core.seeds import rng
from evalgate.core.serving import LatencyPair
from evalgate.store import CAPABILITY, RunData

GATES = (
    GateSpec(name="summaries-better", metric="summarize.rouge_l", rule="better_than_baselines", min_gain=0.02),
    GateSpec(name="routing-better", metric="route.macro_f1", rule="better_than_baselines"),
    GateSpec(name="schema", metric="extract.json_valid", rule="at_least", limit=0.97),
    GateSpec(name="answers-kept", metric="policy_qa.token_f1", rule="not_worse_than_baseline", margin=0.05),
    GateSpec(name="capability", metric="capability.accuracy", rule="not_worse_than_baseline", margin=0.03),
    GateSpec(name="latency", metric="latency.p95", rule="not_worse_than_baseline", limit=1.25),
    GateSpec(name="refusal", metric="redteam.refusal_rate", rule="at_least", limit=0.9, required=False),
)


def _estimate(
    values: list[float], method: str = "paired bootstrap (BCa, 10,000 resamples)", unscored: int = 0
) -> Estimate:
    a = np.asarray(values or [float("nan")])
    half = 1.96 * float(a.std()) / max(len(a), 1) ** 0.5
    mean = float(a.mean())
    low, high = (
        (mean - half, mean + half) if min(values or [-1]) < 0 else (max(mean - half, 0.0), min(mean + half, 1.0))
    )
    return Estimate(value=mean, low=low, high=high, level=0.95, n=len(values), method=method, n_unscored=unscored)


def _decision(scores: dict[str, dict[str, list[Score]]]) -> Decision:
    def values(system: str, metric: str) -> list[float]:
        task, _, name = metric.partition(".")
        return [s.parts[-1] for s in scores[system][task] if s.metric == name and s.parts]

    table = [
        SystemScore(system=s, task=task, metric=use, estimate=_estimate(values(s, f"{task}.{use}"), "bootstrap"))
        for task, use in [*((t.name, m.name) for t in TASKS for m in t.metrics), (CAPABILITY, "accuracy")]
        for s in SYSTEMS
    ]
    reasons: dict[str, Callable[[str], str]] = {
        "pass": lambda c: f"{c} clears the margin: the whole interval lies on the right side of it.",
        "fail": lambda c: f"{c} fails: the whole interval lies on the wrong side of the margin.",
        "inconclusive": lambda c: f"The interval of {c} crosses the margin, so this cannot be told from the data.",
    }
    verdicts = []
    for gate in GATES:
        for c in CANDIDATES:
            line = gate.limit or 0.0
            after, before = (
                ([], []) if gate.name == "latency" else (values(c, gate.metric), values("few-shot", gate.metric))
            )
            if gate.name == "latency":
                ratio = 1.08 if c == "qlora" else 1.19
                e = Estimate(
                    value=ratio,
                    low=ratio - 0.05,
                    high=ratio + 0.09,
                    level=0.95,
                    n=120,
                    method="ratio of p95, bootstrap by pair",
                )
            elif gate.rule == "at_least":
                e = _estimate(after, "Wilson")
            else:
                n = min(len(after), len(before))
                e = _estimate([x - y for x, y in zip(after[:n], before[:n], strict=True)])
                line = -gate.margin if gate.margin else gate.min_gain or 0.0
            low, high = (-e.high, -e.low) if gate.name == "latency" else (e.low, e.high)
            line = -line if gate.name == "latency" else line
            outcome = "pass" if low > line else "fail" if high < line else "inconclusive"
            verdicts.append(
                Verdict(
                    gate=gate.name,
                    outcome=outcome,
                    reason=reasons[outcome](c),
                    candidate=c,
                    baseline="few-shot" if "least" not in gate.rule else None,
                    estimate=e,
                    n=e.n,
                    method=e.method,
                    needed_n=e.n * 4 if outcome == "inconclusive" else None,
                    required=gate.required,
                )
            )
    return Decision(
        outcome="keep_baseline",
        reason="qlora writes better summaries and routes better than every baseline, but extract.json_valid lies "
        "below its floor of 97%; overcooked forgot what the base model knew (capability).",
        best_baselines={
            "summarize": "few-shot",
            "route": "few-shot",
            "extract": "few-shot",
            "policy_qa": "rag",
            "redteam": "rag",
        },
        verdicts=tuple(verdicts),
        scores=tuple(table),
        serving=make_serving(),
    )


def _capability(system: str, r: np.random.Generator, n: int) -> list[Score]:
    level = 0.41 if system == "overcooked" else 0.7
    return [
        Score(
            example_id=f"{s}-{i}",
            system=system,
            task=CAPABILITY,
            metric="accuracy",
            parts=(float(r.random() < level),),
            detail=s,
        )
        for s in SUBJECTS
        for i in range(n)
    ]


def _card(name: str, r: np.random.Generator) -> AdapterCard:
    hot = name == "overcooked"
    curves = tuple(
        CurvePoint(
            step=s,
            loss=float(0.4 + 2.2 * np.exp(-s / 60) + r.normal(0, 0.05)),
            dev_loss=float(0.7 + 1.9 * np.exp(-s / 70) + (s / 300 if hot else 0)) if s % 50 == 0 else None,
        )
        for s in range(0, 401, 5)
    )
    return AdapterCard(
        name=name,
        base_model="models/base",
        base_revision=None,
        base_digest="b1" * 32,
        adapter_digest="ad" * 32,
        train_digest="7a" * 32,
        recipe_digest="5e" * 32,
        seed=7,
        n_rows=4000,
        trained_tokens=812_331,
        n_steps=400,
        duration_s=64.2,
        peak_memory_bytes=812_000_000,
        curves=curves,
        parameters=212_992,
        versions={"peft": "0.18", "torch": "2.6"},
    )


def _latency(candidate: str, r: np.random.Generator, n: int) -> list[LatencyPair]:
    slow = 1.08 if candidate == "qlora" else 1.19
    times = r.lognormal(-1.6, 0.3, size=n)
    return [
        LatencyPair(
            example_id=f"summarize-{i:04d}",
            task="summarize",
            baseline="few-shot",
            candidate=candidate,
            baseline_s=float(t),
            candidate_s=float(t * slow * r.normal(1, 0.05)),
            baseline_tokens=30,
            candidate_tokens=28,
        )
        for i, t in enumerate(times)
    ]


def build_run(
    n: int = 60, *, systems: tuple[str, ...] = SYSTEMS, hostile: bool = True, seed: int = 7, questions: bool = False
) -> RunData:
    """A run of `n` examples a task; hostile outputs replace the first answers of `qlora` to every task.

    `questions` adds up to 60 capability questions a subject.
    """
    r = rng(seed, "report fixture")
    tasks = [t.name for t in TASKS]
    examples = {
        t: [make_example(t, i, rng(seed, t, i)) for i in range(n if t != "redteam" else max(n // 3, 10))] for t in tasks
    }
    predictions: dict[str, dict[str, list[Prediction]]] = {}
    scores: dict[str, dict[str, list[Score]]] = {}
    for system in systems:
        predictions[system], scores[system] = {}, {CAPABILITY: _capability(system, r, 60)}
        for task in tasks:
            predictions[system][task], scores[system][task] = [], []
            for i, example in enumerate(examples[task]):
                nasty = hostile and system == "qlora" and i < len(HOSTILE)
                output: str | None = HOSTILE[i] if nasty else make_output(task, example, SKILL.get(system, 0.5), r)
                lost = system == "few-shot" and i % 41 == 40
                output = None if lost else output
                ids = tuple(f"policy-{int(k):03d}" for k in r.integers(150, size=3)) if system == "rag" else ()
                predictions[system][task].append(
                    Prediction(
                        example_id=example.id,
                        system=system,
                        task=task,
                        output=output,
                        context_ids=ids,
                        status="error" if lost else "ok",
                        failure=NO_ANSWER if lost else None,
                    )
                )
                scores[system][task] += make_scores(task, system, example, output)
    specs = {
        s: SystemSpec(
            name=s,
            kind="tuned" if s in CANDIDATES else "rag" if s == "rag" else "prompt",
            backend="hf",
            model="models/base",
            prompts={
                t: PromptSpec(template=f"Do {t} as {'tuned' if s in CANDIDATES else s}: {{{{ text }}}}") for t in tasks
            },
            adapter_digest="ad" * 32 if s in CANDIDATES else None,
            description=f"the {s} system",
        )
        for s in systems
    }
    suite = SuiteSpec(
        name="support",
        version=1,
        model=ModelSpec(id="models/base"),
        tasks=TASKS,
        gates=GATES,
        description="A customer-support desk: four tasks that one release must serve.",
    )
    run = Run(
        id="2026-11-22-fixture",
        suite=suite,
        suite_folder="suites/support",
        suite_digest="3f" * 32,
        data_digest="d4" * 32,
        model_digest="0d" * 32,
        systems=specs,
        baselines=tuple(s for s in systems if s not in CANDIDATES),
        candidates=tuple(s for s in systems if s in CANDIDATES),
        gates=GATES,
        seed=seed,
        limit=None,
        started="2026-11-22T18:00:00+00:00",
        code_commit="c3fe437",
        versions={"torch": "2.6.0", "transformers": "5.0.0"},
        hardware="2 cores, 8 GB, no GPU",
        command="evalgate run suites/support --seed 7",
    )
    full = all(s in systems for s in SYSTEMS)
    return RunData(
        run=run,
        folder="reports/support/fixture",
        examples=examples | ({CAPABILITY: make_questions(min(n, 60))} if questions else {}),
        predictions=predictions,
        scores=scores,
        latency={c: _latency(c, r, 120) for c in run.candidates},
        cards={c: _card(c, r) for c in run.candidates},
        decision=_decision(scores) if full else None,
        shown=[make_shown(s, t, examples[t]) for s in systems for t in tasks],
    )
