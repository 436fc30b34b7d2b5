"""The transformers backend on a tiny random model: batching, prefixes and adapters may not change an answer."""

from pathlib import Path
from typing import Any

import pytest
from tiny_model import CONTEXT, save_adapter, save_tiny_model

from evalgate.backends.batching import MIN_PREFIX_TOKENS
from evalgate.backends.endings import Endings
from evalgate.backends.hf import HFBackend
from evalgate.backends.model_files import locate
from evalgate.core.data import Message, ModelSpec, Sampling
from evalgate.core.protocols import Request
from evalgate.core.results import Generation

pytestmark = pytest.mark.slow

SHARED = "Answer the question of the customer in one word, please: "
WORDS = ("chair", "a lamp?", "where is my red sofa", "", "refund the table now", "é ü", "box 17", "is it late or not")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def adapters(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("adapters")
    return {name: save_adapter(folder, root / name, seed) for seed, name in enumerate("ab", 1)}


def open_backend(folder: Path, **fields: Any) -> HFBackend:
    spec = ModelSpec(id=str(folder), **fields)
    return HFBackend(spec, locate(spec))


@pytest.fixture(scope="module")
def plain(folder: Path) -> HFBackend:
    """A backend that never sees an adapter: the oracle for the base."""
    return open_backend(folder)


@pytest.fixture(scope="module")
def tuned(folder: Path, adapters: dict[str, str]) -> HFBackend:
    backend = open_backend(folder)
    for name, path in adapters.items():
        backend.add_adapter(name, path)
    return backend


def endings(backend: HFBackend) -> Endings:
    return Endings(backend.module, backend.tokenizer)


def request(text: str, **sampling: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), sampling=Sampling(**{"max_tokens": 12, **sampling}))


def answers(backend: HFBackend, requests: list[Request], adapter: str | None = None) -> list[Generation]:
    found = list(backend.generate(requests, adapter=adapter))
    assert sorted(i for i, _ in found) == list(range(len(requests)))
    return [generation for _, generation in sorted(found, key=lambda pair: pair[0])]


def texts(backend: HFBackend, prompts: list[str], adapter: str | None = None) -> list[str | None]:
    return [g.output for g in answers(backend, [request(p) for p in prompts], adapter)]


def alone(backend: HFBackend, prompts: list[str], adapter: str | None = None) -> list[str | None]:
    return [texts(backend, [p], adapter)[0] for p in prompts]


@pytest.mark.parametrize("shared", ["", SHARED], ids=["no-prefix", "prefix"])
def test_batched_greedy_text_is_that_of_one_prompt_at_a_time(plain: HFBackend, shared: str) -> None:
    prompts = [f"{shared}{word}" for word in WORDS] if shared else [f"{word}{i}" for i, word in enumerate(WORDS)]
    assert len(plain.tokenizer(SHARED).input_ids) > MIN_PREFIX_TOKENS
    batched = texts(plain, prompts)
    assert batched == alone(plain, prompts)
    assert len(set(batched)) > len(prompts) // 2, "the oracle is only worth something if texts differ"


def test_batched_text_is_what_transformers_itself_generates(plain: HFBackend) -> None:
    import torch

    prompts = [f"{SHARED}{word}" for word in WORDS]
    for prompt, mine in zip(prompts, texts(plain, prompts), strict=True):
        ids = plain.tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )["input_ids"]
        with torch.inference_mode():
            out = plain.module.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=0
            )
        assert mine == plain.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).strip()


def test_an_adapter_changes_the_logits_and_the_base_comes_back_exactly(plain: HFBackend, tuned: HFBackend) -> None:
    import torch

    ids = torch.arange(3, 60)[None]

    def logits(backend: HFBackend, adapter: str | None) -> Any:
        with torch.inference_mode(), backend.using(adapter) as model:
            return model(input_ids=ids).logits

    base = logits(plain, None)
    assert torch.equal(logits(tuned, None), base)
    a, b = logits(tuned, "a"), logits(tuned, "b")
    assert not torch.allclose(a, base)
    assert not torch.allclose(b, base)
    assert not torch.allclose(a, b)
    assert torch.equal(logits(tuned, None), base)
    assert torch.equal(logits(tuned, "a"), a)


@pytest.mark.parametrize(
    "order", [(None, "a", None), ("a", None, "a"), ("a", "b", "a", None), ("b", None, "a", "b")], ids=str
)
def test_a_kept_prefix_never_serves_another_adapter(
    plain: HFBackend, tuned: HFBackend, order: tuple[str | None, ...]
) -> None:
    prompts = [f"{SHARED}{word}" for word in WORDS[:4]]
    wanted = {adapter: alone(tuned, prompts, adapter) for adapter in (None, "a", "b")}
    assert wanted[None] == alone(plain, prompts)
    assert len({str(texts) for texts in wanted.values()}) == 3
    for adapter in order:
        assert texts(tuned, prompts, adapter) == wanted[adapter], adapter


