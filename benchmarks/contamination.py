"""What the contamination check finds of planted copies, what it flags wrongly, and what it costs.

`python benchmarks/contamination.py [recall|speed]`; seeded, all rows made by the suite's own generator. `recall` prints
the tables of docs/contamination.md. `speed` checks 100,000 conversations against 2,000 and sets other ways beside
it: an exact index without MinHash, the library's stock recipe, and comparing all pairs (timed on a part).
"""

from __future__ import annotations

import math
import random
import re
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1] / "suites" / "support"))

from generator import policy_qa, problems, summarize, world

from evalgate.core.content import text_of
from evalgate.core.data import MetricUse, TaskSpec
from evalgate.core.results import Overlap
from evalgate.suite.contamination import Piece, copies
from evalgate.suite.formats import read_examples
from evalgate.suite.shingles import NEAR_WORDS, Text

SUITE = Path(__file__).parents[1] / "suites" / "support"
Edit = Callable[[str, random.Random], "str | None"]


def verbatim(text: str, _: random.Random) -> str:
    """The text as it is."""
    return text


def case_and_punctuation(text: str, rng: random.Random) -> str:
    """Another case, and other signs or none at the ends of words."""
    changed = re.sub(r"[.,!?;:]", lambda m: rng.choice(("", m[0] * 2, "!", " ;")), text)
    return rng.choice((str.upper, str.lower, str.title))(changed)


def word_edits(text: str, rng: random.Random, share: float = 0.1) -> str:
    """A share of the words, one at least: replaced, deleted or followed by another, by equal chances."""
    words = text.split()
    others = [word for word in FILL if word not in words]
    for i in rng.sample(range(len(words)), max(1, round(share * len(words)))):
        words[i] = rng.choice((rng.choice(others), "", f"{words[i]} {rng.choice(others)}"))
    return " ".join(" ".join(words).split())


def sentence_shuffle(text: str, rng: random.Random) -> str | None:
    """Sentences and turns in another order; None for a text of fewer than two."""
    found = [part for part in re.split(r"(?<=[.!?])\s+|\n", text) if part.strip()]
    order = found[:]
    while order == found and len(set(found)) > 1:
        rng.shuffle(order)
    return " ".join(order) if order != found else None


def framed(text: str, rng: random.Random) -> str:
    """A template around the text: a greeting, a lead, thanks."""
    lead = rng.choice(("Hello, I have a question.", "Good morning, it is me again.", "Please help me with this:"))
    return f"{lead} {text} {rng.choice(('Many thanks in advance!', 'Please write back soon.'))}"


FILL = """maybe quite today really again please perhaps always nearly indeed somehow rather later often""".split()  # noqa: SIM905
EDITS: dict[str, Edit] = {
    "verbatim": verbatim,
    "case and punctuation": case_and_punctuation,
    "10 % word edits": word_edits,
    "sentence shuffle": sentence_shuffle,
    "framed by a template": framed,
}


def pieces(source: str, texts: Sequence[str]) -> list[Piece]:
    """Texts with ids by position."""
    return [Piece(source=source, task="t", id=str(i), where=f"{source}:{i}", text=t) for i, t in enumerate(texts)]  # type: ignore[arg-type]


def of_suite(task: str) -> tuple[list[str], list[str]]:
    """A task's train and dev inputs, and its held-out ones."""
    spec = TaskSpec(name=task, kind="generation", data=task, metrics=(MetricUse(name="rouge_l"),))
    train, dev, heldout = (
        [text_of(e) for e in read_examples(SUITE / task / f"{split}.jsonl", spec)]
        for split in ("train", "dev", "heldout")
    )
    return train + dev, heldout


def short_texts() -> tuple[list[str], list[str]]:
    """Complaints of fewer than eight words, from a few dozen wordings: 1,150 rows and 300 others to hold out."""
    said = [s for problem in problems.PROBLEMS for s in problem.said]
    texts = [s.format(p=p.name) for s, p in product(said, world.PRODUCTS)]
    texts = sorted({t for t in texts if len(Text(t).words) < 8})
    random.Random(3).shuffle(texts)
    return texts[:1150], texts[1150:1450]


def paraphrases(task: str, n: int) -> tuple[list[str], list[str]]:
    """The same facts told twice by the generator's templates, in other words."""
    rng = random.Random(5)
    pairs: list[tuple[str, str]] = []
    if task == "policy_qa":
        facts = policy_qa._plan("heldout", rng, n)
        pairs = [(policy_qa._question(f, "heldout", rng), policy_qa._question(f, "heldout", rng)) for f in facts]
    else:
        cases = [summarize.draw_case(rng, "heldout") for _ in range(n)]
        tell = lambda case: "\n".join(text for _, text in summarize.conversation(case, rng))  # noqa: E731
        pairs = [(tell(case), tell(case)) for case in cases]
    return [first for first, _ in pairs], [second for _, second in pairs]


def measure(clean: Sequence[str], heldout: Sequence[str], planted: Sequence[str | None]) -> tuple[int, int, int]:
    """How many copies were planted, how many of them were found with their own source, how many clean rows flagged."""
    copied = [text for text in planted if text is not None]
    source = [i for i, text in enumerate(planted) if text is not None]
    found = list(copies(pieces("train", [*copied, *clean]), pieces("heldout", heldout)))
    wanted = set(enumerate(source))
    right = {o.source_id for o in found if (int(o.source_id), int(o.example_id)) in wanted}
    return len(source), len(right), len({o.source_id for o in found if int(o.source_id) >= len(source)})


