"""What the probes' numbers mean: each check against its threshold, and what a failed one says of a recording.

The thresholds lie between what sound models and planted faults gave (docs/decisions/0032-validity-checks.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from evalgate.core.artefacts import noun
from evalgate.core.probes import Check, CheckOutcome, Measured, Probed
from evalgate.core.results import Finding

FILE = "probes.json"
# Largest change of a logit by padding, in standard deviations of the logits, and mean divergence of merged from
# unmerged weights, in nats, by precision. Sound: 1e-5, 0.01 and 0.15; 1e-10, 1e-5 and 0.01. An ignored mask: 2.3 sd.
PADDING = {"float32": 1e-3, "float16": 0.1, "bfloat16": 0.6}
MERGED = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 0.05}
COARSE = "bfloat16"
# Of the answers, in 16 bits: sound models change one in ten with the batch, ignored masks nearly all.
DIFFER, UNEXPLAINED = 0.5, 0.25
AGREE = 0.85


class Said(NamedTuple):
    """A check's own part."""

    compared: str
    figure: str
    threshold: str
    problem: str = ""
    unclear: str = ""


def checks_of(probed: Probed | None) -> tuple[Check, ...]:
    """Every check in the order it was measured; none where nothing was."""
    if probed is None:
        return ()
    return tuple(_check(measured, probed) for measured in probed.measured)


def failures(checks: Sequence[Check]) -> list[Finding]:
    """Failed checks as hard findings; those of the base concern all candidates."""
    return [
        Finding(
            code="probe-failed",
            system=check.system,
            what=f"the validity check '{check.probe}' failed for {check.system or 'the base'}: {check.figure}; "
            f"{check.reason}",
            where=FILE,
            fix=FIXES[check.probe],
        )
        for check in checks
        if check.outcome == "failed"
    ]


def _check(measured: Measured, probed: Probed) -> Check:
    compared = _compared(measured)
    if measured.skipped:
        said = Said(compared, "not measured", "", unclear=measured.skipped)
    else:
        precision = measured.precision or probed.precision
        said = RULES[measured.probe](measured, precision if precision in PADDING else COARSE)
    outcome: CheckOutcome = "failed" if said.problem else "not_done" if said.unclear else "ok"
    return Check(
        probe=measured.probe,
        system=measured.system,
        compared=said.compared,
        figure=said.figure,
        threshold=said.threshold,
        outcome=outcome,
        reason=said.problem or said.unclear,
    )


def _noun(m: Measured) -> str:
    """What is checked: only a whole model has a precision of its own."""
    return noun("model" if m.precision else "adapter")


def _compared(m: Measured) -> str:
    return (OF_WHOLE if m.precision else COMPARED).get(m.probe, COMPARED[m.probe])


def _batch(m: Measured, precision: str) -> Said:
    equal, loose = int(m.values["equal"]), int(m.values["unexplained"])
    near = f", of the others {m.n - equal - loose} at a near tie" if equal < m.n and "near" in m.values else ""
    if precision == "float32":
        bound, problem = "all equal but for near ties: in float32 the batch moves no token", loose > 0
    else:
        bound = "at least half equal, and three quarters equal or near ties: in 16 bits one in ten may differ"
        problem = m.n - equal > DIFFER * m.n or ("near" in m.values and loose > UNEXPLAINED * m.n)
    why = "what a system answers depends on what it is asked beside it" if problem else ""
    return Said(COMPARED["batch"], f"{equal} of {m.n} equal{near}", bound, why)


def _padding(m: Measured, precision: str) -> Said:
    bound, relative = PADDING[precision], m.values["relative"]
    figure = f"largest change of a logit {m.values['largest']:.2g} ({relative:.2g} sd), {m.values['flips']:.0f} of "
    figure += f"{m.n} best tokens changed"
    why = "padding changes what the model computes: the mask or the side is wrong" if not relative <= bound else ""
    return Said(COMPARED["padding"], figure, f"at most {bound:g} sd of the logits in {precision}", why)


def _bos(m: Measured, _precision: str) -> Said:
    least, most = int(m.values["least"]), int(m.values["most"])
    expected = m.values["expected"] > 0
    figure = f"{m.values['right']:.0f} of {m.n} prompts begin with one"
    figure += "" if least == most == 1 else f"; from {least} to {most} each"
    bound = "exactly one, as the tokenizer writes it itself" if expected else "at most one"
    why = "no model was trained on several" if most > 1 else ""
    why = why or ("the tokenizer writes one, the template takes it away" if expected and least < 1 else "")
    return Said(COMPARED["bos"], figure, bound, why)