def test_the_base_before_its_first_adapter_lends_no_prefix_to_it(folder: Path, adapters: dict[str, str]) -> None:
    prompts = [f"{SHARED}{word}" for word in WORDS[:4]]
    backend = open_backend(folder)
    base = texts(backend, prompts)
    backend.add_adapter("a", adapters["a"])
    backend.add_adapter("a", adapters["a"])  # a second time changes nothing
    assert texts(backend, prompts, "a") == alone(backend, prompts, "a") != base
    assert texts(backend, prompts) == base


def test_a_prompt_beyond_the_context_is_a_failure_and_the_others_are_answered(plain: HFBackend) -> None:
    long = answers(plain, [request("chair"), request("x" * CONTEXT), request("lamp")])
    assert [g.status == "error" for g in long] == [False, True, False]
    assert long[1].output is None
    assert long[1].failure is not None
    n = long[1].prompt_tokens
    assert long[1].failure.code == "prompt-too-long"
    assert long[1].failure.message == f"{n} prompt tokens and 12 new ones exceed the context of {CONTEXT}"


def test_a_prompt_that_just_fits_is_answered(plain: HFBackend) -> None:
    used = answers(plain, [request("x")])[0].prompt_tokens or 0
    fits, not_quite = answers(plain, [request("x" * (CONTEXT - 12 - used + k)) for k in (1, 2)])
    assert fits.prompt_tokens == CONTEXT - 12
    assert fits.output is not None
    assert not_quite.failure is not None


def test_text_ends_before_a_stop_string_and_is_then_whole(plain: HFBackend) -> None:
    whole = answers(plain, [request(w, max_tokens=24) for w in WORDS])
    for word, free in zip(WORDS, whole, strict=True):
        assert free.output is not None
        assert free.status in ("ok", "truncated")
        mark = free.output[3:5]
        stopped = answers(plain, [request(word, max_tokens=24, stop=(mark,))])[0]
        assert stopped.output == free.output.partition(mark)[0].strip()
        assert stopped.status == "ok"
        assert (stopped.completion_tokens or 0) <= (free.completion_tokens or 0)


def test_an_answer_that_begins_with_its_stop_string_is_empty_and_whole(plain: HFBackend) -> None:
    """Line ends at the beginning are no part of the text, but they stop it all the same."""
    sampling = {"temperature": 5.0, "max_tokens": 1}
    first = (answers(plain, [request("x", seed=k, **sampling)])[0] for k in range(500))
    seed = next(k for k, g in enumerate(first) if (g.output, g.status, g.completion_tokens) == ("", "truncated", 1))
    spaces = tuple("\n\t\r\x0b\x0c ")
    [stopped] = answers(plain, [request("x", seed=seed, stop=spaces, **sampling | {"max_tokens": 12})])
    assert (stopped.output, stopped.status, stopped.completion_tokens) == ("", "ok", 1)


def test_a_stop_of_one_character_ends_at_its_token_and_needs_no_search(plain: HFBackend) -> None:
    for word in WORDS:
        free = answers(plain, [request(word, max_tokens=24)])[0].output or ""
        mark = next(c for c in free[2:] if c.isascii() and c.isprintable())
        sampling = request(word, max_tokens=24, stop=(mark,)).sampling
        searched, _ = endings(plain).of(sampling)
        stopped = answers(plain, [request(word, max_tokens=24, stop=(mark,))])[0]
        assert searched == []
        assert (stopped.output, stopped.status) == (free.partition(mark)[0].strip(), "ok")


def test_every_token_that_holds_the_character_ends_and_special_tokens_do_not(folder: Path) -> None:
    backend = open_backend(folder)
    backend.tokenizer.add_tokens(["Ende\n", "plain"])
    line, letter, both = (endings(backend).of(Sampling(stop=stop))[1] for stop in (("\n",), ("s",), ("\n", "s")))
    eos = backend.tokenizer.eos_token_id
    names = {stop: set(backend.tokenizer.convert_ids_to_tokens(ids)) for stop, ids in (("n", line), ("s", letter))}
    assert names == {"n": {"</s>", "\u010a", "Ende\n"}, "s": {"</s>", "s"}}
    assert letter[0] == line[0] == eos
    assert set(both) == set(line) | set(letter)


def test_a_longer_stop_is_searched_in_the_text(plain: HFBackend) -> None:
    assert endings(plain).of(Sampling(stop=("###", "\n\n"))) == (["###", "\n\n"], [plain.tokenizer.eos_token_id])


