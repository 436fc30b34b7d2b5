"""The ledger beside suite.lock: how often a held-out set has decided. Lines are only ever added, each names the last.

A look is taken when candidates are first asked the held-out set; its number is never given back. Statistics and
reasons: docs/decisions/0015-ledger.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from evalgate.core.data import Example
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import digest_of, short
from evalgate.core.results import Look
from evalgate.core.seeds import now
from evalgate.suite.chain import (
    DIGESTS_FILE,
    LEDGER_FILE,
    Chain,
    Claim,
    Decided,
    Entry,
    Extended,
    Opened,
    Taken,
    append,
    broken,
    known_digests,
    read_chain,
    write_attributes,
    writing,
)
from evalgate.suite.lock import SUITE_FILE, read_lock


@dataclass(slots=True, kw_only=True)
class Count:
    """Held-out sets that share an example, directly or through others: they count together.

    `opened` are the lines that began it, more than one only where branches did. No count is `open` once a wholly fresh
    set has followed it. `looks` is the least that was declared.
    """

    opened: set[str]
    contents: set[str]
    looks: int
    open: bool = True


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The present held-out set's count, and the whole chain behind it."""

    path: Path
    chain: Chain
    counts: list[Count]
    present: Count
    taken: dict[tuple[str, str, str], Look] = field(default_factory=dict)
    decided: dict[tuple[str, str, str], Decided] = field(default_factory=dict)
    history: list[Taken] = field(default_factory=list)

    @property
    def looks(self) -> int:
        """How many looks were declared."""
        return self.present.looks

    @property
    def used(self) -> int:
        """How many different looks have been taken."""
        return len(self.history)

    @property
    def heads(self) -> tuple[str, ...]:
        """What the next line names."""
        return self.chain.heads

    @property
    def left(self) -> int:
        """How many looks are left."""
        return max(0, self.looks - self.used)

    @property
    def fresh_examples(self) -> Literal["now", "soon"] | None:
        """When fresh examples are due: soon, once the next look is the last."""
        return "now" if not self.left else "soon" if self.left == 1 < self.looks else None

    @property
    def spent(self) -> float:
        """The error rates of all looks taken, added up."""
        return sum(taken.claim.alpha for taken in self.history)

    def counted(self, entry: str) -> Taken | None:
        """The look of the present count that a line holds, if it does."""
        line = self.chain.entries.get(entry)
        return line if isinstance(line, Taken) and line.opened in self.present.opened else None

    def overspent(self) -> str:
        """What it means that branches took more looks together than were declared; empty where they did not."""
        over = self.history[self.looks :]
        if not over:
            return ""
        named = ", ".join(
            f"look {number} ({', '.join(taken.claim.candidates)}; run {taken.claim.run})"
            for number, taken in enumerate(over, self.looks + 1)
        )
        return (
            f"Branches that did not know of each other took {self.used} looks where {self.looks} were declared; too "
            f"many: {named}. The chance that any of the {self.used} decisions ships wrongly is bounded by "
            f"{self.spent:.3g} only."
        )

    def refuse_spent(self, claim: Claim) -> None:
        """Raise `ledger-spent`, or after a merge `ledger-overspent`, where no look is left and this one is new."""
        if claim.key in self.taken or self.left:
            return
        fix, where = f"Freeze a new set: {fresh_set(self.path.parent)}", str(self.path)
        if over := self.overspent():
            raise UsageError(over, code="ledger-overspent", fix=fix, where=where)
        times = "once" if self.looks == 1 else f"{self.looks} times"
        said = f"This held-out set has decided {times}. More decisions would mostly reward luck."
        raise UsageError(said, code="ledger-spent", fix=fix, where=where)


def fresh_set(folder: Path) -> str:
    """How a new count is begun."""
    return f"write examples that were never used into every heldout.jsonl and run `evalgate freeze {folder} --bump`"


def contents_of(examples: Iterable[Example]) -> set[str]:
    """Held-out examples by what systems are given: another id, label or reference does not make one fresh."""
    return {short(digest_of(example.inputs)) for example in examples}


def read_ledger(folder: Path) -> Ledger | None:
    """The suite's ledger, every line checked against those before it; None if there is none. Raises `ledger-broken`."""
    path = folder / LEDGER_FILE
    if not path.exists():
        return None
    lock, known = read_lock(folder), known_digests(folder)  # before the lines, which a run may be adding just now
    return _counted(read_chain(path.read_bytes(), path), path, known, lock.ledger if lock else None)


def open_ledger(folder: Path) -> Ledger:
    """The ledger that a frozen suite counts with; suite.lock names the line that opened it. Raises `ledger-broken`."""
    ledger, lock, path = read_ledger(folder), read_lock(folder), folder / LEDGER_FILE
    if ledger is None:
        raise broken("the ledger is gone: suite.lock says that one was opened", str(path), path)
    if lock is None or lock.ledger not in ledger.present.opened:
        raise broken("the ledger lacks the line that suite.lock names", str(path), path)
    return ledger


def _counted(chain: Chain, path: Path, known: set[str], opened: str | None) -> Ledger | None:
    """Count the lines of a chain for the set that was `opened` by a line, else for the one opened last."""
    if lost := known - chain.entries.keys():
        some = "a line" if len(lost) == 1 else f"{len(lost)} lines"
        raise broken(f"the ledger lacks {some} that {DIGESTS_FILE} names: cut or edited", str(path), path)
    if opened is not None and opened not in known:
        raise broken(f"{DIGESTS_FILE} is gone, or its beginning is", str(path.with_name(DIGESTS_FILE)), path)
    if not chain.entries:
        return None
    counts = _counts(chain)
    present = next((count for count in counts if opened in count.opened), counts[-1])
    ledger = Ledger(path=path, chain=chain, counts=counts, present=present)
    for digest, entry in chain.entries.items():
        _add(ledger, entry, digest)
    return ledger