def _adapter(m: Measured, _precision: str) -> Said:
    largest, noise = m.values["largest"], m.values["noise"]
    figure = f"{m.values['moved']:.0f} of {m.n} prompts changed, by up to {largest:.2g}"
    bound = f"more than padding changes them ({noise:.2g}): less could not decide an answer" if noise else "a change"
    why = f"the {_noun(m)} changes nothing" if not largest > noise else ""
    return Said(_compared(m), figure, bound, why)


def _outputs(m: Measured, _precision: str) -> Said:
    figure = ", ".join(f"{k} of {n} differ from {name}" for name, (k, n) in m.differ.items())
    same = [name for name, (k, n) in m.differ.items() if n and not k]
    bound = "at least one: other weights or prompts do not give the same texts throughout"
    base = "the base with its prompts"
    first, moved = m.values.get("first_token"), m.values.get("moved")
    if base in same and first:
        why = f"with the {_noun(m)} {first:.0f} answers must begin otherwise: generating does not use it"
    elif same and not moved and (moved is not None or m.values["right"] < m.n / 2):
        why = f"it answers as {same[0]} does"
    else:
        unclear = f"it answers as {same[0]} does, which other weights may do as well" if same else ""
        return Said(COMPARED["outputs"], figure, bound, unclear=unclear)
    return Said(COMPARED["outputs"], figure, bound, why)


def _tokenizer(m: Measured, _precision: str) -> Said:
    values = m.values
    parts, problems = [f"{values['as_base']:.0f} of {m.n} prompts alike with the base's files"], []
    if values["as_base"] < m.n:
        problems.append("what answers uses another tokenizer or template than training did")
    if "as_own" in values:
        parts.append(f"{values['as_own']:.0f} of {m.n} with the {_noun(m)}'s own")
        if values["as_own"] < m.n or not values["same_files"]:
            problems.append(f"the {_noun(m)} brings another tokenizer or template than the base's")
    if "same_base" in values:
        parts.append("trained on this base" if values["same_base"] else "trained on another base")
        if not values["same_base"]:
            problems.append(f"the {_noun(m)}'s card names another base than the one that answers")
    return Said(_compared(m), ", ".join(parts), "all alike: ids mean what they meant in training",
                "; ".join(problems))  # fmt: skip


def _merged(m: Measured, precision: str) -> Said:
    bound, mean, positions = MERGED[precision], m.values["kl"], m.values["positions"]
    figure = (
        f"divergence {mean:.2g} nats, at most {m.values['kl_most']:.2g}; {m.values['agree']:.0f} of {positions:.0f} "
    )
    figure += "best tokens equal"
    wrong = not mean <= bound or m.values["agree"] < AGREE * positions
    why = "merged weights would answer otherwise than what is gated" if wrong else ""
    return Said(
        COMPARED["merged"], figure, f"at most {bound:g} nats in the mean in {precision}, {AGREE:.0%} equal", why
    )


RULES: dict[str, Callable[[Measured, str], Said]] = {
    "batch": _batch,
    "padding": _padding,
    "bos": _bos,
    "adapter": _adapter,
    "outputs": _outputs,
    "tokenizer": _tokenizer,
    "merged": _merged,
}
COMPARED = {
    "batch": "answers one at a time against all in one batch",
    "padding": "logits of a prompt alone against padded in a batch",
    "bos": "BOS tokens at the beginning of each prompt",
    "adapter": "logits without against with the adapter",
    "outputs": "answers against each baseline's and the base's",
    "tokenizer": "token ids by backend, base files and adapter files",
    "merged": "logits of the adapter beside against merged into the base",
}
# What is compared otherwise where the candidate is a whole model.
OF_WHOLE = {
    "adapter": "logits of the base against those of the whole model",
    "tokenizer": "token ids by backend, base files and the whole model's files",
}
FIXES = {
    "batch": "pad on the left, give the mask to the model, and run again; or answer one at a time",
    "padding": "set the tokenizer's padding side to left, give the mask to the model, and run again",
    "bos": "let either the chat template or the tokenizer write the BOS, and run again",
    "adapter": "check that training moved its weights and that they answer: an adapter's layer names must fit the base",
    "outputs": "check that the backend generates with the candidate's weights, and that it is not a baseline",
    "tokenizer": "serve the base that the candidate was trained on, with its tokenizer and template, or train again",
    "merged": "merge into weights of 16 or 32 bits, or serve the adapter beside the base",
}
