"""Contamination of a whole project: checked before anything is loaded, refused, or left out when told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from evalgate.core.content import text_of
from evalgate.core.data import Example, Project, PromptDraft, Recipe, Replay, Suite, SystemDraft
from evalgate.core.errors import EvalgateError
from evalgate.core.prompts import Pool, Shots
from evalgate.core.results import Overlap
from evalgate.suite.contamination import Piece, check
from evalgate.suite.formats import place_of
from evalgate.systems.prompt import answer_of
from evalgate.systems.shots import pick_shots
from evalgate.training.pairs import TASK as PAIRS
from evalgate.training.pairs import read_pairs
from evalgate.training.replay import TASK as REPLAY
from evalgate.training.replay import read_replay

COPIES = ("exact", "normalised", "near", "quoted")
# How many places a refusal or a list for people names.
FIRST = 3


class Checked(NamedTuple):
    """A project that may be trained on, what was found in it, and which rows it lost."""

    project: Project
    overlaps: tuple[Overlap, ...]
    dropped: dict[str, tuple[str, ...]]


def find_overlaps(project: Project, seed: int | None = None) -> tuple[Overlap, ...]:
    """Everything in train, dev, replay rows, passages and prompts that copies held-out examples or gives them away.

    Shots are those that the seed picks; by default the suite's.
    """
    chosen = project.suite.spec.seed if seed is None else seed
    return check(project, [*_prompts(project, chosen)], [*_replayed(project.recipes), *_preferred(project.recipes)])


def checked(project: Project, seed: int | None = None, *, drop: bool = False) -> Checked:
    """The project without contaminated train rows if it may `drop` them; raises `contaminated-train` otherwise."""
    found = find_overlaps(project, seed)
    used = _used(project, found)
    if not drop:
        refuse_used(project, found)
    if not used:
        return Checked(project, found, {})
    rows: dict[str, tuple[str, ...]] = {}
    for overlap in used:
        rows[overlap.source_task] = tuple(dict.fromkeys([*rows.get(overlap.source_task, ()), overlap.source_id]))
    clean = _without(project, rows)
    # Checked again: other shots are picked now, which may give other answers away.
    return Checked(clean, (*used, *find_overlaps(clean, seed)), rows)


def refuse_used(project: Project, overlaps: Sequence[Overlap]) -> None:
    """Raise `contaminated-train` if a row that is trained on or shown copies a held-out example."""
    used = _used(project, overlaps)
    if used:
        raise _refusal(project.suite, used)


def _refusal(suite: Suite, used: Sequence[Overlap]) -> EvalgateError:
    """How many rows, of what kind, and the first places."""
    rows = {o.where for o in used}
    kinds = Counter(o.kind for o in used)
    told = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    places = [f"{o.where} and {o.heldout_where} ({o.kind}, {o.share:.0%})" for o in used[:FIRST]]
    more = [f"and {len(used) - FIRST} more pairs"] if len(used) > FIRST else []
    return EvalgateError(
        f"{len(rows)} training row{'s' * (len(rows) > 1)} that candidates or prompts use "
        f"cop{'y' if len(rows) > 1 else 'ies'} held-out examples ({told}):\n  " + "\n  ".join([*places, *more]),
        code="contaminated-train",
        fix=f"leave the rows out with `evalgate run {suite.folder} --drop`, or take them out of the files and freeze "
        f"with `--bump`; `evalgate validate {suite.folder} --format json` lists all",
        where=used[0].where,
    )


def notes_of(overlaps: Sequence[Overlap], dropped: dict[str, tuple[str, ...]]) -> list[str]:
    """What a run says of contamination that did not stop it: a line for each source and kind, and what was left out."""
    return lines_of(overlaps) + [
        f"contamination: {len(ids)} {name if name in (REPLAY, PAIRS) else f'train rows of {name}'} left out (--drop)"
        for name, ids in dropped.items()
    ]


def lines_of(overlaps: Sequence[Overlap]) -> list[str]:
    """A line for each source and kind, with the first two places."""
    counts = Counter((o.source, o.kind) for o in overlaps)
    firsts = {(o.source, o.kind): o for o in reversed(overlaps)}
    return [
        f"contamination: {n} {source} ({kind}), first {firsts[source, kind].where} and "
        f"{firsts[source, kind].heldout_where}"
        for (source, kind), n in counts.items()
    ]


def _used(project: Project, found: Sequence[Overlap]) -> list[Overlap]:
    """Copies in rows that a recipe trains on or a prompt picks its shots from."""
    trained = {name for recipe in project.recipes for name in recipe.prompts}
    shown = {(_pool(v), name) for _, name, p in _asked(project) for v in p.variants if v.shots}
    used = {("train", name) for name in trained} | shown
    return [
        o for o in found if o.kind in COPIES and (o.source in ("replay", "pairs") or (o.source, o.source_task) in used)
    ]


def _pool(prompt: PromptDraft) -> Pool:
    return prompt.shots.pool if isinstance(prompt.shots, Shots) else "train"


def _without(project: Project, rows: dict[str, tuple[str, ...]]) -> Project:
    """The project without these rows and replay lines: nobody trains on them, no prompt shows them."""
    tasks = {}
    for name, task in project.suite.tasks.items():
        gone = set(rows.get(name, ()))
        kept = {
            split: tuple(e for e in task.splits[split] if e.id not in gone)
            for split in ("train", "dev")
            if gone and split in task.splits
        }
        tasks[name] = replace(task, splits=task.splits | kept)
    recipes = tuple(_recipe_without(recipe, rows) for recipe in project.recipes)
    return replace(
        project,
        suite=replace(project.suite, tasks=tasks),
        systems=tuple(replace(draft, prompts=_shown(draft.prompts, rows)) for draft in project.systems),
        recipes=recipes,
        entrants=tuple(replace(draft, prompts=_shown(draft.prompts, rows)) for draft in project.entrants),
    )


def _shown(prompts: dict[str, PromptDraft], rows: dict[str, tuple[str, ...]]) -> dict[str, PromptDraft]:
    """Prompts that name their shots, without those that were left out; where a number is given, others are picked."""

    def without(prompt: PromptDraft, gone: Collection[str]) -> PromptDraft:
        if isinstance(prompt.shots, tuple):
            prompt = replace(prompt, shots=tuple(shot for shot in prompt.shots if shot not in gone))
        if prompt.search:
            grid = tuple(without(variant, gone) for variant in prompt.search.grid)
            prompt = replace(prompt, search=replace(prompt.search, grid=grid))
        return prompt

    return {name: without(prompt, rows.get(name, ())) for name, prompt in prompts.items()}


def _recipe_without(recipe: Recipe, rows: dict[str, tuple[str, ...]]) -> Recipe:
    """A recipe, and those that it continues from, without contaminated shots, replay lines and pairs."""
    recipe = replace(recipe, prompts=_shown(recipe.prompts, rows), replay=_replay_without(recipe, rows.get(REPLAY, ())))
    if recipe.dpo:
        left_out = _positions(recipe.dpo.data, rows.get(PAIRS, ()))
        recipe = replace(recipe, dpo=replace(recipe.dpo, left_out=left_out))
    return replace(recipe, parent=_recipe_without(recipe.parent, rows)) if recipe.parent else recipe


def _replay_without(recipe: Recipe, places: Collection[str]) -> Replay | None:
    if recipe.replay is None:
        return None
    return replace(recipe.replay, left_out=_positions(recipe.replay.path, places))


def _positions(path: str, places: Collection[str]) -> tuple[int, ...]:
    """Which rows of a file, from 0, are among places of the form file:line."""
    lines = {int(place.rpartition(":")[2]) for place in places if place.rpartition(":")[0] == path}
    return tuple(sorted(line - 1 for line in lines))


def _preferred(recipes: Sequence[Recipe]) -> Iterator[Piece]:
    """What every row of every file of preferences asks, once: its whole conversation."""
    for path in dict.fromkeys(recipe.dpo.data for recipe in recipes if recipe.dpo):
        for line, row in enumerate(read_pairs(Path(path)), 1):
            place, text = place_of(Path(path), line, None), "\n".join(m.content for m in row.messages)
            yield Piece(source="pairs", task=PAIRS, id=f"{path}:{line}", where=place, text=text)


def _replayed(recipes: Sequence[Recipe]) -> Iterator[Piece]:
    """Every row of every replay file once, whichever a seed would draw."""
    for path in dict.fromkeys(recipe.replay.path for recipe in recipes if recipe.replay):
        for line, row in enumerate(read_replay(Path(path)), 1):
            place = place_of(Path(path), line, None)
            yield Piece(source="replay", task=REPLAY, id=f"{path}:{line}", where=place, text=row.prompt)


def _asked(project: Project) -> Iterator[tuple[str, str, PromptDraft]]:
    """Every system's and candidate's name, task and prompt."""
    drafts: list[SystemDraft | Recipe] = [*project.systems, *project.recipes, *project.entrants]
    for draft in drafts:
        for name, prompt in draft.prompts.items():
            yield draft.name, name, prompt


def _prompts(project: Project, seed: int) -> Iterator[Piece]:
    """What every prompt says beside the example: its template, and the shots that all questions see, with answers.

    A search may choose any of its prompts: each of its templates comes once, with all shots that may stand in it. Of
    shots chosen for each question every row that may be shown comes once a task, with its own place.
    """
    pools: dict[tuple[Pool, str], str] = {}
    for system, name, prompt in _asked(project):
        by_template: dict[str, PromptDraft] = {}
        shown: dict[str, dict[str, Example]] = {}
        for variant in prompt.variants:
            by_template[variant.template_path] = variant
            pool = project.suite.tasks[name].splits.get(_pool(variant), ())
            if isinstance(variant.shots, Shots) and variant.shots.choose != "fixed" and variant.shots.n:
                pools.setdefault((_pool(variant), name), system)
            ids = _fixed(variant, pool, seed, name)
            shown.setdefault(variant.template_path, {}).update({e.id: e for e in pool if e.id in ids})
        for path, variant in by_template.items():
            text = "\n".join([variant.template, *(f"{text_of(e)}\n{answer_of(e)}" for e in shown[path].values())])
            yield Piece(source="prompt", task=name, id=system, where=path, text=text)
    for (split, name), system in pools.items():
        yield from _pool_answers(project.suite, split, name, system)


def _pool_answers(suite: Suite, split: Pool, name: str, system: str) -> Iterator[Piece]:
    """The rows of a pool that questions choose from, with their answers: any of them may be shown."""
    path = Path(suite.folder) / suite.tasks[name].spec.data / f"{split}.jsonl"
    for line, e in enumerate(suite.tasks[name].splits.get(split, ()), 1):
        yield Piece(
            source="prompt",
            task=name,
            id=system,
            where=place_of(path, line, e.id),
            text=f"{text_of(e)}\n{answer_of(e)}",
        )


def _fixed(prompt: PromptDraft, pool: Sequence[Example], seed: int, name: str) -> Sequence[str]:
    """The ids of the shots that every question sees."""
    shots = prompt.shots
    if isinstance(shots, Shots):
        shots = shots.n if shots.choose == "fixed" else 0
    return pick_shots(pool, shots, seed=seed, name=name) if isinstance(shots, int) else shots
