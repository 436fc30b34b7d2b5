"""Structured output: JSON by schema and by field, YAML, XML, patterns, Markdown, and hostile output of every kind."""

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from evalgate import plugins
from evalgate.core.data import Example, MetricUse, Task, TaskSpec
from evalgate.core.errors import UsageError
from evalgate.core.results import Failure, Prediction, Score
from evalgate.core.schemas import SchemaError, Validator
from evalgate.core.strict_json import parse, without_fence
from evalgate.metrics.documents import parse_yaml, xml_failure

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "s": {"type": "string", "pattern": "^(x+)+$"}},
    "required": ["a"],
    "additionalProperties": False,
}
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def ask(name: str, output: str, *references: str, schema: dict[str, object] | None = None, **options: Any) -> Score:
    uses = (MetricUse(name=name, options=options),)
    task = Task(spec=TaskSpec(name="t", kind="qa", data="t", metrics=uses), splits={}, schema=schema)
    prediction = Prediction(example_id="e", system="s", task="t", output=output)
    example = Example(id="e", inputs={}, references=references)
    return plugins.metric(uses[0], task.spec).score(example, prediction, task)


def told(name: str, output: str, *references: str, **fields: Any) -> tuple[float, str | None]:
    row = ask(name, output, *references, **fields)
    return row.parts[0], row.detail


@pytest.mark.parametrize(
    ("output", "strict", "unfenced"),
    [
        ('{"a": 1}', None, None),
        ('```json\n{"a": 1}\n```', "fence", None),
        ('```\n{"a": 1}\n```\n', "fence", None),
        ('```json\n{"a": "1"}\n```', "fence", "wrong-type"),
        ('```json\n{"a": 1}', "fence", "fence"),
        ('```json\n{"a": 1}\n```\n```json\n{"a": 1}\n```', "fence", "fence"),
        ('Sure:\n```json\n{"a": 1}\n```', "prose-around", "prose-around"),
        ('{"a": 1, "a": 2}', "duplicate-key", "duplicate-key"),
        ('{"a": ' + "9" * 5_000 + "}", "huge-number", "huge-number"),
        ('{"a": 1, "b": {"c', "truncated", "truncated"),
        ('[1, 2, "', "truncated", "truncated"),
        ('{"a": 1} {"a": 1}', "not-json", "not-json"),
        ('{"a": Infinity}', "not-json", "not-json"),
        ('{"a": 1, "s": "\\ud800"}', "lone-surrogate", "lone-surrogate"),
        ('{"a": 1, "s": "' + "x" * 5_000 + '!"}', "pattern", "pattern"),
        ("[" * 501 + "]" * 501, "too-deep", "too-deep"),
        ('{"a": 1, "s": "' + "[" * 600 + '"}', "pattern", "pattern"),
    ],
)
def test_strict_and_unfenced_rates_stand_side_by_side(output: str, strict: str | None, unfenced: str | None) -> None:
    assert told("json_valid", output, schema=SCHEMA) == (float(strict is None), strict)
    assert told("json_valid_unfenced", output, schema=SCHEMA) == (float(unfenced is None), unfenced)


@pytest.mark.parametrize(
    ("output", "reference", "precision", "recall", "exact"),
    [
        ('{"a": 1, "b": "x"}', '{"a": 1, "b": "x"}', 1.0, 1.0, None),
        ('{"a": 1}', '{"a": 1, "b": "x"}', 1.0, 0.5, "missing-key"),
        ('{"a": 1, "b": "x"}', '{"a": 1}', 0.5, 1.0, "extra-key"),
        ('{"a": 2}', '{"a": 1}', 0.0, 0.0, "wrong-value"),
        ('{"a": "1"}', '{"a": 1}', 0.0, 0.0, "wrong-type"),
        ("{}", '{"a": 1}', 0.0, 0.0, "missing-key"),
        ("{}", "{}", 1.0, 1.0, None),
        ("no", '{"a": 1}', 0.0, 0.0, "not-json"),
    ],
)
def test_fields_by_precision_and_recall(
    output: str, reference: str, precision: float, recall: float, exact: str | None
) -> None:
    assert ask("field_precision", output, reference).parts == (precision,)
    assert ask("field_recall", output, reference).parts == (recall,)
    assert told("exact_object", output, reference) == (float(exact is None), exact)


