"""What was gated, handed out: the candidate's very bytes with their card, or its adapter merged otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from msgspec import UNSET
from msgspec.structs import replace

from evalgate.core.adapter_files import CONFIG, WEIGHTS
from evalgate.core.artefacts import CARD, Merge, Parity, artefact_digest, model_files
from evalgate.core.data import Recipe, RunOptions
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.protocols import Progress
from evalgate.core.record import Record, short
from evalgate.core.results import AdapterCard, Decision, Run
from evalgate.files import read_record, write_atomic, write_record
from evalgate.store import RunFolder, load_identity


class Exported(Record, frozen=True, kw_only=True):
    """What was written: `gated` if these are the bytes that the gates have judged."""

    candidate: str
    folder: str
    kind: str
    merge: Merge
    dtype: str
    digest: str
    gated: bool
    parity: tuple[Parity, ...] = ()


def export(
    run_folder: Path,
    candidate: str,
    to: Path,
    progress: Progress,
    *,
    merge: Merge | None = None,
    anyway: bool = False,
) -> Exported:
    """Write what a candidate ships as into a new folder: safetensors, configuration, tokenizer files, `card.json` last.

    Args:
        run_folder: The run that has gated it.
        candidate: Its name.
        to: Where it goes: nothing may lie there.
        progress: Shows stages and news.
        merge: The adapter as it is, or merged by a policy; None: what was gated. Another one than that was not gated.
        anyway: Export what the decision does not ship.

    Raises: `not-shipped`, `artefact-changed`, `export-exists`, `nothing-to-merge`, `no-artefact`, and what merging
        raises.
    """
    run, paths = load_identity(run_folder), RunFolder(run_folder)
    card = card_of(run, paths, candidate)
    _refuse_unshipped(run, paths, candidate, anyway=anyway)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(
            "there is something at the place to export to, and nothing is overwritten",
            code="export-exists",
            fix="name a new folder with `--to FOLDER`, or move the old one away",
            where=str(to),
        )
    wanted = merge or card.merge
    if card.kind == "model" and card.merge == "adapter" and wanted != "adapter":
        raise UsageError(
            f"'{candidate}' was trained as a whole model: there is no adapter to merge",
            code="nothing-to-merge",
            fix="leave out `--merge`",
            where=str(paths.card(candidate)),
        )
    gated = wanted == card.merge
    if gated or wanted == "adapter":
        made = copied(run, paths, candidate, card, to, whole=card.kind == "model" and gated)
    else:
        made = _merged_anew(run, paths, candidate, to, wanted, progress)
    return Exported(
        candidate=candidate,
        folder=str(to),
        kind=made.kind,
        merge=made.merge,
        dtype=made.dtype,
        digest=made.adapter_digest,
        gated=gated,
        parity=made.parity,
    )


def card_of(run: Run, paths: RunFolder, candidate: str) -> AdapterCard:
    """The card of the candidate's artefact; raises `no-artefact`."""
    known = sorted(name for name in run.systems if paths.card(name).exists())
    if candidate not in known:
        raise UsageError(
            f"this run has made nothing that is called '{candidate}'",
            code="no-artefact",
            fix=f"choose from: {', '.join(known) or '(none)'}",
            where=str(paths.folder),
        )
    return read_record(paths.card(candidate), AdapterCard, fix="run the suite again with the same folder")


def _refuse_unshipped(run: Run, paths: RunFolder, candidate: str, *, anyway: bool) -> None:
    """Raise `not-shipped` unless the decision ships this candidate."""
    decision = None
    if paths.decision_file.exists():
        decision = read_record(paths.decision_file, Decision, fix=f"judge it again: `evalgate gate {paths.folder}`")
    if anyway or (decision is not None and decision.outcome == "ship" and decision.ship == candidate):
        return
    said = "nothing is decided yet" if decision is None else f"the decision is {decision.outcome}"
    if decision is not None and decision.outcome == "ship":
        said = f"the decision is to ship '{decision.ship}'"
    raise EvalgateError(
        f"'{candidate}' of run {run.id} is not to ship: {said}",
        code="not-shipped",
        fix="export it all the same with `--anyway`",
        where=str(paths.decision_file),
    )


