"""How well passages are found on dev: before a model is asked, and without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalgate.core.content import text_of
from evalgate.core.data import Example, Passage, PromptDraft, SystemDraft, Task
from evalgate.core.protocols import Retriever
from evalgate.core.record import Record, plain, short
from evalgate.stats.proportion import wilson
from evalgate.systems.retrieval import index_name

# A tag of an example that names a passage which holds the answer.
EVIDENCE = "evidence:"


class Found(Record, frozen=True, kw_only=True):
    """Counts over dev examples: `n_evidence` name their passages, of which all stand in the context of `n_recalled`.

    `n_answers` have a reference, which stands word for word in the context of `n_in_context`.
    """

    k: int
    n_evidence: int
    n_recalled: int
    n_answers: int
    n_in_context: int


def measure(prompt: PromptDraft, task: Task, retriever: Retriever) -> Found:
    """Look up every dev example of a task as the prompt would."""
    examples = task.splits.get("dev", ())
    found = retriever.search([text_of(e) for e in examples], prompt.retrieve)
    pairs = list(zip(examples, found, strict=True))
    named = [(evidence(e), passages) for e, passages in pairs if evidence(e)]
    answered = [(e, passages) for e, passages in pairs if e.references]
    return Found(
        k=prompt.retrieve,
        n_evidence=len(named),
        n_recalled=sum(wanted <= {p.id.partition("#")[0] for p in passages} for wanted, passages in named),
        n_answers=len(answered),
        n_in_context=sum(in_context(e, passages) for e, passages in answered),
    )


def recall_text(drafts: Sequence[SystemDraft], tasks: Mapping[str, Task], retrievers: Mapping[str, Retriever]) -> str:
    """One line for each system and task that looks passages up, in percent with 95 % Wilson intervals."""
    lines = []
    for system, task, digest, found in _looked_up(drafts, tasks, retrievers):
        recall, answers = _share(found.n_recalled, found.n_evidence), _share(found.n_in_context, found.n_answers)
        lines.append(
            f"{system} · {task}: k {found.k}, recall {recall}, answer in context {answers}, index {short(digest)}"
        )
    return "\n".join(lines) or "no system looks passages up"


def recalled(
    drafts: Sequence[SystemDraft], tasks: Mapping[str, Task], retrievers: Mapping[str, Retriever]
) -> list[dict[str, object]]:
    """What `recall_text` counts, for machines: one object for each system and task that looks passages up."""
    rows = _looked_up(drafts, tasks, retrievers)
    return [{"system": system, "task": task, "index": digest, **plain(found)} for system, task, digest, found in rows]


def _looked_up(
    drafts: Sequence[SystemDraft], tasks: Mapping[str, Task], retrievers: Mapping[str, Retriever]
) -> Iterator[tuple[str, str, str, Found]]:
    """System, task, the index's digest and the counts, each way of looking up once."""
    told = set()
    for draft in (variant for written in drafts for variant in written.variants):
        for task, prompt in draft.prompts.items():
            key = (draft.name, task, prompt.retrieve, index_name(task, prompt))
            if prompt.retrieve and key not in told:
                told.add(key)
                retriever = retrievers[index_name(task, prompt)]
                yield draft.name, task, retriever.digest, measure(prompt, tasks[task], retriever)


def _share(k: int, n: int) -> str:
    if n == 0:
        return "not known (n 0)"
    low, high = wilson(k, n, 0.95)
    return f"{100 * k / n:.1f} % ({100 * low:.1f} to {100 * high:.1f}, n {n})"


def evidence(example: Example) -> set[str]:
    """The ids of the passages that an example's tags name, such as `evidence:kb-041`."""
    return {tag.removeprefix(EVIDENCE) for tag in example.tags if tag.startswith(EVIDENCE)}


def in_context(example: Example, passages: Sequence[Passage]) -> bool:
    """Whether a reference stands in one of the passages, word for word but for case and punctuation."""
    texts = [_words(f"{p.title} {p.text}") for p in passages]
    return any(_words(reference) in text for reference in example.references for text in texts)


def _words(text: str) -> str:
    kept = "".join(c if c.isalnum() else " " for c in text.casefold())
    return f" {' '.join(kept.split())} "
