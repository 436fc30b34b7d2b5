"""Rows that are wrong: one error with the file, the line, the id and what mends it."""

import json
import re
import tracemalloc
from pathlib import Path

import pytest
from small_suite import SCHEMA, rows_of, write_rows

from evalgate.core.data import MetricUse, TaskKind, TaskSpec
from evalgate.core.errors import EvalgateError, ExitCode
from evalgate.core.metric_kinds import LABEL_METRICS
from evalgate.suite.formats import read_examples, read_passages, read_schema

FILE = Path("heldout.jsonl")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def task(kind: TaskKind) -> TaskSpec:
    return TaskSpec(name="t", kind=kind, data="t", metrics=(MetricUse(name="m"),))


def error_of(kind: TaskKind = "classification") -> str:
    with pytest.raises(EvalgateError) as caught:
        read_examples(FILE, task(kind), SCHEMA if kind == "extraction" else None)
    assert caught.value.exit_code == ExitCode.ERROR
    return str(caught.value)


def with_line(line: int, text: str) -> None:
    """Four good rows, one of which is replaced."""
    write_rows(FILE, rows_of("route", "heldout"))
    lines = FILE.read_text().splitlines()
    lines[line - 1] = text
    FILE.write_text("\n".join(lines) + "\n")


def test_good_rows_keep_their_order() -> None:
    write_rows(FILE, rows_of("route", "heldout"))
    examples = read_examples(FILE, task("classification"))
    assert [e.id for e in examples] == [f"route-heldout-{i}" for i in range(4)]
    assert examples[3].label == "order"
    assert examples[3].cluster == "c1"


