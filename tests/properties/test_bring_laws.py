"""Laws of bringing data: no file ends in anything but a suite or an EvalgateError, splits part, cleaning settles."""

import json
import string
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from evalgate.bring import cleaning, splits
from evalgate.bring.items import Item, field_names
from evalgate.bring.json_schema import infer
from evalgate.bring.rows import Row
from evalgate.bring.shapes import Wish
from evalgate.bring.sources import read_file
from evalgate.core.errors import EvalgateError
from evalgate.starting import start
from evalgate.starting.ask import Start
from evalgate.starting.bringing import bring

ENDINGS = st.sampled_from([".jsonl", ".json", ".csv", ".tsv"])
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
COLUMNS = st.sampled_from(
    [
        "text",
        "label",
        "instruction",
        "input",
        "output",
        "prompt",
        "completion",
        "messages",
        "conversations",
        "chosen",
        "rejected",
        "question",
        "answers",
        "summary",
        "target",
        "id",
        "is_x",
        "odd name",
    ]
)


def try_file(path: Path) -> None:
    """Bring a file whatever it is; what is wrong with it must be an EvalgateError with place, code and fix."""
    try:
        brought = bring(Start(name="desk", sources=(str(path),), wish=Wish()), ())
    except EvalgateError as error:
        assert error.code
        assert error.fix
        assert error.where.startswith(str(path)) or error.code in ("too-few-rows", "bad-size", "no-rows")
    else:
        event("rows became splits")
        assert all(brought.parts.items.values())


@FUZZ
@given(data=st.binary(max_size=200), ending=ENDINGS)
def test_any_bytes(data: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"t{ending}"
    path.write_bytes(data)
    try_file(path)


@pytest.mark.slow
@FUZZ
@given(
    table=st.lists(st.dictionaries(COLUMNS, VALUES, max_size=4), max_size=30),
    lines=st.booleans(),
    edits=st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=3)), max_size=2),
    cut=st.none() | st.integers(0, 2000),
)
def test_json_with_anything_in_it_cut_and_edited(
    table: list[dict[str, Any]], lines: bool, edits: list[tuple[int, bytes]], cut: int | None, tmp_path: Path
) -> None:
    text = "\n".join(map(json.dumps, table)) if lines else json.dumps(table)
    data = text.encode()[:cut]
    for at, raw in edits:
        data = data[: at % (len(data) + 1)] + raw + data[at % (len(data) + 1) + len(raw) :]
    path = tmp_path / ("t.jsonl" if lines else "t.json")
    path.write_bytes(data)
    try_file(path)


@FUZZ
@given(
    header=st.lists(COLUMNS, min_size=1, max_size=4),
    cells=st.lists(st.lists(st.text('ab",;\n\r\t\x00é\u200b', max_size=6), max_size=5), max_size=60),
    quote=st.booleans(),
)
def test_csv_with_quotes_line_ends_and_ragged_rows(
    header: list[str], cells: list[list[str]], quote: bool, tmp_path: Path
) -> None:
    mark = '"' if quote else ""
    rows = [",".join(mark + cell + mark for cell in row) for row in [header, *cells]]
    path = tmp_path / "t.csv"
    path.write_bytes("\r\n".join(rows).encode())
    try_file(path)


@pytest.mark.slow
@settings(FUZZ, max_examples=60)
@given(
    answers=st.lists(VALUES, min_size=60, max_size=60),
    column=st.sampled_from(["answer", "label", "target", "messages"]),
)
def test_rows_enough_for_a_suite_with_any_answers(answers: list[Any], column: str, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rows = [json.dumps({"question": f"what is {i}", column: value}, allow_nan=True) for i, value in enumerate(answers)]
    path.write_text("\n".join(rows))
    try_file(path)


@pytest.mark.slow
@settings(FUZZ, max_examples=40)
@given(
    shape=st.sampled_from(["answer", "label", "json"]),
    columns=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3, unique=True),
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), min_size=70, max_size=90
    ),
    labels=st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=4, unique_by=str.casefold),
)
def test_whatever_the_columns_and_texts_are_called_what_is_written_loads(
    shape: str, columns: list[str], texts: list[str], labels: list[str], tmp_path: Path
) -> None:
    """Names and texts that YAML, Jinja2, JSON or a comment could trip over: an error, or a suite that loads."""
    path, out = tmp_path / "t.jsonl", tmp_path / uuid.uuid4().hex
    answers = {"answer": texts[::-1], "label": labels * 90, "json": [{t: i} for i, t in enumerate(texts[::-1])]}[shape]
    rows = [{**dict.fromkeys(columns, f"{text} {i}"), "answer": answers[i]} for i, text in enumerate(texts)]
    path.write_text("\n".join(map(json.dumps, rows)))
    wish = Wish(texts=tuple(columns), **{"label" if shape == "label" else "answer": "answer"})
    said: list[str] = []
    try:
        start(Start(name="desk", sources=(str(path),), wish=wish, output=out / "suites"), said.append)
    except EvalgateError as error:
        assert error.where.startswith(str(path))
        assert not (out / "suites" / "desk").exists()
    else:
        event("a suite was written")
        assert (out / "suites" / "desk" / "suite.yaml").exists()
        assert said[-1].endswith("evalgate run " + str(out / "suites" / "desk"))