flat = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([1, 2, "1", True, None]), max_size=6)


@settings(max_examples=60, deadline=None)
@given(flat, flat)
def test_field_numbers_equal_sklearns_over_the_fields(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    fields = sorted({(k, repr(v)) for d in (found, wanted) for k, v in d.items()})
    sides = [[int(field in {(k, repr(v)) for k, v in d.items()}) for field in fields] for d in (wanted, found)]
    names = ("field_precision", "field_recall", "field_f1")
    numbers = [ask(n, json.dumps(found), json.dumps(wanted)).parts[0] for n in names]
    if not fields:
        assert numbers == [1.0, 1.0, 1.0]
    else:
        oracle = precision_recall_fscore_support(*sides, average="binary", zero_division=0)
        assert numbers == pytest.approx(oracle[:3], abs=1e-12)


def test_a_fence_may_be_stripped_for_fields_and_the_signature_says_so() -> None:
    fenced = '```json\n{"a": 1}\n```'
    assert told("field_f1", fenced, '{"a": 1}') == (0.0, "fence")
    assert told("field_f1", fenced, '{"a": 1}', fence="strip") == (1.0, None)
    metric = plugins.metric(MetricUse(name="field_f1", options={"fence": "strip"}))
    assert metric.spec.signature == "typed|fence:stripped|v1"
    assert plugins.metric(MetricUse(name="field_f1")).spec.signature == "typed|strict|v1"
    assert plugins.metric(MetricUse(name="exact_object")).spec.signature == "strict|v1"


def test_the_schema_says_its_draft() -> None:
    tuple_7: dict[str, object] = {"$schema": DRAFT_7, "items": [{"type": "integer"}]}
    assert told("json_valid", '["x"]', schema=tuple_7) == (0.0, "wrong-type")
    assert told("json_valid", '["x"]', schema={"prefixItems": [{"type": "integer"}]}) == (0.0, "wrong-type")
    assert told("json_valid", '["x"]', schema={**tuple_7, "items": True, "prefixItems": [False]}) == (1.0, None)


@pytest.mark.parametrize(
    ("schema", "what", "path"),
    [
        ({"items": {"$ref": "https://example.org/a.json"}}, "https://example.org/a.json", ("items", "$ref")),
        ({"$ref": "file:///etc/passwd"}, "file:///etc/passwd", ("$ref",)),
        ({"items": [{"$ref": "other.json#/a"}], "$schema": DRAFT_7}, "other.json#/a", ("items", 0, "$ref")),
    ],
)  # fmt: skip
def test_a_schema_fetches_nothing(schema: dict[str, object], what: str, path: tuple[str | int, ...]) -> None:
    with pytest.raises(SchemaError) as caught:
        Validator(schema)
    assert str(caught.value) == f"the reference '{what}' leads outside the schema, and nothing is fetched"
    assert caught.value.path == path


def test_a_dialect_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SchemaError, match="x' is none of the drafts draft-04, draft-06, draft-07, 2019-09, 2020-12"):
        Validator({"$schema": "https://example.org/x"})


def seconds(name: str, output: str, *references: str, **fields: Any) -> float:
    start = time.perf_counter()
    row = ask(name, output, *references, **fields)
    assert row.status == "unscored" or all(0 <= part <= 1 for part in row.parts)
    return time.perf_counter() - start


TEN_MB = {
    "numbers": "[" + "1," * 5_000_000 + "1]",
    "brackets": "[" * 5_000_000 + "]" * 5_000_000,
    "braces": '{"a":' * 2_000_000,
    "objects": json.dumps({"a": [{"id": i, "t": "x" * 20} for i in range(200_000)]}),
    "text": '{"a": "' + "x" * 10_000_000 + '"}',
    "digits": "9" * 10_000_000,
    "fences": "```\n" * 2_500_000,
    "quotes": '"' * 10_000_000,
    "backslashes": '{"' + "\\" * 10_000_000,
    "headings": "# a\n" * 2_500_000,
    "lists": "- " * 5_000_000,
    "aliases": "a: &a [x]\n" + "b: *a\n" * 1_600_000,
    "elements": "<a>" * 3_300_000,
    "surrogates": "\ud800" * 10_000_000,
    "spaces": " " * 10_000_000,
}
STRUCTURED: dict[str, dict[str, Any]] = {
    "json_valid": {}, "json_valid_unfenced": {}, "field_precision": {}, "field_recall": {}, "field_f1": {},
    "exact_object": {}, "yaml_valid": {}, "xml_valid": {}, "regex_match": {"pattern": "(a|aa)+b"},
    "markdown_structure": {"sections": ["# a"]}, "refusal_rate": {}, "over_refusal_rate": {},
}  # fmt: skip