def _counts(chain: Chain) -> list[Count]:
    """The counts of a chain, the one opened last at the end."""
    found: dict[str, Count] = {}
    for digest, entry in chain.entries.items():
        if isinstance(entry, Opened):
            found[digest] = Count(opened={digest}, contents=set(entry.contents), looks=entry.looks)
        elif isinstance(entry, Extended):
            found[entry.opened].contents |= set(entry.contents)
    counts: list[Count] = []
    for new in found.values():
        for count in [count for count in counts if count.contents & new.contents]:
            counts.remove(count)
            new.opened |= count.opened
            new.contents |= count.contents
            new.looks = min(new.looks, count.looks)
        counts.append(new)
    for count in counts:
        later = found.keys() - count.opened
        count.open = not any(chain.before[digest] & count.opened for digest in later)
    return counts


def _add(ledger: Ledger, entry: Entry, digest: str) -> None:
    """Count one line in; a look that two branches took is one look, and the first of two decisions counts."""
    if isinstance(entry, Taken) and entry.opened in ledger.present.opened and entry.claim.key not in ledger.taken:
        number, alpha = ledger.used + 1, entry.claim.alpha
        bound = ledger.spent + max(1, ledger.looks - number + 1) * alpha
        ledger.history.append(entry)
        ledger.taken[entry.claim.key] = Look(number=number, looks=ledger.looks, alpha=alpha, entry=digest, bound=bound)
    elif isinstance(entry, Decided) and (look := ledger.counted(entry.look)) is not None:
        ledger.decided.setdefault(look.claim.key, entry)


def carry_over(folder: Path, name: str, looks: int | None, contents: set[str]) -> str | None:
    """Let a suite that is being frozen count on or, with a wholly fresh held-out set, anew.

    A set that shares even one example with a set that is counted goes on counting. Returns the digest of the line that
    opened the count for suite.lock, None where no looks are declared. Raises `ledger-broken`, `ledger-looks`,
    `ledger-reused`.
    """
    lock, ledger = read_lock(folder), read_ledger(folder)
    if ledger is None and lock is not None and lock.ledger is not None:
        open_ledger(folder)
    if ledger is None and looks is None:
        return None
    with writing(folder) as file:
        ledger = read_ledger(folder)
        shared = [count for count in ledger.counts if count.contents & contents] if ledger else []
        if ledger is not None and shared:
            _refuse_other(ledger, shared, looks, contents)
            opened = lock.ledger if lock and lock.ledger in shared[-1].opened else min(shared[-1].opened)
            if added := contents - shared[-1].contents:
                held = tuple(sorted(added))
                append(file, folder, Extended(opened=str(opened), contents=held, date=now(), parents=ledger.heads))
        elif looks is None:
            return None
        else:
            parents, held = (ledger.heads if ledger else ()), tuple(sorted(contents))
            line = Opened(suite=name, looks=looks, contents=held, date=now(), parents=parents)
            opened = append(file, folder, line)
    write_attributes(folder)
    return opened


def _refuse_other(ledger: Ledger, shared: list[Count], looks: int | None, contents: set[str]) -> None:
    """Raise for another number of looks than was declared, and for examples of a count that a fresh set has closed."""
    declared = min(count.looks for count in shared)
    if looks != declared:
        now_said = "suite.yaml declares none" if looks is None else f"suite.yaml now says {looks}"
        raise UsageError(
            f"this held-out set was declared with {declared} looks, {ledger.used} of them used; {now_said}",
            code="ledger-looks",
            fix=f"write `looks: {declared}` again: another number needs a fresh held-out set",
            where=str(ledger.path.parent / SUITE_FILE),
        )
    if again := contents & {held for count in shared if not count.open for held in count.contents}:
        raise UsageError(
            f"{len(again)} of {len(contents)} held-out examples were in an earlier held-out set of this suite",
            code="ledger-reused",
            fix="take them out: a set that is counted anew holds no example that has decided before",
            where=str(ledger.path),
        )


def take(folder: Path, claim: Claim) -> Look:
    """Take a look, or find it if it was taken before; on disk when it returns. Raises `ledger-spent`."""
    open_ledger(folder)
    with writing(folder) as file:
        ledger, lock = open_ledger(folder), read_lock(folder)
        ledger.refuse_spent(claim)  # again: another run may have been faster
        if claim.key not in ledger.taken:
            opened = str(lock.ledger) if lock else ""
            append(file, folder, Taken(opened=opened, claim=claim, date=now(), parents=ledger.heads))
        return open_ledger(folder).taken[claim.key]


def note_decision(folder: Path, look: Look, run: str, outcome: str, candidates: dict[str, str]) -> Decided | None:
    """Write what a look said; of several judgings the first counts, and it is returned.

    None where the suite's folder has no ledger any more, or one that is not this look's: the run carries its own look.
    """
    if read_ledger(folder) is None:
        return None
    with writing(folder) as file:
        ledger = read_ledger(folder)
        taken = ledger.counted(look.entry) if ledger else None
        if ledger is None or taken is None:
            return None
        first = ledger.decided.get(taken.claim.key)
        if first is None:
            first = Decided(
                look=look.entry, run=run, outcome=outcome, candidates=candidates, date=now(), parents=ledger.heads
            )
            append(file, folder, first)
        return first


def lost_look(folder: Path, number: int) -> EvalgateError:
    """The error for a run that took a look of which the ledger knows nothing."""
    path = folder / LEDGER_FILE
    what = f"the ledger lacks look {number}, which this run has taken: it was cut, or its branch is not merged"
    return broken(what, str(path), path)