def test_bom_windows_line_ends_and_trailing_blank_lines_are_no_fault() -> None:
    write_rows(FILE, rows_of("route", "heldout"))
    plain = read_examples(FILE, task("classification"))
    FILE.write_bytes(b"\xef\xbb\xbf" + FILE.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert read_examples(FILE, task("classification")) == plain


def test_chat_inputs_become_messages() -> None:
    row = {"id": "a", "inputs": {"chat": [{"role": "user", "content": "hi"}]}}
    write_rows(FILE, [row])
    (example,) = read_examples(FILE, task("generation"))
    assert example.inputs["chat"][0].content == "hi"  # type: ignore[union-attr]


def test_not_json_whole_text() -> None:
    with_line(3, '{"id": "route-heldout-2", "inputs": {"text": }')
    assert error_of() == (
        "error[not-json]: line 3 is not JSON: invalid character (byte 45)\n"
        "  at: heldout.jsonl:3 (id 'route-heldout-2')\n"
        "\n"
        "hint: correct line 3: each line is one JSON object"
    )


def test_missing_field_whole_text() -> None:
    with_line(2, '{"id": "x", "label": "refund"}')
    assert error_of() == (
        "error[missing-field]: the field 'inputs' is missing\n"
        "  at: heldout.jsonl:2 (id 'x')\n"
        "\n"
        "hint: give line 2 its 'inputs'"
    )


def test_unknown_field_whole_text() -> None:
    with_line(2, '{"id": "x", "inputs": {"text": "a"}, "lable": "refund"}')
    assert error_of() == (
        "error[unknown-field]: unknown field 'lable'; did you mean 'label'?\n"
        "  at: heldout.jsonl:2 (id 'x')\n"
        "\n"
        "hint: rename or delete it; a row may have: id, inputs, references, label, cluster, tags"
    )


def test_duplicate_id_whole_text() -> None:
    with_line(4, '{"id": "route-heldout-0", "inputs": {"text": "a"}, "label": "refund"}')
    assert error_of() == (
        "error[duplicate-id]: the id 'route-heldout-0' stands twice, first on line 1\n"
        "  at: heldout.jsonl:4 (id 'route-heldout-0')\n"
        "\n"
        "hint: give each row an id of its own, or delete the copy"
    )


def test_empty_split_whole_text() -> None:
    FILE.write_text(" \n\n")
    assert error_of() == (
        "error[empty-split]: heldout.jsonl of task 't' has no rows\n"
        "  at: heldout.jsonl\n"
        "\n"
        "hint: add examples (one JSON object a line), or take the split out of `splits` in suite.yaml"
    )


def test_no_such_file_whole_text() -> None:
    assert error_of() == (
        "error[no-such-file]: a file of task 't' is not there\n"
        "  at: heldout.jsonl\n"
        "\n"
        "hint: restore it with `git checkout heldout.jsonl`, or correct the path or `splits` in suite.yaml"
    )


def test_not_utf8_whole_text() -> None:
    FILE.write_bytes(b'{"id": "a", "inputs": {"text": "caf\xe9"}, "label": "x"}\n')
    assert error_of() == (
        "error[not-utf8]: line 1 is not UTF-8 text (byte 36 of the line)\n"
        "  at: heldout.jsonl:1 (id 'a')\n"
        "\n"
        "hint: save the file as UTF-8"
    )


def test_label_mismatch_whole_text() -> None:
    with_line(1, '{"id": "a", "inputs": {"text": "x"}, "label": "refund", "references": ["order"]}')
    assert error_of() == (
        "error[label-mismatch]: the label 'refund' and the references ['order'] disagree\n"
        "  at: heldout.jsonl:1 (id 'a')\n"
        "\n"
        "hint: make them equal, or leave out 'references'"
    )


def test_missing_reference_whole_text() -> None:
    with_line(1, '{"id": "a", "inputs": {"text": "x"}, "references": ["  "]}')
    assert error_of("qa") == (
        "error[missing-reference]: reference 1 is empty: an empty answer would be right\n"
        "  at: heldout.jsonl:1 (id 'a')\n"
        "\n"
        "hint: give line 1 a text in 'references', or delete the row"
    )


def test_bad_reference_whole_text() -> None:
    write_rows(FILE, [{"id": "a", "inputs": {"text": "x"}, "references": ['{"order": 1}']}])
    assert error_of("extraction") == (
        'error[bad-reference]: the reference does not fit the schema: $.order: 1 is not of type "string"\n'
        "  at: heldout.jsonl:1 (id 'a')\n"
        "\n"
        "hint: correct 'references' on line 1, or the schema"
    )


@pytest.mark.parametrize(
    ("references", "text"),
    [
        ("[]", "[missing-reference]: a qa row needs a reference, this one has none|give line 1 a text in "
        "'references', or delete the row"),
        ('["x", ""]', "[missing-reference]: reference 2 is empty: an empty answer would be right|give line 1 a text in "
        "'references', or delete the row"),
        ("null", "[wrong-type]: Expected 'array', got 'null' - at '$.references'|correct that field on line 1"),
        ("[null]", "[wrong-type]: Expected 'str', got 'null' - at '$.references[0]'|correct that field on line 1"),
    ],
)  # fmt: skip
def test_wrong_references_whole_text(references: str, text: str) -> None:
    FILE.write_text('{"id": "a", "inputs": {"text": "x"}, "references": ' + references + "}\n")
    what, fix = text.split("|")
    assert error_of("qa") == f"error{what}\n  at: heldout.jsonl:1 (id 'a')\n\nhint: {fix}"


@pytest.mark.parametrize(
    ("metric", "code", "what", "fix"),
    [
        ("rouge_l", "missing-reference", "the metric rouge_l needs a reference, this row has none",
         "a text in 'references', or delete the row"),
        ("accuracy", "missing-field", "the metric accuracy needs a 'label', this row has none", "its 'label'"),
    ],
)  # fmt: skip
def test_a_metric_needs_what_a_kind_of_task_does_not(metric: str, code: str, what: str, fix: str) -> None:
    write_rows(FILE, rows_of("redteam", "heldout"))
    spec = TaskSpec(name="t", kind="generation", data="t", metrics=(MetricUse(name=metric),))
    with pytest.raises(EvalgateError) as caught:
        read_examples(FILE, spec)
    place = "heldout.jsonl:1 (id 'redteam-heldout-0')"
    assert str(caught.value) == f"error[{code}]: {what}\n  at: {place}\n\nhint: give line 1 {fix}"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ('{"id": "a", "inputs": {"text": "x"}, "label": NaN}', "line 2 is not JSON: invalid character (byte 46)"),
        ('{"id": "a", "inputs": {"text": "x"}, "label": Infinity}', "line 2 is not JSON: invalid character (byte 46)"),
        (
            '{"id": "a", "inputs": {"text": "\\ud800"}, "label": "b"}',
            "line 2 is not JSON: unexpected end of escaped utf-16 surrogate pair (byte 38)",
        ),
        ("", "line 2 is empty"),
    ],
)
def test_numbers_and_text_that_json_does_not_have_whole_text(row: str, what: str) -> None:
    with_line(2, row)
    at = "heldout.jsonl:2 (id 'a')" if row else "heldout.jsonl:2"
    assert error_of() == f"error[not-json]: {what}\n  at: {at}\n\nhint: correct line 2: each line is one JSON object"


