"""Examples that a prompt shows: the same to every question, or for each question random ones or those most like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from evalgate.core.content import content_digest, text_of
from evalgate.core.data import Example, PromptDraft, PromptSpec, SystemDraft, Task
from evalgate.core.errors import UsageError
from evalgate.core.prompts import Pool, ShotChoice, Shots
from evalgate.core.protocols import Retriever
from evalgate.core.record import digest_of
from evalgate.core.seeds import rng
from evalgate.systems.retrieval import BM25Retriever, as_passages, shots_name


def bind_shots(
    draft: PromptDraft, task: Task, seed: int, system: SystemDraft, digests: Mapping[str, str] | None = None
) -> PromptSpec:
    """A prompt with its fixed shots named, or with how each question's own are chosen.

    `digests` are those of the retrievers that find examples by an encoder, by `shots_name`.
    Raises `too-few-shots` if the pool is smaller than what is asked for, `unknown-shot` for ids that are not in it.
    """
    asked = draft.shots if isinstance(draft.shots, Shots) else None
    pool: Pool = asked.pool if asked else "train"
    examples = task.splits.get(pool, ())
    spec = PromptSpec(
        template=draft.template,
        retrieve=draft.retrieve,
        sampling=draft.sampling,
        answer=draft.answer,
        index=draft.index,
    )
    if asked and asked.choose != "fixed":
        _refuse_too_few(examples, asked.n, task.spec.name)
        choice = ShotChoice(
            n=asked.n,
            choose=asked.choose,
            pool=pool,
            pool_digest=_pool_digest(asked, examples, (digests or {}).get(shots_name(task.spec.name, draft))),
            seed=seed if asked.choose == "random" else 0,
            encoder=asked.encoder,
        )
        return _changed(spec, choice=choice)
    shots = asked.n if asked else draft.shots
    if isinstance(shots, int):
        shots = pick_shots(examples, shots, seed=seed, name=task.spec.name)
    assert not isinstance(shots, Shots)
    known = {e.id for e in examples}
    if missing := [s for s in shots if s not in known]:
        raise UsageError(
            f"system '{system.name}' shows examples that are not in the training split of '{task.spec.name}': "
            f"{missing}",
            code="unknown-shot",
            fix="name ids of the train split, or a number of examples to pick",
            where=system.path,
        )
    chosen = _changed(spec, shots=tuple(shots))
    return chosen if pool == "train" else _changed(chosen, choice=ShotChoice(n=len(shots), choose="fixed", pool=pool))


def pick_shots(examples: Sequence[Example], k: int, *, seed: int, name: str) -> tuple[str, ...]:
    """k examples, the same for a seed; labels take turns so that each is shown before one is shown twice.

    Raises `too-few-shots` if there are fewer than k.
    """
    _refuse_too_few(examples, k, name)
    order = rng(seed, "shots", name).permutation(len(examples))
    turn: dict[str | None, int] = {}
    ranked = []
    for position, i in enumerate(order):
        label = examples[i].label
        turn[label] = turn.get(label, 0) + 1
        ranked.append((turn[label], position, examples[i].id))
    return tuple(identity for _, _, identity in sorted(ranked)[:k])


def _pool_digest(asked: Shots, examples: Sequence[Example], encoded: str | None) -> str:
    """What the questions' own shots are chosen from, and by what; the answers that are shown count, too."""
    if asked.choose == "random":
        return digest_of(examples)
    return digest_of([encoded, digest_of(examples)]) if encoded else _index(examples).digest


def shots_for(
    prompt: PromptSpec, task: Task, examples: Sequence[Example], finder: Retriever | None = None
) -> list[list[Example]]:
    """The shots of each question, in the order in which they are shown; never the question itself.

    The nearest one, by BM25 or by a `finder` over the pool, stands last, next to the question.
    """
    choice = prompt.choice or ShotChoice(n=len(prompt.shots), choose="fixed", pool="train")
    pool = task.splits.get(choice.pool, ())
    if choice.choose == "fixed":
        by_id = {e.id: e for e in pool}
        fixed = [by_id[s] for s in prompt.shots]
        return [[shot for shot in fixed if shot.id != example.id] for example in examples]
    if choice.choose == "nearest":
        assert finder is not None or not choice.encoder, "who asks opens the encoder"
        return _nearest(pool, examples, choice.n, finder or _index(pool))
    return [_random(pool, example, choice, task.spec.name) for example in examples]


def _random(pool: Sequence[Example], example: Example, choice: ShotChoice, task: str) -> list[Example]:
    others = [e for e in pool if e.id != example.id]
    by_id = {e.id: e for e in others}
    name = f"{task}/{example.id}"
    return [by_id[i] for i in pick_shots(others, min(choice.n, len(others)), seed=choice.seed, name=name)]


def _nearest(pool: Sequence[Example], examples: Sequence[Example], n: int, finder: Retriever) -> list[list[Example]]:
    """By likeness of the inputs; a copy of the question under another id counts as the question itself."""
    by_id = {e.id: e for e in pool}
    texts = {e.id: content_digest(text_of(e)) for e in (*pool, *examples)}
    copies: dict[str, int] = {}
    for e in pool:
        copies[texts[e.id]] = copies.get(texts[e.id], 0) + 1
    spare = 1 + max(copies.values(), default=0)
    found = finder.search([text_of(e) for e in examples], n + spare)
    chosen = []
    for example, passages in zip(examples, found, strict=True):
        others = [p.id for p in passages if p.id != example.id and texts[p.id] != texts[example.id]]
        chosen.append([by_id[i] for i in reversed(others[:n])])
    return chosen


def _index(pool: Sequence[Example]) -> BM25Retriever:
    return BM25Retriever(as_passages(pool))


def _refuse_too_few(examples: Sequence[Example], k: int, name: str) -> None:
    if k > len(examples):
        raise UsageError(
            f"task '{name}' has {len(examples)} training examples, but a prompt shows {k}",
            code="too-few-shots",
            fix="lower `shots` in the system's YAML",
        )


def _changed(spec: PromptSpec, **fields: object) -> PromptSpec:
    return replace(spec, **fields)
