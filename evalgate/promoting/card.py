"""The model card: what was decided, every number with its interval beside the baseline's, what it does not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalgate.core.record import Record, short
from evalgate.core.results import AdapterCard, Decision, Overlap, Run, SystemScore, Verdict
from evalgate.promoting.model_index import baseline_of, front_matter, on_hub, scores_of, to_yaml, version_line
from evalgate.promoting.names import PROMPTS
from evalgate.report import words
from evalgate.report.artefacts import parity_lines
from evalgate.report.markdown import SIGNS, text

# More slices than these nobody reads here; the report has all.
MAX_SLICES = 12


class Carried(Record, frozen=True, kw_only=True):
    """What a card is written from: records of the promoted folder. `tokenizer` are the base's files beside."""

    run: Run
    decision: Decision
    card: AdapterCard
    overlaps: tuple[Overlap, ...] | None
    tokenizer: tuple[str, ...]
    signed: bool
    licence: str | None = None


def card_text(found: Carried) -> str:
    """The whole README.md."""
    run, decision, name = found.run, found.decision, found.decision.ship or ""
    lines = [
        f"# {text(name)}",
        "",
        f"{text(decision.reason)} Decided by evalgate on {version_line(run)}.",
        "",
        *(["> " + text(decision.bound), ""] if decision.bound else []),
        *_scores(decision),
        *_gates(run, decision),
        *_limits(found),
        *_loading(found),
        *_origin(found),
    ]
    head = to_yaml(front_matter(run, decision, found.card, found.licence))
    return head + "\n".join(lines).rstrip() + "\n"


def _scores(decision: Decision) -> list[str]:
    """The candidate's numbers with the best baseline's beside."""
    rows = scores_of(decision)
    if not rows:
        return ["The scores are sealed for the release owner: only pass or not pass is disclosed.", ""]
    lines = ["## Evaluation", "", "| Task and metric | Score | Interval, n and method | Baseline | Its score |"]
    lines.append("|---|--:|---|---|--:|")
    for row in rows:
        beside = baseline_of(decision, row)
        other = _shown(beside) if beside is not None else ""
        assert row.estimate is not None
        told = f"{words.interval(row.estimate, _scale(row))}; {words.counted(row.estimate)}"
        cells = [text(f"{row.task}.{row.metric}"), words.show(row.estimate.value, _scale(row)), text(told)]
        lines.append(f"| {' | '.join([*cells, text(beside.system) if beside else '', other])} |")
    return [*lines, ""]


def _scale(row: SystemScore) -> words.Scale:
    return words.metric_scale(row.task, row.metric)


def _shown(row: SystemScore) -> str:
    if row.estimate is None:
        return "n/a"
    return f"{words.show(row.estimate.value, _scale(row))} ({words.interval(row.estimate, _scale(row))})"


def _gates(run: Run, decision: Decision) -> list[str]:
    known = {gate.name: gate for gate in run.gates}
    lines = ["## Gates", "", "| Gate | Asks | Against | Estimate | Interval | alpha | Verdict |"]
    lines.append("|---|---|---|--:|---|--:|---|")
    for v in decision.verdicts:
        if v.candidate == decision.ship:
            gate = known.get(v.gate)
            scale: words.Scale = words.gate_scale(gate) if gate else "plain"
            value = words.show(v.estimate.value, scale) if v.estimate else ""
            span = words.interval(v.estimate, scale) if v.estimate else ""
            asks = words.gate_rule(gate) if gate else ""
            cells = [text(v.gate), text(asks), text(v.baseline or ""), value, span, f"{v.alpha:.3g}", _sign(v)]
            lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _sign(verdict: Verdict) -> str:
    told = SIGNS.get(verdict.outcome, verdict.outcome)
    return told + ("" if verdict.required else " (advisory)")


def _limits(found: Carried) -> list[str]:
    told = [*_worse_slices(found.decision), *_uncounted(found), *_doubts(found.decision)]
    if found.run.limit is not None:
        told.append(f"Only the first {found.run.limit} held-out examples of each task were asked (`--limit`).")
    told = told or ["Nothing was found that the gates did not judge; what the suite does not ask, nobody knows."]
    return ["## Limits", "", *(f"- {text(line)}" for line in told), ""]