def copied(run: Run, paths: RunFolder, candidate: str, card: AdapterCard, to: Path, *, whole: bool) -> AdapterCard:
    """Copy the whole model, or the adapter; what lies in the run must still be what was recorded.

    Raises `artefact-changed`.
    """
    source = paths.artefact(candidate, whole=whole)
    if card.kind == "model" and not whole:  # the adapter that the gated model was merged from
        card = read_record(paths.adapter(candidate) / CARD, AdapterCard, fix="run the suite again")
        recorded = read_record(paths.merged_card(candidate), AdapterCard, fix="run the suite again").merged_from
    else:
        recorded = run.systems[candidate].adapter_digest or ""
    files = model_files(source) if whole else [source / CONFIG, source / WEIGHTS]
    found = artefact_digest(source) if files and all(path.is_file() for path in files) else "nothing"
    if found != recorded:
        raise EvalgateError(
            f"the files of '{candidate}' are not those that were gated: expected {short(recorded) or 'none'}, found "
            f"{short(found)}",
            code="artefact-changed",
            fix="run the suite again with the same folder: what is missing is made again, and gated",
            where=str(source),
        )
    to.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copyfile(path, to / path.name)
    card = _with_base(run, card)
    if not whole:
        config = json.loads((to / CONFIG).read_text())
        config |= {"base_model_name_or_path": card.base_model, "revision": card.base_revision}
        write_atomic(to / CONFIG, json.dumps(config, indent=2, sort_keys=True).encode() + b"\n")
    write_record(to / CARD, card)
    return card


def _with_base(run: Run, card: AdapterCard) -> AdapterCard:
    """The card with a base that others find, too: its hub id, or an absolute folder; with its revision."""
    named = Path(run.suite.model.id).expanduser()
    local = named.exists() or str(named.resolve()) == card.base_model
    on_hub = not local and run.suite.model.id.count("/") == 1
    return replace(card, base_model=run.suite.model.id if on_hub else card.base_model)


def _merged_anew(
    run: Run, paths: RunFolder, candidate: str, to: Path, policy: Merge, progress: Progress
) -> AdapterCard:
    """Merge the candidate's adapter by a policy that was not gated. Raises `other-run` if the suite has changed."""
    from evalgate.planning import make_plan
    from evalgate.training.merging import Served, merged
    from evalgate.training.recipe import recipe_digest
    from evalgate.tuning import Tuning

    written = tuple(dict.fromkeys(name.partition("@")[0] for name in run.candidates))
    options = RunOptions(suite=run.suite_folder, limit=run.limit, seed=run.seed, candidates=written, use_cache=False)
    plan = make_plan(replace(options, drop=bool(run.dropped)))
    recipe: Recipe = next(replace(r, merge=UNSET) for r in plan.recipes if r.name == candidate)
    card = read_record(paths.adapter(candidate) / CARD, AdapterCard, fix="run the suite again")
    same = (plan.run.data_digest, plan.files.digest, recipe_digest(recipe))
    if same != (run.data_digest, card.base_digest, card.recipe_digest):
        raise UsageError(
            f"the suite, its model or the recipe of '{candidate}' is no longer that of run {run.id}",
            code="other-run",
            fix="restore them, or run the suite again and export from that run",
            where=run.suite_folder,
        )
    served = Served(dtype=run.suite.model.dtype, quantization=run.suite.model.quantization)
    rows = Tuning(plan, paths, progress).rows(recipe, "dev")
    assert policy != "adapter"
    made = merged(
        recipe, card, rows, policy=policy, adapter=paths.adapter(candidate), folder=to, record=to / CARD, served=served
    )
    made = _with_base(run, made)
    write_record(to / CARD, made)
    return made
