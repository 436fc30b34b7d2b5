"""What `evalgate init` says: what it recognised, what it did, and three examples as a system will be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from evalgate.bring import splits
from evalgate.bring.items import Item
from evalgate.bring.prompts import Prompts
from evalgate.core.data import Example, MetricUse, PromptSpec, SystemSpec, Task, TaskSpec
from evalgate.starting.ask import Brought

Say = Callable[[str], None]
N_SHOWN = 3


def tell(brought: Brought, say: Say) -> None:
    """Say what was recognised and why, what was done, and how large each split is."""
    say(f"recognised as {brought.reading.reason}")
    kind = brought.reading.kind
    say(f"  kind: {kind}; inputs from: {', '.join(brought.reading.texts)}")
    for line in (*brought.notes, *brought.cleaned):
        say(f"  {line}")
    say(f"splits: {brought.how}")
    for split in splits.ORDER:
        say(f"  {split}: {_size(brought.parts.items[split])}")
    say(f"  {brought.advice}")


def _size(items: list[Item]) -> str:
    clusters = len({i.cluster for i in items if i.cluster is not None})
    text = f"{len(items):,} rows" + (f" of {clusters:,} clusters" if clusters else "")
    labels = Counter(i.label for i in items if i.label)
    if not labels:
        return text
    shown = [f"{label} {n / len(items):.0%}" for label, n in sorted(labels.items(), key=lambda p: (-p[1], p[0]))[:6]]
    more = f" and {len(labels) - 6} more labels, the rarest {min(labels.values())} times" if len(labels) > 6 else ""
    return f"{text}: {', '.join(shown)}{more}"


def example_of(item: Item) -> Example:
    """The row that is written."""
    references = () if item.label is not None else item.references
    return Example(id=item.id, inputs=item.inputs, references=references, label=item.label, cluster=item.cluster)


def rendered(
    brought: Brought, prompts: Prompts, task: str, schema: dict[str, object] | None, metrics: Sequence[str]
) -> list[str]:
    """Three training examples as the zero-shot baseline asks them, each with what should be answered."""
    from evalgate.systems.prompt import answer_of, prepare

    rows = tuple(map(example_of, brought.parts.items["train"][:N_SHOWN]))
    every = tuple(map(example_of, brought.items)) if brought.reading.kind == "classification" else ()
    uses = tuple(MetricUse(name=name) for name in metrics)
    spec = TaskSpec(name=task, kind=brought.reading.kind, data=task, metrics=uses)
    shown = Task(spec=spec, splits={"train": rows, "heldout": every}, schema=schema)
    prompt = PromptSpec(template=prompts.zero_shot)
    system = SystemSpec(name="zero-shot", kind="prompt", backend="", model="", prompts={task: prompt})
    texts = []
    for number, (example, ask) in enumerate(zip(rows, prepare(system, shown, rows), strict=True), 1):
        asked = _shortened(ask.request.messages[0].content)
        texts.append(f"example {number} of train ({example.id})\n{_indented(asked, '  | ')}")
        texts.append(_indented(_shortened(answer_of(example)), "  > "))
    return texts


def _shortened(text: str, most: int = 700) -> str:
    return text if len(text) <= most else f"{text[: most // 2]} [...] {text[-most // 2 :]}"


def _indented(text: str, mark: str) -> str:
    return "\n".join(f"{mark}{line}" for line in text.splitlines())
