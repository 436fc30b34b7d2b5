"""Laws of identity: bytes and settings make a key, names never do, and whatever differs makes another one."""

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalgate.cache.answers import ANSWERS, Answer
from evalgate.cache.keys import Answerer, AnswerKey
from evalgate.cache.records import Cache
from evalgate.core.adapter_files import CONFIG, WEIGHTS, adapter_digest
from evalgate.core.data import Sampling
from evalgate.core.record import canonical_json, digest_of

TEXTS = st.text(max_size=6)
DIGESTS = st.one_of(st.none(), TEXTS)
PARTS: dict[type, dict[str, st.SearchStrategy[Any]]] = {
    Answerer: {
        "backend": TEXTS,
        "model": TEXTS,
        "adapter": DIGESTS,
        "tokenizer": TEXTS,
        "template": TEXTS,
        "dtype": TEXTS,
        "quantization": TEXTS,
        "device": TEXTS,
        "code": TEXTS,
        "versions": st.dictionaries(TEXTS, TEXTS, max_size=3),
    },
    Sampling: {
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_tokens": st.integers(1, 9999),
        "stop": st.lists(TEXTS, max_size=3).map(tuple),
        "seed": st.integers(0, 2**40),
        "constraint": st.sampled_from(["none", "json_schema", "choices"]),
        "answer_by": st.one_of(st.just(msgspec.UNSET), st.just("likelihood")),
        "grammar": st.one_of(st.just(msgspec.UNSET), TEXTS),
    },
    AnswerKey: {"prompt": st.lists(st.integers(0, 300), max_size=5).map(tuple), "repeat": st.integers(0, 9)},
}
ANSWERERS = st.builds(Answerer, **PARTS[Answerer])
SAMPLINGS = st.builds(Sampling, **PARTS[Sampling])
KEYS = st.builds(AnswerKey, answerer=ANSWERERS, sampling=SAMPLINGS, **PARTS[AnswerKey])
PLACES = [(kind, name) for kind, parts in PARTS.items() for name in parts]


def test_every_part_of_a_key_is_drawn_below() -> None:
    for kind, parts in PARTS.items():
        inside = {"answerer", "sampling"} if kind is AnswerKey else set()
        assert {field.name for field in msgspec.structs.fields(kind)} == {*parts, *inside}


def changed(key: AnswerKey, kind: type, name: str, value: object) -> AnswerKey:
    """The key with one part of it replaced."""
    if kind is AnswerKey:
        return msgspec.structs.replace(key, **{name: value})
    part = "answerer" if kind is Answerer else "sampling"
    return msgspec.structs.replace(key, **{part: msgspec.structs.replace(getattr(key, part), **{name: value})})


@given(key=KEYS, data=st.data())
def test_any_single_changed_part_makes_another_key(key: AnswerKey, data: st.DataObject) -> None:
    kind, name = data.draw(st.sampled_from(PLACES))
    other = changed(key, kind, name, data.draw(PARTS[kind][name]))
    # 0.0 and -0.0 are equal and written differently: asking twice is harmless.
    assume(other != key)
    assert other.digest != key.digest


@given(KEYS)
def test_a_key_is_the_same_in_every_process(key: AnswerKey) -> None:
    again = msgspec.json.decode(canonical_json(key), type=AnswerKey)
    assert again.digest == key.digest
    versions = dict(reversed(key.answerer.versions.items()))
    answerer = msgspec.structs.replace(key.answerer, versions=versions)
    assert msgspec.structs.replace(key, answerer=answerer).digest == key.digest


def write_adapter(folder: Path, weights: bytes, config: dict[str, Any]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(weights)
    (folder / CONFIG).write_bytes(msgspec.json.encode(config))
    return adapter_digest(folder)


ADAPTERS = st.tuples(
    st.binary(max_size=8), st.fixed_dictionaries({"r": st.integers(1, 9), "lora_alpha": st.integers()})
)


@settings(max_examples=40)
@given(mine=ADAPTERS, other=ADAPTERS, base=TEXTS)
def test_adapters_share_by_bytes_and_never_by_name(
    tmp_path_factory: Any, mine: tuple[bytes, dict[str, int]], other: tuple[bytes, dict[str, int]], base: str
) -> None:
    root = tmp_path_factory.mktemp("adapters")
    first = write_adapter(root / "run-1" / "qlora", *mine)
    renamed = write_adapter(root / "run-2" / "renamed", mine[0], mine[1] | {"base_model_name_or_path": base})
    namesake = write_adapter(root / "run-3" / "qlora", *other)
    assert renamed == first
    assert (namesake == first) == (mine == other)


RECORDS = st.dictionaries(st.integers(0, 30), st.text(max_size=40), max_size=12)


@settings(max_examples=40)
@given(parts=st.lists(RECORDS, max_size=4), cut=st.integers(0, 60))
def test_a_new_process_finds_what_any_of_several_kept_and_nothing_else(
    tmp_path_factory: Any, parts: list[dict[int, str]], cut: int
) -> None:
    """Whatever the texts are, and wherever the last file was torn."""
    folder, kept, last = tmp_path_factory.mktemp("cache"), {}, []
    for i, part in enumerate(parts):
        cache = Cache(folder)
        cache._name = f"{i}.jsonl"
        with cache.adding(ANSWERS) as add:
            for number, text in part.items():
                add(digest_of(number), Answer(output=text, status="ok"))
                kept.setdefault(number, text)
        last = [number for number in part if all(number not in earlier for earlier in parts[:i])]
    found = Cache(folder).find(ANSWERS, map(digest_of, range(31)), Answer)
    assert {key: answer.output for key, answer in found.items()} == {digest_of(n): t for n, t in kept.items()}
    path = folder / ANSWERS / f"{len(parts) - 1}.jsonl"
    if path.exists():
        path.write_bytes(path.read_bytes()[: path.stat().st_size - cut])
        torn = Cache(folder).find(ANSWERS, map(digest_of, range(31)), Answer)
        assert torn.items() <= found.items()
        n_lines = 1 + cut // 100  # each is longer than that
        assert len(found) - len(torn) <= min(n_lines if cut else 0, len(last))
