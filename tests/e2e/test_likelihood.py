"""Likelihoods in batches: lm-eval's scores, whatever is batched, shared, padded or split."""

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from test_hf_backend import SHARED, WORDS, open_backend
from tiny_model import CONTEXT, save_adapter, save_tiny_model

from evalgate.backends.batching import MIN_PREFIX_TOKENS
from evalgate.backends.hf import HFBackend
from evalgate.backends.likelihood import encode_pairs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ENDS = (" red", " is the lamp here", "x", " ", "é", " a b c d e f g")
CHOICES = [(f"Where is {word}?", end) for word in WORDS for end in ENDS]
FEW_SHOT = [(f"{SHARED}{word} Answer:", end) for word in WORDS for end in ENDS]
ODD = [
    ("", "lamp"),
    ("", " a"),
    (" ", "b"),
    ("ends in spaces   ", "box"),
    ("one line\n", "more"),
    ("<s>own BOS", " yes"),
]


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> HFBackend:
    folder = save_tiny_model(tmp_path_factory.mktemp("tiny"))
    found = open_backend(folder)
    found.add_adapter("a", save_adapter(folder, tmp_path_factory.mktemp("adapter"), 1))
    return found


@pytest.fixture(scope="module")
def words() -> HFBackend:
    """The embedded model, whose tokens are longer than a byte."""
    return open_backend(ROOT / "models" / "base-5m")


def by_lm_eval(backend: HFBackend, pairs: list[tuple[str, str]], adapter: str | None) -> list[tuple[float, bool]]:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    with backend.using(adapter) as module:
        lm = HFLM(pretrained=module, tokenizer=backend.tokenizer, batch_size=4, softmax_dtype="float32")
        asked = [Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=0) for pair in pairs]
        return lm.loglikelihood(asked, disable_tqdm=True)


@pytest.mark.parametrize("adapter", [None, "a"])
@pytest.mark.parametrize(
    "pairs", [CHOICES, FEW_SHOT, ODD, [*FEW_SHOT, *ODD, *CHOICES]], ids=["short", "shots", "odd", "all"]
)
def test_scores_are_those_of_lm_eval(backend: HFBackend, pairs: list[tuple[str, str]], adapter: str | None) -> None:
    wanted = by_lm_eval(backend, pairs, adapter)
    assert backend.loglikelihood(pairs, adapter=adapter) == pytest.approx([score for score, _ in wanted], abs=1e-4)
    scored = backend.score_tokens(encode_pairs(backend.tokenizer, pairs), adapter=adapter)
    assert [score.greedy for score in scored] == [greedy for _, greedy in wanted]


def test_scores_are_those_of_lm_eval_on_words(words: HFBackend) -> None:
    pairs = [(f"Question: what is {w}?\nAnswer:{s}", e) for w in WORDS for e in ENDS for s in ("", " ", "\n")]
    assert words.loglikelihood(pairs) == pytest.approx([p for p, _ in by_lm_eval(words, pairs, None)], abs=1e-4)


def test_the_likeliest_continuation_is_told_from_others(backend: HFBackend) -> None:
    import torch

    ids = backend.tokenizer("Where is the lamp?").input_ids
    with torch.inference_mode(), backend.using(None) as model:
        out = model.generate(torch.tensor([ids]), max_new_tokens=4, do_sample=False)[0, len(ids) :].tolist()
    greedy, other = backend.score_tokens([(ids, out), (ids, [*out[:-1], out[-1] - 1])])
    assert (greedy.greedy, other.greedy) == (True, False)
    assert greedy.logprob > other.logprob


def test_one_pair_at_a_time_scores_the_same(backend: HFBackend) -> None:
    pairs = [*FEW_SHOT[:12], *ODD]
    assert len(backend.tokenizer(SHARED).input_ids) > MIN_PREFIX_TOKENS
    alone = [backend.loglikelihood([pair])[0] for pair in pairs]
    assert backend.loglikelihood(pairs) == pytest.approx(alone, abs=1e-4)


def test_probabilities_of_all_ways_to_go_on_add_up_to_one(backend: HFBackend) -> None:
    ids = backend.tokenizer("Where is the lamp?").input_ids
    n = int(backend.module.config.vocab_size)
    two = [(ids, [first, second]) for first, second in itertools.product((5, 77), range(n))]
    first = {
        pair[1][0]: s.logprob
        for pair, s in zip([(ids, [5]), (ids, [77])], backend.score_tokens([(ids, [5]), (ids, [77])]), strict=True)
    }
    for token in (5, 77):
        scores = [s.logprob for (_, c), s in zip(two, backend.score_tokens(two), strict=True) if c[0] == token]
        assert math.fsum(map(math.exp, scores)) == pytest.approx(math.exp(first[token]), rel=1e-5)


def test_what_does_not_fit_the_context_has_no_likelihood_and_nothing_is_certain(backend: HFBackend) -> None:
    long = backend.loglikelihood([("x" * CONTEXT, "y"), ("a", "b"), ("a", "")])
    assert math.isnan(long[0])
    assert long[1] < 0
    assert long[2] == 0
    assert backend.loglikelihood([]) == []


class Scarce:
    """A model that has memory for few rows only."""

    def __init__(self, model: Any, most: int) -> None:
        self.model, self.most, self.refused = model, most, 0
        self.config = model.config

    def __call__(self, **given: Any) -> Any:
        if len(given["input_ids"]) > self.most:
            self.refused += 1
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")
        return self.model(**given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


@pytest.mark.parametrize("most", [1, 6, 20])
def test_batches_are_halved_when_memory_runs_out(tmp_path: Path, most: int) -> None:
    backend = open_backend(save_tiny_model(tmp_path))
    pairs = [(context, end) for context, end in FEW_SHOT if end in ENDS[:1] + ENDS[2:3]]
    wanted = backend.loglikelihood(pairs)
    likelihood = backend._likelihood
    rows = encode_pairs(backend.tokenizer, pairs)
    scarce = Scarce(backend.module, most)
    found = dict(likelihood.scores(scarce, None, rows))
    assert [found[i].logprob for i in range(len(pairs))] == pytest.approx(wanted, abs=1e-4)
    if most != 6:  # how many rows a batch has depends on the threads there are
        assert (scarce.refused > 0) == (most == 1)


def test_one_context_without_memory_is_no_likelihood_and_other_faults_are_raised(tmp_path: Path) -> None:
    backend = open_backend(save_tiny_model(tmp_path))
    rows = encode_pairs(backend.tokenizer, FEW_SHOT[:6])
    [*found] = backend._likelihood.scores(Scarce(backend.module, 0), None, rows)
    assert all(score.out_of_memory and math.isnan(score.logprob) for _, score in found)

    def broken(**_: Any) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    broken.config = backend.module.config  # type: ignore[attr-defined]
    broken.forward = broken  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        list(backend._likelihood.scores(broken, None, rows))


def test_lanes_change_no_score(backend: HFBackend) -> None:
    import torch

    before, found = torch.get_num_threads(), {}
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            found[n_threads] = backend.loglikelihood([*FEW_SHOT, *CHOICES], adapter="a")
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert found[1] == pytest.approx(found[3], abs=1e-4)