@pytest.mark.slow
@settings(FUZZ, max_examples=60)
@given(cut=st.integers(0, 3000), edits=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=4))
def test_a_parquet_cut_and_edited(cut: int, edits: list[tuple[int, int]], tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist([{"text": f"a {i}", "label": "ab"[i % 2]} for i in range(60)]), path)
    data = bytearray(path.read_bytes())
    for at, byte in edits:
        data[at % len(data)] = byte
    path.write_bytes(bytes(data[:cut] if cut < 1000 else data))
    try_file(path)


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.text("ab", max_size=2), VALUES, max_size=3), min_size=1, max_size=6))
def test_an_inferred_schema_fits_what_it_was_inferred_from(values: list[dict[str, Any]]) -> None:
    import jsonschema

    plain = json.loads(json.dumps(values).replace("NaN", "0").replace("-Infinity", "0").replace("Infinity", "0"))
    schema = infer(plain)
    jsonschema.Draft202012Validator.check_schema(schema)
    for value in plain:
        jsonschema.Draft202012Validator(schema).validate(value)


ITEMS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("abc"), st.none() | st.integers(0, 12)), min_size=30, max_size=90
)


def items_of(facts: list[tuple[int, str, int | None]]) -> list[Item]:
    return [
        Item(row=Row({}, "t", i), inputs={"text": f"t{text}"}, references=(), label=label,
             cluster=None if cluster is None else str(cluster))
        for i, (text, label, cluster) in enumerate(facts)
    ]  # fmt: skip


@pytest.mark.slow
@given(ITEMS, st.integers(0, 3), st.randoms())
def test_splits_part_everything_and_ignore_the_order(
    facts: list[tuple[int, str, int | None]], seed: int, shuffler: Any
) -> None:
    def parted(given_items: list[Item]) -> dict[str, Counter[Any]]:
        made = splits.make(given_items, {"heldout": 9, "dev": 5}, seed).items
        assert sum(map(len, made.values())) == len(facts)
        for key in (lambda i: i.inputs["text"], lambda i: i.cluster):
            sides = [{key(i) for i in part if key(i) is not None} for part in made.values()]
            assert sum(map(len, sides)) == len(set().union(*sides))
        return {s: Counter((str(i.inputs), i.label, i.cluster) for i in part) for s, part in made.items()}

    first = parted(items_of(facts))
    shuffler.shuffle(facts)
    assert parted(items_of(facts)) == first


@given(st.lists(st.sampled_from("abc"), min_size=20, max_size=200), st.integers(1, 19))
def test_unrelated_rows_give_exactly_the_size_in_proportion(labels: list[str], n: int) -> None:
    drawn = splits.draw(items_of([(i, label, None) for i, label in enumerate(labels)]), n, 7, "heldout")
    assert len(drawn) == n
    have, got = Counter(labels), Counter(i.label for i in drawn)
    assert all(abs(got[label] - n * have[label] / len(labels)) < 1 for label in have)


@pytest.mark.parametrize("step", [name for name in cleaning.TEXT_STEPS if name != "html"])
@given(text=st.text(alphabet=st.sampled_from(string.printable + "é\u200b\ufeff@€â€™"), max_size=80))
def test_a_step_has_nothing_left_to_do_when_it_is_done(step: str, text: str) -> None:
    run = cleaning.TEXT_STEPS[step][0]
    once, n = run(text)
    again, more = run(once)
    if step in ("whitespace", "control", "encoding"):
        assert (again, more) == (once, 0)
    assert n > 0 or once == text or step == "control"


@example(["SHOT"])
@given(st.lists(st.text(max_size=8), unique=True, max_size=6))
def test_field_names_are_names_and_differ(columns: list[str]) -> None:
    import jinja2

    names = field_names(columns)
    assert len(set(names.values())) == len(columns)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    for name in names.values():
        assert (
            environment.from_string(f"{{{{ {name} }}}}{{{{ shot.{name} }}}}").render({name: "x", "shot": {name: "y"}})
            == "xy"
        )


def test_reading_a_file_twice_gives_the_same_digest(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n')
    assert read_file(tmp_path / "t.jsonl").digest == read_file(tmp_path / "t.jsonl").digest