def test_switching_never_runs_pefts_slow_status_check(tuned: HFBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    from peft import PeftModel

    def refuse(*_: Any) -> None:
        raise AssertionError("takes 20 ms a call")

    monkeypatch.setattr(PeftModel, "disable_adapter", refuse)
    monkeypatch.setattr(PeftModel, "get_model_status", refuse)
    assert all(texts(tuned, ["chair"], adapter) for adapter in (None, "a", "b", None, "a"))


def test_batches_with_stop_strings_equal_single_calls(plain: HFBackend) -> None:
    requests = [request(f"{SHARED}{w}", max_tokens=24, stop=("e", "a")) for w in WORDS]
    batched = answers(plain, requests)
    single = [answers(plain, [r])[0] for r in requests]
    assert [(g.output, g.status, g.completion_tokens) for g in batched] == [
        (g.output, g.status, g.completion_tokens) for g in single
    ]


def test_requests_of_several_samplings_come_back_under_their_own_index(plain: HFBackend) -> None:
    requests = [request(w, max_tokens=4 + 8 * (i % 2)) for i, w in enumerate(WORDS)]
    assert [g.output for g in answers(plain, requests)] == [answers(plain, [r])[0].output for r in requests]


def test_a_second_bos_in_a_prompt_is_counted(plain: HFBackend) -> None:
    bos = plain.tokenizer.bos_token
    template = plain.tokenizer.chat_template
    try:
        once = answers(plain, [request("chair")])
        plain.tokenizer.chat_template = bos + template
        twice = answers(plain, [request("chair")])
    finally:
        plain.tokenizer.chat_template = template
    assert [g.prompt_bos for g in once + twice] == [1, 2]


def test_every_prompt_has_exactly_one_bos(plain: HFBackend) -> None:
    seen: list[list[int]] = []
    original = plain.module.generate
    try:
        plain.module.generate = lambda **k: seen.extend(k["input_ids"].tolist()) or original(**k)
        texts(plain, ["chair", "lamp"])
    finally:
        del plain.module.generate
    assert len(seen) == 2
    assert all(row.count(plain.tokenizer.bos_token_id) == 1 for row in seen)
    assert all(next(t for t in row if t) == plain.tokenizer.bos_token_id for row in seen)


def test_loglikelihood_is_the_sum_of_the_continuations_log_probabilities(tuned: HFBackend) -> None:
    import torch

    pairs = [("the chair is", " red"), ("", "lamp"), ("a", "b")]
    for adapter in (None, "a"):
        for (context, continuation), found in zip(pairs, tuned.loglikelihood(pairs, adapter=adapter), strict=True):
            ids = [1, *tuned.tokenizer(context + continuation, add_special_tokens=False).input_ids]
            with torch.inference_mode(), tuned.using(adapter) as model:
                rows = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), dim=-1)
            n = len(continuation)
            wanted = sum(float(rows[k - 1, ids[k]]) for k in range(len(ids) - n, len(ids)))
            assert found == pytest.approx(wanted, abs=1e-4)


def test_latency_is_known_for_single_calls_only(plain: HFBackend) -> None:
    single = answers(plain, [request("chair")])[0]
    assert 0 < (single.first_token_s or 0) <= (single.latency_s or 0)
    assert [g.latency_s for g in answers(plain, [request("chair"), request("lamp")])] == [None, None]


def test_the_identity_names_what_the_numbers_depend_on(plain: HFBackend) -> None:
    identity = plain.identity
    assert identity["model_digest"] == plain.files.digest
    assert (identity["dtype"], identity["quantization"]) == ("float32", "none")
    assert set(identity) == {"backend", "model_digest", "dtype", "quantization", "device", "torch", "transformers"}


def test_four_bit_layers_keep_their_layout_and_batches_their_text(folder: Path) -> None:
    import torch

    backend = open_backend(folder, quantization="nf4")
    layers = [m for m in backend.module.modules() if hasattr(m, "support_avx512bf16_for_cpu")]
    assert len(layers) == 14
    assert not any(m.support_avx512bf16_for_cpu for m in layers)
    shapes = [m.weight.shape for m in layers]
    assert all(texts(backend, list(WORDS)))
    assert [m.weight.shape for m in layers] == shapes
    ids = torch.arange(3, 20)[None]
    with torch.inference_mode():
        assert bool(torch.isfinite(backend.module(input_ids=ids).logits).all())


@pytest.mark.parametrize("adapter", [None, "a"])
@pytest.mark.parametrize("shared", ["", SHARED])
def test_lanes_change_no_answer_and_give_torchs_threads_back(
    tuned: HFBackend, shared: str, adapter: str | None
) -> None:
    import torch

    requests = [request(f"{shared}{word} {k}") for word in WORDS for k in range(12)]
    before, found = torch.get_num_threads(), {}
    try:
        for n_threads in (1, 3):  # as many lanes
            torch.set_num_threads(n_threads)
            found[n_threads] = answers(tuned, requests, adapter)
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert [g.output for g in found[1]] == [g.output for g in found[3]]


def test_a_reader_who_stops_early_leaves_no_work_and_no_setting_behind(plain: HFBackend) -> None:
    import threading

    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        reading = plain.generate([request(f"{SHARED}{k}") for k in range(300)])
        next(reading)
        reading.close()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lane")]


@pytest.mark.parametrize("name", ["qlora.rank-8", "lora_x", "a%b", "tiny@1"])
def test_an_adapter_may_have_any_candidates_name(folder: Path, adapters: dict[str, str], name: str) -> None:
    """torch takes no dots in a module's name, and PEFT not its own prefix."""
    backend = open_backend(folder)
    backend.add_adapter(name, adapters["a"])
    backend.add_adapter("b", adapters["b"])
    answered = texts(backend, ["chair", "box 17"], name)
    other = open_backend(folder)
    other.add_adapter("a", adapters["a"])
    assert answered == texts(other, ["chair", "box 17"], "a")