def test_a_byte_order_mark_within_the_file_whole_text() -> None:
    with_line(2, '\ufeff{"id": "a", "inputs": {"text": "x"}, "label": "b"}')
    assert error_of() == (
        "error[not-json]: line 2 begins with a byte order mark, as where two files were joined\n"
        "  at: heldout.jsonl:2 (id 'a')\n"
        "\n"
        "hint: delete those three bytes"
    )


def test_a_surrogate_as_raw_bytes_is_not_utf8() -> None:
    FILE.write_bytes(b'{"id": "a", "inputs": {"text": "\xed\xa0\x80"}, "label": "x"}\n')
    assert error_of().startswith("error[not-utf8]: line 1 is not UTF-8 text (byte 33 of the line)\n")


def test_a_line_of_50_mb_is_refused_in_bounded_memory() -> None:
    write_rows(FILE, rows_of("route", "heldout"))
    with FILE.open("ab") as file:
        file.truncate(file.tell() + 50_000_000)  # a hole in the file: one line without an end
    tracemalloc.start()
    text = error_of()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert text == (
        "error[line-too-long]: line 5 is longer than 10 MB: no system could be asked it\n"
        "  at: heldout.jsonl:5\n"
        "\n"
        "hint: end each row with a line break (one JSON object a line), or shorten the row"
    )
    assert peak < 25e6


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ('{\n"type": "object",\n"minimum": NaN}', "the JSON schema is not a JSON object: JSON is malformed", 3),
        ('{\n"type": "object",\n"properties": {\n"a": {"type": "objekt"}}}', "this is not a JSON schema: ", 4),
        ('{\n"properties": {"a": {\n"pattern": "("}}}', "this is not a JSON schema: ", 3),
    ],
)
def test_a_schema_is_wrong_by_line(text: str, what: str, line: int) -> None:
    FILE.write_text(text)
    with pytest.raises(EvalgateError) as caught:
        read_schema(FILE)
    assert caught.value.what.startswith(what)
    assert (caught.value.code, caught.value.where) == ("bad-schema", f"heldout.jsonl:{line}")