# Every metric with a fifth of the kinds, every kind with a fifth of the metrics: all pairs take minutes.
PAIRS = [(n, k) for i, n in enumerate(sorted(STRUCTURED)) for j, k in enumerate(sorted(TEN_MB)) if (i + j) % 5 == 0]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_ten_megabytes_take_no_longer_than_seconds(name: str, kind: str) -> None:
    assert seconds(name, TEN_MB[kind], '{"a": 1}', schema=SCHEMA, **STRUCTURED[name]) < 8


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_the_longest_output_that_is_read_takes_no_longer_than_seconds(name: str, kind: str) -> None:
    assert seconds(name, TEN_MB[kind][:99_999], '{"a": 1}', schema=SCHEMA, **STRUCTURED[name]) < 8


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(TEN_MB))
def test_ten_megabytes_are_read_when_a_suite_asks_for_it(kind: str) -> None:
    schema: dict[str, object] = {"anyOf": [{"items": {"type": "string"}}, {"properties": {"a": {"uniqueItems": True}}}]}
    for rule in (SCHEMA, schema):
        assert seconds("json_valid", TEN_MB[kind], schema=rule, max_chars=20_000_000) < 20


def test_a_long_object_is_read_in_time_proportional_to_its_length() -> None:
    output = json.dumps({str(i): i for i in range(8_000)})
    assert seconds("field_f1", output, output) < 2


texts = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(), max_size=20),  # surrogates, too
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=20,
    ).map(json.dumps),
    st.text(st.sampled_from('{}[]":,\\`\n#-* |&*!<>/a1'), max_size=60),
    st.sampled_from(
        ["{" * 3_000, "```json\n{}\n```", "\ud800", "a: &a [*a]", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"]
    ),
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(texts)
def test_no_output_of_many_stops_a_metric(output: str) -> None:
    stops_nothing(output)


@settings(max_examples=15, deadline=None)
@given(texts)
def test_no_output_stops_a_metric(output: str) -> None:
    stops_nothing(output)


def stops_nothing(output: str) -> None:
    for name, options in STRUCTURED.items():
        row = ask(name, output, '{"a": 1}', schema=SCHEMA, **options)
        assert row.status == "scored" and len(row.parts) == 1 and 0 <= row.parts[0] <= 1


@settings(max_examples=100, deadline=None)
@given(texts)
@example("0\x1f")  # a space to str.strip, none to JSON
def test_strict_json_is_what_python_reads_and_less(output: str) -> None:
    value, word = parse(output)
    if word is None:
        assert json.loads(output.strip()) == value  # spaces of any kind around it do not count
        assert parse(f"```json\n{output}\n```")[1] == "fence"
        assert json.loads(without_fence(f"```json\n{output}\n```").strip()) == value


@pytest.mark.parametrize(
    ("output", "value", "word"),
    [
        ("a: 1\nb: [x, 2020-01-02]", {"a": 1, "b": ["x", "2020-01-02"]}, None),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}, None),
        ("- yes\n- null\n- 1.5", [True, None, 1.5], None),
        ("", None, "empty"),
        ("a: 1\na: 2", None, "duplicate-key"),
        ("a: !!python/object:os.system x", None, "tag"),
        ("a: !own x", None, "tag"),
        ("1: x", None, "key-not-text"),
        ("a: &a {b: 1}\nc: {<<: *a}", None, "key-not-text"),
        ("a: &a [*a]", None, "alias-bomb"),
        ("a: [", None, "not-yaml"),
        ("a: 1\n---\nb: 2", None, "not-yaml"),
        ("a: .nan", None, "not-finite"),
        ("[" * 20_000, None, "too-deep"),
        ("x" * 100_001, None, "too-long"),
        ("\x00", None, "not-yaml"),
        ("a: \ud800", None, "not-yaml"),
        ("a: " + "9" * 5_000, None, "not-yaml"),
    ],
)
def test_yaml_is_read_in_the_terms_of_json(output: str, value: Any, word: str | None) -> None:
    assert parse_yaml(output) == (value, word)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3_000))
    start = time.perf_counter()
    assert parse_yaml("\n".join(lines)) == (None, "alias-bomb")
    assert parse_yaml(chain)[1] in ("alias-bomb", "too-deep")
    assert time.perf_counter() - start < 5


