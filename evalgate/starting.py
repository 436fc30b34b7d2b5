"""`evalgate init`: from what people have to a suite that validates, freezes and runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.bring import cleaning, sizes, splits
from evalgate.bring.checks import Identities, refuse_broken
from evalgate.bring.items import Item, items_of
from evalgate.bring.json_schema import schema_of
from evalgate.bring.prompts import Prompts, prompts_for
from evalgate.bring.rows import Table
from evalgate.bring.shapes import Reading, Wish, recognise
from evalgate.bring.sources import read_sources
from evalgate.bring.yaml_text import Facts, baseline_yaml, metrics_for, recipe_yaml, suite_yaml
from evalgate.core.data import Example, MetricUse, PromptSpec, Split, SystemSpec, Task, TaskSpec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import canonical_json, short, to_json_line
from evalgate.stats.paired import MIN_CLUSTERS, MIN_PAIRS
from evalgate.store import disk_errors

Say = Callable[[str], None]
DEFAULT_MODEL = "Qwen/Qwen2.5-0.5B-Instruct"
DEV = "0.12"
N_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the command line asks for."""

    name: str
    sources: tuple[str, ...]
    wish: Wish
    dev_sources: tuple[str, ...] = ()
    heldout_sources: tuple[str, ...] = ()
    revision: str | None = None
    subset: str | None = None
    dev: str | None = None
    heldout: str | None = None
    min_gain: float = 0.05
    seed: int = 7
    clean: str = ""
    task: str | None = None
    model: str | None = None
    output: Path = Path("suites")
    dry_run: bool = False

    @property
    def folder(self) -> Path:
        """Where the suite comes to lie."""
        return self.output / self.name

    @property
    def baselines(self) -> Path:
        """Where its baselines come to lie: beside the folder of suites."""
        return Path(os.path.normpath(self.output.absolute().parent / "baselines" / self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What was made of the sources, before anything is written."""

    reading: Reading
    tables: tuple[Table, ...]
    parts: splits.Parts
    cleaned: tuple[str, ...]
    notes: tuple[str, ...]
    advice: str
    how: str

    @property
    def items(self) -> list[Item]:
        """All items of all splits."""
        return [item for split in splits.ORDER for item in self.parts.items[split]]


def start(ask: Start, say: Say) -> None:
    """Read, recognise, clean, split, show and write; raises before anything is written, or takes back what was."""
    steps = cleaning.steps_of(ask.clean)
    _refuse_there(ask)
    brought = bring(ask, steps)
    kind, items = brought.reading.kind, brought.items
    schema = schema_of([r for item in items for r in item.references]) if kind == "extraction" else None
    schema_chars = len(json.dumps(schema)) if schema else 0
    prompts = prompts_for(items, brought.parts.items["train"], kind, schema_chars)
    task = ask.task or {"classification": "classify", "extraction": "extract", "summarization": "summarize"}.get(
        kind, "answer"
    )
    metrics, why = metrics_for(kind, items)
    _tell(brought, say)
    if schema is not None:
        say(f"  schema: inferred from {len(items):,} answers ({len(schema['properties'])} keys): tighten it by hand")
    if why:
        say(f"  metrics: {why}")
    for text in rendered(brought, prompts, task, schema, metrics):
        say(text)
    if ask.dry_run:
        say("nothing was written (--dry-run)")
        return
    write(ask, brought, prompts, task, schema, metrics)
    _say_next(ask, say)


def bring(ask: Start, steps: Sequence[str]) -> Brought:
    """Everything up to the splits; writes nothing."""
    tables = _tables(ask)
    rows = [row for table in tables for row in table.rows]
    columns = list(dict.fromkeys(column for table in tables for column in table.columns))
    reading = recognise(rows, columns, ask.wish)
    items = [i for table in tables for i in items_of(table.rows, reading, ask.wish, table.split)]
    n_rows = len(items)
    items, cleaned = cleaning.clean(items, steps, reading.kind)
    refuse_broken(items, reading, ask.wish)
    identities = Identities(ask.wish, columns)
    identities.give(items)
    parts, advice, how = _split(ask, items, reading, columns)
    splits.refuse_bad_splits(parts, MIN_PAIRS)
    _refuse_few_clusters(parts, ask)
    notes = [note for table in tables for note in table.notes] + identities.notes + parts.notes
    notes += _suggestions(items, columns, ask.wish) + [f"{n_rows:,} rows read"]
    return Brought(
        reading=reading,
        tables=tuple(tables),
        parts=parts,
        cleaned=tuple(cleaned),
        notes=tuple(notes),
        advice=advice,
        how=how,
    )


def _tables(ask: Start) -> list[Table]:
    tables = read_sources(ask.sources, revision=ask.revision, subset=ask.subset)
    tables += read_sources(ask.dev_sources, split="dev")
    tables += read_sources(ask.heldout_sources, split="heldout")
    if ask.wish.split or len(tables) == 1:
        return [Table(t.path, t.rows, t.digest, None, t.notes) for t in tables]
    known = [t for t in tables if t.split in splits.ORDER]
    extra = ask.dev_sources or ask.heldout_sources
    unknown = [t for t in tables if t.split not in splits.ORDER]
    if unknown and known and not extra:
        raise UsageError(
            f"the name of '{unknown[0].path}' tells no split, but that of '{known[0].path}' does",
            code="unclear-split",
            fix="give it with --dev-from or --heldout-from, rename it (train, dev, test), or use --split-column",
            where=unknown[0].path,
        )
    return [t if t.split in splits.ORDER else Table(t.path, t.rows, t.digest, None, t.notes) for t in tables]


def _split(
    ask: Start, items: list[Item], reading: Reading, columns: Sequence[str]
) -> tuple[splits.Parts, str, str]:
    """The splits, what the held-out size can show, and how they came about."""
    if ask.wish.split:
        splits.by_column(items, ask.wish.split)
    parts = splits.given(items)
    splits.part_related(parts)
    has = [split for split in splits.ORDER if parts.items[split] and (split != "train")]
    for split, size, flag in (("dev", ask.dev, "--dev"), ("heldout", ask.heldout, "--heldout")):
        if size and split in has:
            fix = f"leave out {flag}, or the given {split} rows"
            raise UsageError(f"the {split} split is given, so it has no size to set", code="bad-size", fix=fix)
    pool, wanted, advice = parts.items["train"], {}, ""
    if "heldout" not in has:
        advised = sizes.advise(pool, reading.kind, min_gain=ask.min_gain, least=MIN_PAIRS)
        wanted["heldout"] = splits.size_of(ask.heldout, len(pool), "--heldout") if ask.heldout else advised.n
        advice = "" if ask.heldout else advised.reason
    if "dev" not in has:
        wanted["dev"] = splits.size_of(ask.dev or DEV, len(pool), "--dev")
    if sum(wanted.values()) >= len(pool):
        text = f"dev and held-out together ask for {sum(wanted.values()):,} of {len(pool):,} rows, so none is left"
        raise UsageError(text, code="bad-size", fix="lower --dev or --heldout, or bring more rows")
    n_pool = len(pool)
    for item in pool:
        item.split = None
    made = splits.make([i for split in splits.ORDER for i in parts.items[split]], wanted, ask.seed)
    made.notes = parts.notes + made.notes
    advice = advice or sizes.told(len(made.items["heldout"]), made.items["heldout"], reading.kind)
    return made, advice, _how(ask, has, wanted, n_pool, reading)


def _how(ask: Start, has: list[Split], wanted: dict[Split, int], n_pool: int, reading: Reading) -> str:
    given = f"{' and '.join(has)} as given" + (f" by column {ask.wish.split}" if ask.wish.split else "") if has else ""
    if not wanted:
        return given
    ways = ["stratified by label"] if reading.kind == "classification" else []
    ways += [f"grouped by {ask.wish.cluster}"] if ask.wish.cluster else []
    ways.append("rows that ask the same on one side")
    made = f"{' and '.join(reversed(list(wanted)))} drawn from {n_pool:,} rows with seed {ask.seed} ({', '.join(ways)})"
    return f"{given}; {made}" if given else made


def _refuse_few_clusters(parts: splits.Parts, ask: Start) -> None:
    clusters = {i.cluster for i in parts.items["heldout"] if i.cluster is not None}
    if ask.wish.cluster and len(clusters) < MIN_CLUSTERS:
        raise EvalgateError(
            f"the held-out rows come from {len(clusters)} clusters of '{ask.wish.cluster}'; "
            f"{MIN_CLUSTERS} are the least that can decide",
            code="too-few-rows",
            fix="raise --heldout, bring rows of more clusters, or leave out --cluster-column",
        )


def _suggestions(items: Sequence[Item], columns: Sequence[str], wish: Wish) -> list[str]:
    """A column that may say which rows belong together, where none was named."""
    if wish.cluster:
        return []
    for column in columns:
        values = [str(i.row.values[column]) for i in items if i.row.values.get(column) not in (None, "")]
        likely = column.lower().endswith(("_id", "user", "customer", "author", "session"))
        n = len(set(values))
        if likely and column != wish.id and MIN_CLUSTERS < n < 0.95 * len(values):
            text = f"column '{column}' has {n:,} values in {len(values):,} rows: if rows of one belong together, "
            return [text + f"add `--cluster-column {column}`"]
    return []


def _tell(brought: Brought, say: Say) -> None:
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


def _refuse_there(ask: Start) -> None:
    for path in (ask.folder, ask.baselines):
        if path.exists():
            raise UsageError(
                f"'{path}' is already there, and nothing is overwritten",
                code="suite-exists",
                fix="choose another name or another folder with `-o`, or move the old one away",
                where=str(path),
            )


def write(
    ask: Start,
    brought: Brought,
    prompts: Prompts,
    task: str,
    schema: dict[str, object] | None,
    metrics: tuple[str, ...],
) -> None:
    """Write every file, then load them as `evalgate validate` does; what does not load is taken away again."""
    from evalgate.config.project import load_project
    from evalgate.planning import refuse_hopeless
    from evalgate.plugins import metric_names

    folder, baselines = ask.folder, ask.baselines
    try:
        with disk_errors(folder):
            _write_data(folder / task, brought, schema)
            (folder / "suite.yaml").write_text(suite_yaml(_facts(ask, brought, task, metrics)), encoding="utf-8")
            _write_systems(folder, baselines, task, prompts)
        refuse_hopeless(load_project(folder, metric_names(), verify=False))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(baselines, ignore_errors=True)
        raise


def _write_data(folder: Path, brought: Brought, schema: dict[str, object] | None) -> None:
    folder.mkdir(parents=True)
    for split in splits.ORDER:
        lines = (to_json_line(example_of(item)) for item in brought.parts.items[split])
        with (folder / f"{split}.jsonl").open("wb") as file:
            file.writelines(lines)
    if schema is not None:
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (folder / "schema.json").write_text(text, encoding="utf-8")


def _write_systems(folder: Path, baselines: Path, task: str, prompts: Prompts) -> None:
    baselines.mkdir(parents=True)
    for name, template in (("zero_shot", prompts.zero_shot), ("few_shot", prompts.few_shot)):
        text = baseline_yaml(name, task, prompts, shots=name == "few_shot")
        (baselines / f"{name}.yaml").write_text(text, encoding="utf-8")
        (baselines / f"{name}.j2").write_text(template, encoding="utf-8")
    candidates = folder / "candidates"
    candidates.mkdir()
    lent = os.path.relpath(baselines / "zero_shot.yaml", candidates.absolute())
    (candidates / "qlora.yaml").write_text(recipe_yaml(lent, prompts), encoding="utf-8")


def _facts(ask: Start, brought: Brought, task: str, metrics: tuple[str, ...]) -> Facts:
    model = ask.model or DEFAULT_MODEL
    if ask.model and Path(ask.model).expanduser().exists():
        model = os.path.relpath(Path(ask.model).expanduser(), ask.folder)
    return Facts(
        name=ask.name,
        task=task,
        kind=brought.reading.kind,
        model=model,
        baselines=os.path.relpath(ask.baselines, ask.folder.absolute()),
        origin=tuple(f"{t.path} ({len(t.rows):,} rows, digest {short(t.digest)})" for t in brought.tables),
        reason=brought.reading.reason,
        splits=brought.how,
        cleaning=brought.cleaned,
        n_heldout=len(brought.parts.items["heldout"]),
        seed=ask.seed,
        min_gain=ask.min_gain,
        metrics=metrics,
        clustered=bool(ask.wish.cluster),
    )


def _say_next(ask: Start, say: Say) -> None:
    say(f"wrote {ask.folder} and {os.path.relpath(ask.baselines)}; next:")
    say(f"  evalgate validate {ask.folder}")
    say(f"  evalgate freeze {ask.folder}")
    say(f"  evalgate run {ask.folder}")
