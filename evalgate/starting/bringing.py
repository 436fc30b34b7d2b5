"""From sources to splits: read, recognise, clean, check, part; nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from evalgate.bring import cleaning, sizes, splits
from evalgate.bring.checks import Identities, refuse_broken
from evalgate.bring.items import Item, items_of
from evalgate.bring.rows import Table
from evalgate.bring.shapes import Reading, Wish, recognise
from evalgate.bring.sources import read_sources
from evalgate.core.data import Split
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.starting.ask import Brought, Start
from evalgate.stats.paired import MIN_CLUSTERS, MIN_PAIRS

DEV = "0.12"


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
    parts, advice, how = _split(ask, items, reading)
    splits.refuse_bad_splits(parts, MIN_PAIRS)
    _refuse_few_clusters(parts, ask)
    notes = [note for table in tables for note in table.notes] + identities.notes + parts.notes
    notes += [*_copies(items), *_unseen_labels(parts), *_suggestions(items, columns, ask.wish), f"{n_rows:,} rows read"]
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


def _split(ask: Start, items: list[Item], reading: Reading) -> tuple[splits.Parts, str, str]:
    """The splits, what the held-out size can show, and how they came about."""
    if ask.wish.split:
        splits.by_column(items, ask.wish.split)
    parts = splits.given(items)
    splits.part_related(parts)
    has: list[Split] = [split for split in splits.ORDER if parts.items[split] and split != "train"]
    for split, size, flag in (("dev", ask.dev, "--dev"), ("heldout", ask.heldout, "--heldout")):
        if size and split in has:
            fix = f"leave out {flag}, or the given {split} rows"
            raise UsageError(f"the {split} split is given, so it has no size to set", code="bad-size", fix=fix)
    pool, advice = parts.items["train"], ""
    wanted: dict[Split, int] = {}
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


def _copies(items: Sequence[Item]) -> list[str]:
    """How many rows ask what another one asks, and of how many questions the answers differ."""
    answers: dict[str, set[str]] = defaultdict(set)
    for item in items:
        answers[item.content()].add(item.label or "\n".join(item.references))
    n_more, n_differ = len(items) - len(answers), sum(len(found) > 1 for found in answers.values())
    if not n_more:
        return []
    return [f"{n_more:,} rows ask what another row asks; {n_differ:,} inputs have different answers"]


def _unseen_labels(parts: splits.Parts) -> list[str]:
    """Labels that only dev or held-out have: no fine-tune can learn them."""
    seen = {item.label for item in parts.items["train"]}
    unseen = sorted({i.label for i in parts.items["dev"] + parts.items["heldout"] if i.label} - seen)
    more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
    return [f"labels without a row in train: {', '.join(unseen[:5])}{more}"] if unseen else []


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