def recall() -> None:
    """The tables of recall and precision."""
    sets = {name: of_suite(name) for name in ("summarize", "extract", "route", "policy_qa")}
    sets["short"] = short_texts()
    print("| planted | " + " | ".join(sets) + " |\n|---|" + "--:|" * len(sets))
    table: dict[str, list[tuple[int, int, int]]] = {}
    for name, edit in EDITS.items():
        for key, (clean, heldout) in sets.items():
            rng = random.Random(f"{name}/{key}")
            table.setdefault(name, []).append(measure(clean, heldout, [edit(text, rng) for text in heldout]))
    for key in ("summarize", "policy_qa"):
        first, second = paraphrases(key, 300)
        table.setdefault("told again by a template", [(0, 0, 0)] * len(sets))[list(sets).index(key)] = measure(
            sets[key][0], first, list(second)
        )
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{hit / n:.1%} of {n}" if n else "" for n, hit, _ in row) + " |")
    wrong = table["verbatim"]
    flagged_clean = [f"{w[2]} of {len(c)}" for w, (c, _) in zip(wrong, sets.values(), strict=True)]
    print(f"| clean rows flagged | {' | '.join(flagged_clean)} |")
    for name, row in table.items():
        right, flagged = sum(hit for _, hit, _ in row), sum(hit + wrong for _, hit, wrong in row)
        print(f"precision, {name}: {right}/{flagged} = {right / max(flagged, 1):.1%}")


def conversations(n: int, n_heldout: int) -> tuple[list[str], list[str]]:
    """Generated conversations of some 90 words; every hundredth held-out one is planted with 10 % word edits."""
    said = lambda row: "\n".join(turn["content"] for turn in row["inputs"]["conversation"])  # noqa: E731
    rng = random.Random(11)
    heldout = [said(row) for row in summarize.rows("heldout", rng, n_heldout)]
    train = [said(row) for row in summarize.rows("train", rng, n)]
    for i in range(0, n_heldout, 100):
        train[i * (n // n_heldout)] = word_edits(heldout[i], rng)
    return train, heldout


def timed(name: str, run: Callable[[], Sequence[tuple[int, int]]], scale: float = 1.0) -> set[tuple[int, int]]:
    """Run one way and print its CPU seconds, scaled up where it saw a part of the pairs."""
    start = process_time()
    found = set(run())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    spent = (process_time() - start) * scale
    print(f"{name}: {spent:.1f} CPU-s, {len(found)} pairs, peak so far {peak:.2f} GB", flush=True)
    return found


def near_pairs(found: Iterator[Overlap]) -> list[tuple[int, int]]:
    """Findings as pairs of positions."""
    return [(int(o.source_id), int(o.example_id)) for o in found]


def exact_index(train: Sequence[str], heldout: Sequence[str]) -> Iterator[tuple[int, int]]:
    """All near pairs without MinHash: a row that overlaps by t shares one of the rarest (1 - t)n + 1 word pairs."""
    sets = [Text(text).word_grams for text in heldout]
    counts = Counter(gram for grams in sets for gram in grams)
    index: dict[str, list[int]] = {}
    for i, grams in enumerate(sets):
        n = len(grams) - math.ceil(NEAR_WORDS * len(grams)) + 1
        for gram in sorted(grams, key=lambda g: (counts[g], g))[:n]:
            index.setdefault(gram, []).append(i)
    known = frozenset(counts)
    for k, text in enumerate(train):
        grams = Text(text).word_grams
        if len(grams & known) >= NEAR_WORDS * len(grams):
            for i in {i for gram in grams if gram in index for i in index[gram]}:
                share = len(grams & sets[i])
                if share / (len(grams) + len(sets[i]) - share) >= NEAR_WORDS:
                    yield k, i


def stock(train: Sequence[str], heldout: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The library's own recipe: 128 permutations of SHA-1 values, its parameters for the threshold, no confirmation."""
    from datasketch import MinHash, MinHashLSH

    def grams(text: str) -> list[bytes]:
        return [gram.encode() for gram in Text(text).word_grams]

    lsh = MinHashLSH(threshold=NEAR_WORDS, num_perm=128)
    for i, minhash in enumerate(MinHash.generator(map(grams, heldout), num_perm=128)):
        lsh.insert(i, minhash)
    for k, minhash in enumerate(MinHash.generator(map(grams, train), num_perm=128)):
        yield from ((k, i) for i in lsh.query(minhash))


def all_pairs(train: Sequence[str], heldout: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Every pair's overlap."""
    sets = [Text(text).word_grams for text in heldout]
    for k, text in enumerate(train):
        grams = Text(text).word_grams
        for i, other in enumerate(sets):
            share = len(grams & other)
            if share / (len(grams) + len(other) - share) >= NEAR_WORDS:
                yield k, i


def speed(n: int = 100_000, n_heldout: int = 2_000) -> None:
    """100,000 against 2,000, this check and other ways, in CPU seconds of one thread."""
    train, heldout = conversations(n, n_heldout)
    rows, asked = pieces("train", train), pieces("heldout", heldout)
    ours = timed("evalgate, all kinds", lambda: near_pairs(copies(rows, asked)))
    exact = timed("exact index, near only", lambda: [*exact_index(train, heldout)])
    print(f"pairs that MinHash lost: {len(exact - ours)} of {len(exact)}")
    library = timed("stock recipe, near only", lambda: [*stock(train, heldout)])
    print(f"  of them true: {len(library & exact)}, lost: {len(exact - library)}")
    part = n // 200
    timed(f"all pairs, near only (from {part} rows)", lambda: [*all_pairs(train[:part], heldout)], n / part)


if __name__ == "__main__":
    {"recall": recall, "speed": speed}[sys.argv[1] if len(sys.argv) > 1 else "recall"]()