def test_yaml_keeps_the_schema() -> None:
    assert told("yaml_valid", "a: 1", schema=SCHEMA) == (1.0, None)
    assert told("yaml_valid", "a: one", schema=SCHEMA) == (0.0, "wrong-type")
    assert told("yaml_valid", "```yaml\na: 1\n```", schema=SCHEMA, fence="strip") == (1.0, None)


BOMB = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>'


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ("<a><b c='d'/>text</a>", None),
        ("<?xml version='1.0'?>\n<a/>", None),
        (BOMB, "doctype"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "doctype"),
        ("<a>&b;</a>", "not-xml"),
        ("<a><b></a>", "not-xml"),
        ("<a/> Anything else?", "not-xml"),
        ("<a><b", "truncated"),
        ("<a", "not-xml"),
        ("<a><b>", "truncated"),
        ("", "not-xml"),
        ("<a>\x00</a>", "not-xml"),
        ("<a>\ud800</a>", "lone-surrogate"),
    ],
)
def test_xml_is_well_formed_without_entities_of_its_own(output: str, word: str | None) -> None:
    assert xml_failure(output) == word


def test_xml_has_its_root() -> None:
    assert told("xml_valid", "<a/>", root="a") == (1.0, None)
    assert told("xml_valid", "<b/>", root="a") == (0.0, "wrong-root")


def test_patterns_match_the_whole_output_unless_told() -> None:
    assert told("regex_match", " BM-12\n", pattern=r"BM-\d+") == (1.0, None)
    assert told("regex_match", "order BM-12", pattern=r"BM-\d+") == (0.0, "no-match")
    assert told("regex_match", "order BM-12", pattern=r"BM-\d+", whole=False) == (1.0, None)


def test_a_pattern_that_takes_too_long_leaves_the_answer_unscored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalgate.metrics.structure.TIMEOUT_S", 0.05)
    row = ask("regex_match", "a" * 5_000, pattern="(a|aa)+$x")
    assert row.failure == Failure(code="answer-timeout", message="matching the pattern took longer than 0.05 s")


PAGE = "# Summary\n\ntext\n\n## Next *steps*\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```json\n{}\n```\n"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"sections": ["# Summary", "## Next steps"]}, None),
        ({"sections": ["## Next steps", "# Summary"]}, "missing-section"),
        ({"sections": ["## Summary"]}, "missing-section"),
        ({"sections": ["# Summary"], "only": True}, "extra-section"),
        ({"list_items": 2, "table": True, "code": "json"}, None),
        ({"list_items": 3}, "too-few-items"),
        ({"code": "python"}, "no-code"),
    ],
)
def test_markdown_has_the_parts_that_were_asked_for(options: dict[str, Any], word: str | None) -> None:
    assert told("markdown_structure", PAGE, **options) == (float(word is None), word)


def test_markdown_in_a_code_block_is_no_part() -> None:
    assert told("markdown_structure", "```\n# Summary\n```", sections=["# Summary"]) == (0.0, "missing-section")
    assert told("markdown_structure", "text", table=True) == (0.0, "no-table")


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("regex_match", {"pattern": "("}, "the option 'pattern' of the metric regex_match is no regex: missing )"),
        ("markdown_structure", {}, "the metric markdown_structure asks for nothing"),
        ("markdown_structure", {"sections": ["a"]}, "the section 'a' of the metric markdown_structure is no heading"),
        ("markdown_structure", {"sections": "a"}, "the option 'sections' of the metric markdown_structure is 'a', not"),
        ("field_f1", {"fence": "maybe"}, "the option 'fence' of the metric field_f1 is 'maybe'"),
        ("regex_match", {"pattern": "a", "whole": "no"}, "the option 'whole' of the metric regex_match is 'no'"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused(name: str, options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError) as caught:
        plugins.metric(MetricUse(name=name, options=options))
    assert caught.value.what.startswith(what)
    assert caught.value.code == "bad-metric-option"