def _worse_slices(decision: Decision) -> Iterator[str]:
    """Parts of the held-out set on which the candidate's value is below the best baseline's; slices gate nothing."""
    table = {(s.task, s.by, s.slice, s.metric, s.system): s.estimate for s in decision.slices}
    better = {(s.task, s.metric): s.better for s in decision.scores}
    worse = []
    for (task, by, name, metric, system), mine in table.items():
        other = decision.best_baselines.get(task, "")
        theirs, way = table.get((task, by, name, metric, other)), better.get((task, metric))
        if system != decision.ship or theirs is None or way not in ("higher", "lower"):
            continue
        if (theirs.value - mine.value if way == "higher" else mine.value - theirs.value) > 0:
            scale = words.metric_scale(task, metric)
            spans = [f"{words.show(e.value, scale)} ({words.interval(e, scale)})" for e in (mine, theirs)]
            worse.append(f"Worse than {other} on {task}, {by} '{name}': {metric} {spans[0]} against {spans[1]}, "
                         f"n = {mine.n:,}")  # fmt: skip
    yield from worse[:MAX_SLICES]
    if len(worse) > MAX_SLICES:
        yield f"Worse than the best baseline on {len(worse) - MAX_SLICES} more slices; the report shows all."


def _uncounted(found: Carried) -> Iterator[str]:
    for row in scores_of(found.decision):
        if row.estimate is not None and row.estimate.n_unscored:
            yield f"{row.task}.{row.metric}: {row.estimate.n_unscored:,} items could not be scored."
    if found.overlaps is None:
        yield "Nobody looked whether training rows stand in the held-out set."
    elif found.overlaps:
        touched = len({(o.task, o.example_id) for o in found.overlaps})
        yield (
            f"Contamination: {len(found.overlaps):,} findings touch {touched:,} held-out examples; the gates judge "
            "all examples, and decision.json has the scores without them."
        )


def _doubts(decision: Decision) -> Iterator[str]:
    for finding in decision.findings:
        if not finding.hard and finding.system in ("", decision.ship):
            yield f"{finding.code}: {finding.what}."
    for v in decision.verdicts:
        if v.candidate == decision.ship and not v.required and v.outcome != "pass":
            yield f"The advisory gate {v.gate} did not pass: {v.reason}"


def _loading(found: Carried) -> list[str]:
    card = found.card
    base = card.base_model if on_hub(card.base_model) else "BASE"
    revision = f', revision="{card.base_revision}"' if card.base_revision else ""
    if card.kind == "model":
        code = ["from transformers import AutoModelForCausalLM, AutoTokenizer", ""]
        code += [f'model = AutoModelForCausalLM.from_pretrained("FOLDER", dtype="{card.dtype or "auto"}")']
        code += ['tokenizer = AutoTokenizer.from_pretrained("FOLDER")']
    else:
        place = "FOLDER" if found.tokenizer else base
        code = ["from peft import PeftModel", "from transformers import AutoModelForCausalLM, AutoTokenizer", ""]
        code += [f'base = AutoModelForCausalLM.from_pretrained("{base}"{revision})']
        code += ['model = PeftModel.from_pretrained(base, "FOLDER")']
        code += [f'tokenizer = AutoTokenizer.from_pretrained("{place}")']
    serving = ", ".join(f"{k} {v}" for k, v in found.run.serving.items() if k in ("dtype", "quantization", "backend"))
    told = [f"It was gated in this form: {serving}." if serving else ""]
    told.append(
        f"The numbers hold for the prompts in `{PROMPTS}/`: each template (Jinja2 with `trim_blocks` and "
        f"`lstrip_blocks`, the result stripped) gives one user message; `{PROMPTS}/system.json` has decoding, shots "
        "and retrieval."
    )
    return ["## How to load it", "", "```python", *code, "```", "", *(line for line in told if line), ""]


def _origin(found: Carried) -> list[str]:
    card, run = found.card, found.run
    base = card.base_model if on_hub(card.base_model) else "a local folder"
    facts: Sequence[tuple[str, object]] = (
        ("Base model", f"{base}, revision {card.base_revision or 'unknown'}, digest {short(card.base_digest)}"),
        ("Artefact", f"{card.kind}, digest {short(card.adapter_digest)}"),
        ("Trained on", f"{card.n_rows:,} rows, {card.trained_tokens:,} tokens; rows {short(card.train_digest)}"),
        ("Recipe", f"{short(card.recipe_digest)}, training seed {card.seed}"),
        ("Code", run.code_commit or "unknown commit"),
    )
    parity = [f"- Parity: {text(line)}" for line in parity_lines(card.parity)]
    verify = "evalgate verify FOLDER" + (" --public-key OWNER.pub" if found.signed else "")
    lines = ["## Where it comes from", "", *(f"- {k}: {text(str(v))}" for k, v in facts), *parity]
    return [*lines, "", f"`{verify}` checks artefact, data and decision again, offline."]