def test_a_schema_that_refers_to_nothing() -> None:
    write_rows(FILE, [{"id": "a", "inputs": {"text": "x"}, "references": ['{"order": "1"}']}])
    with pytest.raises(EvalgateError, match="the schema cannot be used") as caught:
        read_examples(FILE, task("extraction"), {"properties": {"order": {"$ref": "#/$defs/none"}}})
    assert caught.value.code == "bad-schema"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[1, 2]", "not-json"),
        ("", "not-json"),
        ('{"id": "a", "inputs": {"text": "x"}}', "missing-field"),
        ('{"id": "", "inputs": {"text": "x"}, "label": "b"}', "missing-field"),
        ('{"id": "a", "inputs": {}, "label": "b"}', "missing-field"),
        ('{"id": 3, "inputs": {"text": "x"}, "label": "b"}', "wrong-type"),
        ('{"id": "a", "inputs": {"text": 7}, "label": "b"}', "wrong-type"),
        ('{"id": "a", "inputs": {"text": "x"}, "label": NaN}', "not-json"),
        ('{"id": "a", "inputs": {"text": "\\ud800"}, "label": "b"}', "not-json"),
    ],
)
def test_other_faults_name_line_two(text: str, code: str) -> None:
    with_line(2, text)
    found = error_of()
    assert found.startswith(f"error[{code}]: ")
    assert "heldout.jsonl:2" in found


def test_an_extraction_reference_that_is_no_json() -> None:
    write_rows(FILE, [{"id": "a", "inputs": {"text": "x"}, "references": ["order A1"]}])
    assert "error[bad-reference]: the reference is not JSON" in error_of("extraction")


def test_generation_needs_no_reference() -> None:
    write_rows(FILE, rows_of("redteam", "heldout"))
    assert len(read_examples(FILE, task("generation"))) == 4


def test_passages() -> None:
    write_rows(FILE, [{"id": "p", "title": "T", "text": "x"}])
    assert read_passages(FILE, task("qa"))[0].title == "T"
    write_rows(FILE, [{"id": "p", "titel": "T", "text": "x"}])
    with pytest.raises(EvalgateError, match="unknown field 'titel'; did you mean 'title'"):
        read_passages(FILE, task("qa"))


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"type": "objekt"})])
def test_bad_schema(text: str) -> None:
    FILE.write_text(text)
    with pytest.raises(EvalgateError) as caught:
        read_schema(FILE)
    assert caught.value.code == "bad-schema"


@pytest.mark.parametrize("metric", ["field_precision", "field_recall", "field_f1", "exact_object"])
@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("order A1", "the reference is not JSON: JSON is malformed"),
        ('{"order": "A1", "order": "A2"}', "the reference is JSON that no answer may be: duplicate-key"),
        ("[" * 600 + "]" * 600, "the reference is JSON that no answer may be: too-deep"),
        ('{"order": 1}', "the reference does not fit the schema: $.order"),
    ],
)
def test_a_metric_of_fields_needs_references_that_it_can_read(metric: str, reference: str, what: str) -> None:
    write_rows(FILE, [{"id": "a", "inputs": {"text": "x"}, "references": [reference]}])
    spec = TaskSpec(name="t", kind="qa", data="t", metrics=(MetricUse(name=metric),))
    with pytest.raises(EvalgateError, match=re.escape(what)) as caught:
        read_examples(FILE, spec, {"properties": {"order": {"type": "string"}}})
    assert (caught.value.code, caught.value.where) == ("bad-reference", "heldout.jsonl:1 (id 'a')")


@pytest.mark.parametrize("metric", sorted(LABEL_METRICS))
def test_a_metric_of_labels_needs_a_label_in_every_row(metric: str) -> None:
    write_rows(FILE, [{"id": "a", "inputs": {"text": "x"}, "label": None}])
    spec = TaskSpec(name="t", kind="generation", data="t", metrics=(MetricUse(name=metric),))
    with pytest.raises(EvalgateError, match=f"the metric {metric} needs a 'label', this row has none"):
        read_examples(FILE, spec)


def test_a_schema_that_leads_outside_is_refused_at_its_line() -> None:
    FILE.write_text('{\n"properties": {\n"a": {"$ref": "https://example.org/a.json"}}}')
    with pytest.raises(EvalgateError) as caught:
        read_schema(FILE)
    assert str(caught.value) == (
        "error[bad-schema]: this is not a JSON schema: $.properties.a.$ref: the reference 'https://example.org/a.json' "
        "leads outside the schema, and nothing is fetched\n"
        "  at: heldout.jsonl:3\n\n"
        "hint: correct the file"
    )
