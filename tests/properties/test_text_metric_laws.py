"""Text metrics against the libraries that define them, over plain and hostile texts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from evalgate import plugins
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.protocols import Metric
from evalgate.core.results import Prediction, Score
from evalgate.core.seeds import rng
from evalgate.metrics.bleu import _words
from evalgate.metrics.diagnostics import longest_run
from evalgate.metrics.lcs import Lcs
from evalgate.metrics.rouge import tokens
from evalgate.stats.draws import resampled
from evalgate.stats.interval import bootstrap_interval, estimate_scores

ROUGE = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL", "rouge_lsum": "rougeLsum"}
# Few words, so that texts share many; with breaks, cases, scripts and what tokenizers treat apart.
WORDS = [
    *("the", "The", "cat", "cats", "running", "news", "dying", "sofa's", "12", "1,200.50", "don't", "a-b", ".", "..."),
    *("\n", "\n\n", "\u00a0", "\x00", "\ud800", "\u202e", "&quot;", "caf\u00e9", "\u0130stanbul", "Stra\u00dfe"),
    *("\u732b", "\u732b\u304c\u597d\u304d", "\u0643\u062a\u0627\u0628", "\U0001f600"),
]
plain = st.lists(st.sampled_from(WORDS), max_size=24).map(" ".join)
hostile = st.text(st.characters(), max_size=40)
texts = plain | hostile | st.lists(st.sampled_from(WORDS), max_size=8).map("".join)


def scores_of(metric: Metric, outputs: list[str], references: list[list[str]]) -> list[Score]:
    task = Task(spec=TaskSpec(name="t", kind="qa", data="t", metrics=()), splits={})
    return [
        metric.score(
            Example(id=str(i), inputs={}, references=tuple(refs)),
            Prediction(example_id=str(i), system="s", task="t", output=output),
            task,
        )
        for i, (output, refs) in enumerate(zip(outputs, references, strict=True))
    ]


@settings(max_examples=150, deadline=None)
@given(texts, st.lists(texts, min_size=1, max_size=3), st.booleans())
def test_rouge_is_googles_for_any_text(output: str, references: list[str], stemmer: bool) -> None:
    wanted = RougeScorer(list(ROUGE.values()), use_stemmer=stemmer).score_multi(references, output)
    for mine, theirs in ROUGE.items():
        metric = plugins.metric(MetricUse(name=mine, options={"stemmer": stemmer}))
        (score,) = scores_of(metric, [output], [references])
        assert score.parts[0] == pytest.approx(wanted[theirs].fmeasure, abs=1e-12), (mine, output, references)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=9), min_size=1, max_size=5), st.data())
def test_lsum_is_googles_for_many_lines_of_few_words(lines: list[list[str]], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.lists(st.sampled_from("abcd"), max_size=9), min_size=1, max_size=5))
    reference, output = ("\n".join(" ".join(line) for line in found) for found in (lines, other))
    wanted = RougeScorer(["rougeLsum"]).score(reference, output)["rougeLsum"].fmeasure
    (score,) = scores_of(plugins.metric(MetricUse(name="rouge_lsum")), [output], [[reference]])
    assert score.parts[0] == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("aeioubcdlnrstyzg018"), min_size=1, max_size=12))
def test_no_stem_is_lost_or_split(word: str) -> None:
    wanted = PorterStemmer().stem(word) if len(word) > 3 else word
    assert tokens(word, True) == (wanted,)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=140), st.lists(st.integers(0, 4), max_size=140))
def test_lcs_is_the_tables(one: list[int], other: list[int]) -> None:
    row = [0] * (len(other) + 1)
    for x in one:
        last, row = row, [0]
        for j, y in enumerate(other, 1):
            row.append(last[j - 1] + 1 if x == y else max(last[j], row[-1]))
    assert Lcs(one).length(other) == Lcs(other).length(one) == row[-1]


corpora = st.lists(st.tuples(texts, st.lists(texts, min_size=2, max_size=2)), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(corpora, st.sampled_from(["13a", "intl", "char", "zh", "none"]), st.booleans(), st.booleans())
def test_bleu_is_sacrebleus(rows: list[tuple[str, list[str]]], tokenize: str, lowercase: bool, several: bool) -> None:
    outputs = [output for output, _ in rows]
    references = [refs if several else refs[:1] for _, refs in rows]
    theirs = BLEU(tokenize=tokenize, lowercase=lowercase)
    wanted = theirs.corpus_score(outputs, [list(column) for column in zip(*references, strict=True)]).score / 100
    metric = plugins.metric(MetricUse(name="bleu", options={"tokenize": tokenize, "lowercase": lowercase}))
    parts = np.array([score.parts for score in scores_of(metric, outputs, references)])
    assert float(metric.combine(parts)) == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(corpora, st.sampled_from([0, 2]), st.booleans(), st.booleans())
def test_chrf_is_sacrebleus(rows: list[tuple[str, list[str]]], word_order: int, lowercase: bool, several: bool) -> None:
    outputs = [output for output, _ in rows]
    references = [refs if several else refs[:1] for _, refs in rows]
    theirs = CHRF(word_order=word_order, lowercase=lowercase)
    wanted = theirs.corpus_score(outputs, [list(column) for column in zip(*references, strict=True)]).score / 100
    metric = plugins.metric(MetricUse(name="chrf", options={"word_order": word_order, "lowercase": lowercase}))
    parts = np.array([score.parts for score in scores_of(metric, outputs, references)])
    assert float(metric.combine(parts)) == pytest.approx(wanted, abs=1e-12)


def test_chrf_is_sacrebleus_for_a_reference_of_more_characters_than_a_code_holds() -> None:
    reference = "".join(chr(0x4E00 + i) for i in range(1500))
    output = reference[200:900] + "x" + reference[100:400]
    metric = plugins.metric(MetricUse(name="chrf"))
    (score,) = scores_of(metric, [output], [[reference]])
    assert float(metric.combine(np.array([score.parts]))) == pytest.approx(
        CHRF().corpus_score([output], [[reference]]).score / 100, abs=1e-12
    )


PUNCTUATION = st.text(st.sampled_from("a5.,-&;!'\"<> \n\u00a0\x1c\x85\u3000"), max_size=30)
ENTITIES = st.sampled_from(["&quot;", "&amp;", "&amp;quot;", "&lt;skipped>", "<skipped>", "-\n", "<skip<skipped>ped>"])


@settings(max_examples=300, deadline=None)
@given(st.lists(PUNCTUATION | ENTITIES, max_size=6).map("".join))
def test_words_are_tokenized_one_by_one_as_texts_are(text: str) -> None:
    assert " ".join(_words(text, "13a", False)) == BLEU().tokenizer(text.rstrip())


@pytest.mark.parametrize("theirs", [BLEU(), BLEU(lowercase=True, tokenize="intl"), CHRF(), CHRF(word_order=2)])
def test_a_signature_says_all_that_sacrebleus_says_but_its_patch_version(theirs: BLEU | CHRF) -> None:
    theirs.corpus_score(["a cat"], [["the cat"], ["a dog"]])
    said = str(theirs.get_signature()).replace("nrefs:2", "nrefs:var").split("|")
    if isinstance(theirs, BLEU):
        use = MetricUse(name="bleu", options={"tokenize": theirs.tokenizer_signature, "lowercase": theirs.lowercase})
    else:
        use = MetricUse(name="chrf", options={"word_order": theirs.word_order})
    assert [part for part in said if not part.startswith("version:")] == plugins.metric(use).spec.signature.split("|")[
        :-2
    ]
    assert "version:2." in said[-1]


@pytest.mark.parametrize("name", ["bleu", "chrf", "length_ratio"])
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_many_resamples_combine_as_each_alone(name: str, data: st.DataObject) -> None:
    metric = plugins.metric(MetricUse(name=name))
    rows = data.draw(st.lists(st.tuples(plain, plain.filter(str.split)), min_size=1, max_size=6))
    parts = np.array([s.parts for s in scores_of(metric, [a for a, _ in rows], [[b] for _, b in rows])])
    table = np.stack([parts, parts[::-1], np.repeat(parts[:1], len(parts), axis=0)])
    each = [float(metric.combine(one)) for one in table]
    assert metric.combine(table) == pytest.approx(each, abs=1e-12, nan_ok=True)
    assert np.isnan(metric.combine(parts[:0])) and metric.combine(table[:, None]).shape == (3, 1)


@pytest.mark.parametrize("clustered", [False, True])
def test_intervals_from_sums_are_those_from_rows(clustered: bool) -> None:
    generator = np.random.default_rng(3)
    given = generator.integers(5, 30, size=120).astype(float)
    parts = np.stack([given, generator.integers(8, 20, size=120).astype(float)], axis=1)
    units = np.repeat(np.arange(30), [1, 7, 2, 6] * 7 + [4, 4]) if clustered else np.arange(120)
    metric = plugins.metric(MetricUse(name="length_ratio"))
    slow = bootstrap_interval(parts, metric.combine, units, level=0.95, seed=1, b=4000)
    quick = bootstrap_interval(
        parts,
        metric.combine,
        units,
        level=0.95,
        seed=1,
        b=4000,
        of_sums=getattr(metric, "of_sums"),  # noqa: B009
    )
    assert quick[0] == slow[0]
    assert quick[1:] == pytest.approx(slow[1:], rel=0.02)


def test_a_corpus_score_has_an_interval_that_holds_it() -> None:
    outputs = [f"the cat number {i % 7} sat on the mat" for i in range(60)]
    references = [[f"the cat number {i % 5} sat on a mat"] for i in range(60)]
    metric = plugins.metric(MetricUse(name="bleu"))
    found = estimate_scores(scores_of(metric, outputs, references), metric, seed=1)
    assert found is not None
    wanted = BLEU().corpus_score(outputs, [[r[0] for r in references]]).score / 100
    assert found.value == pytest.approx(wanted, abs=1e-12)
    assert found.low < found.value < found.high
    assert (found.n, found.method) == (60, "percentile bootstrap, 1999 resamples")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=14), st.lists(st.sampled_from("abc"), max_size=14))
def test_the_longest_run_is_the_one_that_trying_all_finds(answer: list[str], source: list[str]) -> None:
    def runs(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}

    assert longest_run(answer, source) == max(map(len, runs(answer) & runs(source)), default=0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 5), st.integers(0, 6)), min_size=2, max_size=40),
    st.sampled_from(["macro_f1", "weighted_f1", "micro_f1", "balanced_accuracy", "mcc"]),
    st.booleans(),
)
def test_the_interval_from_sums_is_that_of_resampled_rows(
    rows: list[tuple[int, int, int]], name: str, clustered: bool
) -> None:
    metric = plugins.metric(MetricUse(name=name))
    parts = np.array([row[:2] for row in rows], dtype=np.float64)
    clusters = np.unique([row[2] for row in rows], return_inverse=True)[1]
    units = clusters if clustered else np.arange(len(rows))
    summands = getattr(metric, "summands")  # noqa: B009
    plain = bootstrap_interval(parts, metric.combine, units, level=0.95, seed=7, b=199)
    assert bootstrap_interval(parts, metric.combine, units, level=0.95, seed=7, b=199, summands=summands) == plain


def test_draws_are_the_same_whether_they_are_kept_or_not() -> None:
    totals = np.arange(300.0).reshape(100, 3)
    kept = np.concatenate(list(resampled(totals, 400, 5, "bootstrap-sums", 100, 3)))
    drawn = rng(5, "bootstrap-sums", 100, 3).integers(0, 100, size=(400, 100))
    assert (kept == totals[drawn].sum(axis=1)).all()
    many = np.arange(70_000.0)[:, None]  # too many units to be kept
    drawn = rng(5, "bootstrap-sums").integers(0, 70_000, size=(3, 70_000))
    assert (np.concatenate(list(resampled(many, 3, 5, "bootstrap-sums"))) == many[drawn].sum(axis=1)).all()
