"""What users write: read whole, refused with every problem at its line."""

from pathlib import Path

import pytest
from small_suite import write_suite

from evalgate.config import load_project, load_recipes, load_suite_spec, load_systems
from evalgate.core.data import EarlyStop, MetricUse
from evalgate.core.errors import EvalgateError, ExitCode, UsageError
from evalgate.core.prompts import LabelRule
from evalgate.core.record import canonical_json

METRICS = ["rouge_l", "rouge_1", "accuracy", "macro_f1", "field_f1", "json_valid", "exact_match", "refusal_rate"]


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_suite(tmp_path)
    monkeypatch.chdir(tmp_path)  # short, stable paths in error texts
    return Path("suites/desk")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, (old, text)
    path.write_text(text.replace(old, new))


def error_of(suite: Path, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        edit(suite / "suite.yaml", old, new)
    with pytest.raises(UsageError) as caught:
        load_suite_spec(suite, METRICS)
    assert (caught.value.code, caught.value.exit_code) == ("bad-config", ExitCode.USAGE)
    return str(caught.value)


def test_a_whole_suite_becomes_records(suite: Path) -> None:
    spec = load_suite_spec(suite, METRICS)
    assert [task.name for task in spec.tasks] == ["summarize", "route", "extract", "policy_qa", "redteam"]
    assert spec.tasks[0].metrics[1] == MetricUse(name="rouge_1", options={"stemmer": True})
    assert spec.tasks[2].output_schema == "extract/schema.json"
    assert spec.tasks[4].splits == ("dev", "heldout")
    assert spec.tasks[0].data == "summarize"
    assert spec.model.id == "models/tiny", "a folder is seen from the yaml's place"
    assert spec.gates[3].limit == 1.1
    assert spec.capability is not None
    assert spec.capability.tasks == ("desk_facts",)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("org/model-7b", "org/model-7b"),
        ("/nowhere/model", "/nowhere/model"),
        ("../gone", "{here}/suites/gone"),
    ],
)
def test_model_id(suite: Path, written: str, found: str) -> None:
    edit(suite / "suite.yaml", "../../models/tiny", written)
    assert load_suite_spec(suite).model.id == found.format(here=Path.cwd())


def test_unknown_key_whole_text(suite: Path) -> None:
    assert error_of(suite, ("seed: 7", "sede: 7")) == (
        "error[bad-config]: sede: unknown key; did you mean 'seed'?\n"
        "  at: suites/desk/suite.yaml:6\n"
        "\n"
        "hint: correct this, then check with `evalgate validate SUITE`"
    )


def test_the_early_stop_is_read_and_its_words_are_checked(suite: Path) -> None:
    assert load_suite_spec(suite, METRICS).early_stop is None
    edit(suite / "suite.yaml", "latency: {n_pairs: 20}", "latency: {n_pairs: 20}\nearly_stop: {}")
    assert load_suite_spec(suite, METRICS).early_stop == EarlyStop(futility=True, after_failure="skip")
    assert error_of(suite, ("early_stop: {}", "early_stop: {futile: true, after_failure: skipp}")) == (
        "error[bad-config]: 2 problems in the configuration:\n"
        "  suites/desk/suite.yaml:15: early_stop.after_failure: 'skipp' is not allowed; did you mean 'skip'?\n"
        "  suites/desk/suite.yaml:15: early_stop.futile: unknown key; did you mean 'futility'?\n"
        "\n"
        "hint: correct this, then check with `evalgate validate SUITE`"
    )


def test_all_problems_at_once(suite: Path) -> None:
    text = error_of(
        suite,
        ("metrics: [accuracy, macro_f1]", "metric: [accuracy, macro_f1]"),
        ("n_pairs: 20", "n_pair: 20"),
        ("rule: at_least", "rule: at_leest"),
        ("version: 1", "version: zero"),
    )
    assert text == (
        "error[bad-config]: 5 problems in the configuration:\n"
        "  suites/desk/suite.yaml:2: version: input should be a valid integer, unable to parse string as an integer, "
        "found 'zero'\n"
        "  suites/desk/suite.yaml:9: tasks.route.metrics: this key is missing\n"
        "  suites/desk/suite.yaml:9: tasks.route.metric: unknown key; did you mean 'metrics'?\n"
        "  suites/desk/suite.yaml:14: latency.n_pair: unknown key; did you mean 'n_pairs'?\n"
        "  suites/desk/suite.yaml:18: gates[2].rule: 'at_leest' is not allowed; did you mean 'at_least'?\n"
        "\n"
        "hint: correct this, then check with `evalgate validate SUITE`"
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "summarize.rouge_l",
            "sumarize.rouge_l",
            "16: gates[0].metric: there is no task 'sumarize'; did you mean 'summarize'?",
        ),
        (
            "summarize.rouge_l",
            "summarize.rouge",
            "16: gates[0].metric: 'summarize' has no metric 'rouge'; did you mean 'rouge_l'?",
        ),
        ("latency.p95", "latency.q95", "19: gates[3].metric: 'latency' has no metric 'q95'; did you mean 'p95'?"),
        (
            "[exact_match]",
            "[exact_mach]",
            "11: tasks.policy_qa.metrics[0]: there is no metric 'exact_mach'; did you mean 'exact_match'?",
        ),
        (", min_gain: 0.02", "", "16: gates[0].min_gain: gate 'summaries' needs `min_gain`"),
        (", limit: 0.9", "", "18: gates[2].limit: gate 'json' needs `limit`"),
        (", limit: 0.9", ", limit: 90", "18: gates[2].limit: 90 is not a fraction"),
        (", limit: 0.9", ", limit: 0.9, margin: 0.1", "18: gates[2].margin: rule at_least does not use `margin`"),
        (", limit: 1.1", "", "19: gates[3].limit: gate 'latency' needs `limit`"),
        (
            "capability.accuracy, rule: not_worse_than_baseline, margin: 0.05",
            "capability.accuracy, rule: not_worse_than_baseline",
            "17: gates[1].margin: gate 'capability' needs `margin`",
        ),
        (", limit: 0.9", ", limit: 0.9, subjects: clusters", "18: gates[2].subjects: only a gate that compares"),
        ("latency: {n_pairs: 20}\n", "", "18: gates[3].metric: the suite has no `latency:` section"),
        ("name: json,", "name: latency,", "18: gates[2].name: 2 gates are called 'latency'"),
        ("schema: extract/schema.json, ", "", "10: tasks.extract: an extraction task needs `schema`"),
        (
            "corpus/passages.jsonl",
            "corpus/passage.jsonl",
            "11: tasks.policy_qa.corpus: there is no 'suites/desk/corpus/passage.jsonl'",
        ),
        ("[dev, heldout]", "[dev]", "12: tasks.redteam.splits: a task needs a heldout split"),
        ("seed: 7", "seed: 7\nseed: 8", "7: the key 'seed' stands twice (first on line 6)"),
        ("seed: 7", "seed: 7: 8", "6: this is not YAML: mapping values are not allowed here"),
        ("kind: qa", "kind: [qa]", "11: tasks.policy_qa.kind: '['qa']' is not allowed"),
        ("name: desk", "name: a/b", "1: name: 'a/b' is not a name"),
        ("  redteam:", "  latency:", "12: tasks.latency: 'latency' is a measurement of its own"),
        ("seed: 7", "seed: *x", "6: this is not YAML: found undefined alias 'x'"),
        ("seed: 7", "seed: &x [*x]", "6: this is not YAML: an anchor contains itself"),
        (
            "margin: 0.05}\n  - {name: json",
            "margin: .inf}\n  - {name: json",
            "17: gates[1].margin: input should be a finite number",
        ),
    ],
)
def test_each_problem_names_its_line(suite: Path, old: str, new: str, problem: str) -> None:
    text = error_of(suite, (old, new))
    line, _, rest = problem.partition(": ")
    assert rest in text
    assert f"suites/desk/suite.yaml:{line}" in text


def test_no_suite_whole_text(suite: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_suite_spec(Path("suites/desc"))
    assert str(caught.value) == (
        "error[not-a-suite]: there is no suite at 'suites/desc'\n"
        "  at: suites/desc\n"
        "\n"
        "hint: give a folder that holds a suite.yaml, e.g. `evalgate validate suites/support`"
    )


def test_not_utf8_or_not_a_mapping(suite: Path) -> None:
    (suite / "suite.yaml").write_bytes(b"name: \xff\n")
    assert "'suite.yaml' is not UTF-8 text (byte 6)" in error_of(suite)
    (suite / "suite.yaml").write_text("name: a\0b\n")
    assert "this is not YAML: unacceptable character #x0000" in error_of(suite)
    (suite / "suite.yaml").write_text("- a\n")
    assert "the file must hold a mapping" in error_of(suite)
    (suite / "suite.yaml").write_text("")
    assert "the file must hold a mapping" in error_of(suite)


def systems_error(suite: Path) -> str:
    spec = load_suite_spec(suite)
    with pytest.raises(UsageError) as caught:
        load_systems(Path("baselines/desk"), spec, {task.name: {"text"} for task in spec.tasks})
    return str(caught.value)


def test_systems_become_drafts(suite: Path) -> None:
    zero, rag = load_systems(Path("baselines/desk"), load_suite_spec(suite))
    assert (zero.name, zero.kind, rag.name, rag.kind) == ("zero_shot", "prompt", "rag", "rag")
    assert zero.prompts["route"].shots == 2
    assert zero.prompts["route"].template_path == "baselines/desk/zero-shot/text.j2"
    assert "{{ text }}" in zero.prompts["route"].template
    assert zero.prompts["summarize"].sampling.stop == ("\n",)
    assert rag.prompts["policy_qa"].retrieve == 3


def test_baselines_climb_the_ladder_whatever_their_files_are_called(suite: Path) -> None:
    folder = Path("baselines/desk")
    plain = (folder / "zero_shot.yaml").read_text().replace(", shots: 2", "")
    rag = (folder / "rag.yaml").read_text()
    (folder / "zero_shot.yaml").write_text(plain)
    (folder / "few_shot.yaml").write_text(plain.replace("max_tokens: 8", "max_tokens: 8, shots: 2"))
    (folder / "many_shot.yaml").write_text(plain.replace("max_tokens: 8", "max_tokens: 8, shots: 10"))
    (folder / "a_rag.yaml").write_text(
        rag.replace("name: rag\n", "").replace("retrieve: 3", "retrieve: 3, shots: [policy_qa-train-0]")
    )
    found = [system.name for system in load_systems(folder, load_suite_spec(suite))]
    assert found == ["zero_shot", "few_shot", "many_shot", "rag", "a_rag"]


def test_a_tuned_file_lends_prompts_but_does_not_compete(suite: Path) -> None:
    text = Path("baselines/desk/zero_shot.yaml").read_text()
    Path("baselines/desk/tuned.yaml").write_text(text.replace("kind: prompt", "kind: tuned"))
    assert [s.name for s in load_systems(Path("baselines/desk"), load_suite_spec(suite))] == ["zero_shot", "rag"]


def test_a_task_can_hold_all_its_systems_to_a_constraint(suite: Path) -> None:
    assert not load_suite_spec(suite).tasks[1].constraint
    edit(suite / "suite.yaml", "kind: classification,", "kind: classification, constraint: choices,")
    spec = load_suite_spec(suite)
    assert spec.tasks[1].constraint == "choices"
    constraints = {n: p.sampling.constraint for n, p in load_systems(Path("baselines/desk"), spec)[0].prompts.items()}
    assert (constraints["route"], constraints["summarize"]) == ("choices", "none")
    edit(Path("baselines/desk/zero_shot.yaml"), "shots: 2", "constraint: none")
    assert (
        "prompts.route.constraint: suite.yaml holds all systems of task 'route' to `choices`: delete this"
        in systems_error(suite)
    )


def test_a_task_can_only_be_held_to_what_it_has(suite: Path) -> None:
    text = error_of(suite, ("kind: classification,", "kind: classification, constraint: json_schema,"))
    assert text.startswith("error[bad-config]: tasks.route.constraint: task 'route' has no `schema` in suite.yaml\n")


def test_a_task_can_have_all_its_systems_answer_by_likelihood(suite: Path) -> None:
    plain = load_suite_spec(suite)
    assert not plain.tasks[1].answer_by
    assert b"answer_by" not in canonical_json(plain), "other suites keep their digests"
    edit(suite / "suite.yaml", "kind: classification,", "kind: classification, answer_by: likelihood,")
    spec = load_suite_spec(suite)
    [first, *_] = load_systems(Path("baselines/desk"), spec)
    assert {n: p.sampling.answer_by or "" for n, p in first.prompts.items()} == {
        n: "likelihood" if n == "route" else "" for n in first.prompts
    }
    edit(Path("baselines/desk/zero_shot.yaml"), "shots: 2", "temperature: 0.5, constraint: choices")
    text = systems_error(suite)
    why = "nothing is decoded where labels are compared: delete"
    assert f"prompts.route.temperature: {why} `temperature`" in text
    assert f"prompts.route.constraint: {why} `constraint: choices`" in text


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ("classification, answer_by: likelihod,", "tasks.route.answer_by: 'likelihod' is not allowed; did you mean"),
        (
            "qa, answer_by: likelihood,",
            "tasks.route.answer_by: only a classification task has labels to compare, not qa",
        ),
        (
            "classification, constraint: choices, answer_by: likelihood,",
            "tasks.route.answer_by: nothing is decoded where labels are compared: delete `constraint: choices`",
        ),
    ],
)
def test_only_labels_can_be_compared_by_likelihood(suite: Path, new: str, problem: str) -> None:
    assert problem in error_of(suite, ("kind: classification,", f"kind: {new}"))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("shots: 2", "shots: -2", "5: prompts.route.shots: must be a number of training examples"),
        ("shots: 2", "shots: [a, a]", "5: prompts.route.shots: must be a number of training examples"),
        ("max_tokens: 8", "max_token: 8", "5: prompts.route.max_token: unknown key; did you mean 'max_tokens'?"),
        ("  route:", "  rout:", "5: prompts.rout: there is no such task; did you mean 'route'?"),
        (
            "policy_qa: {template: zero-shot/text.j2",
            "policy_qa: {template: zero-shot/tex.j2",
            "7: there is no file 'baselines/desk/zero-shot/tex.j2'",
        ),
        ("shots: 2", "retrieve: 2", "5: prompts.route.retrieve: task 'route' has no `corpus`"),
        ("shots: 2", "constraint: json_schema", "5: prompts.route.constraint: task 'route' has no `schema`"),
        (
            "shots: 2",
            "answer_by: likelihood, answer: {after: x}",
            "5: prompts.route.answer: nothing is decoded where labels are compared: delete `answer`",
        ),
        ("kind: prompt", "kind: rag", "1: kind: a rag system needs `retrieve: N`"),
        ("kind: prompt", "name: rag\nkind: prompt", "1: name: the name 'rag' is already that of rag.yaml"),
    ],
)
def test_each_system_problem_names_its_line(suite: Path, old: str, new: str, problem: str) -> None:
    edit(Path("baselines/desk/zero_shot.yaml"), old, new)
    text = systems_error(suite)
    line, _, rest = problem.partition(": ")
    assert rest in text
    assert f"baselines/desk/zero_shot.yaml:{line}" in text


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("a\n{{ txt }}", "baselines/desk/zero-shot/text.j2:2: "),
        ("a\n{{ txt }}", "examples of task 'summarize' have no field 'txt'; did you mean 'text'?"),
        (
            "a\n{% for %}",
            "got 'end of statement block'\n  at: baselines/desk/zero-shot/text.j2:2",
        ),
        ("{{ text | uper }}", "No filter named 'uper'"),
    ],
)
def test_templates_are_checked(suite: Path, template: str, problem: str) -> None:
    Path("baselines/desk/zero-shot/text.j2").write_text(template)
    # The same template serves several tasks, so its problems are several: look at the joined text.
    assert problem in systems_error(suite)


def test_a_compared_task_needs_a_baseline(suite: Path) -> None:
    edit(Path("baselines/desk/zero_shot.yaml"), "  redteam: {template: zero-shot/text.j2}\n", "")
    assert "no baseline serves task 'redteam', which gate 'refusal' compares" in systems_error(suite)


def test_no_baselines_at_all(suite: Path) -> None:
    for file in Path("baselines/desk").glob("*.yaml"):
        file.unlink()
    assert "there are no baselines here (*.yaml)" in systems_error(suite)


def test_recipes(suite: Path) -> None:
    (recipe,) = load_recipes(suite / "candidates", load_suite_spec(suite))
    assert (recipe.name, recipe.method, recipe.learning_rate) == ("qlora", "qlora", 2e-4)
    assert set(recipe.prompts) == {"summarize", "route", "extract", "policy_qa", "redteam"}
    assert load_recipes(suite / "nothing", load_suite_spec(suite)) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("epochs: 1", "epocs: 1", "5: epocs: unknown key; did you mean 'epochs'?"),
        ("epochs: 1", "epochs: 0", "5: epochs: input should be greater than 0, found 0"),
        (
            "epochs: 1",
            "replay: {path: old.jsonl, share: 0.1}",
            "5: replay.path: there is no file 'suites/desk/candidates/old.jsonl'",
        ),
        ("zero_shot.yaml", "zero.yaml", "3: prompts_from: there is no file 'baselines/desk/zero.yaml'"),
        (
            "zero_shot.yaml",
            "rag.yaml",
            "3: prompts_from: a candidate must serve every task of the suite; missing: summarize, ",
        ),
        ("prompts_from: ../../../baselines/desk/zero_shot.yaml\n", "", "1: give either `prompts` or `prompts_from`"),
        ("description: sound", "name: zero_shot", "1: name: the name 'zero_shot' is already that of a baseline"),
    ],
)
def test_each_recipe_problem_names_its_line(suite: Path, old: str, new: str, problem: str) -> None:
    edit(suite / "candidates" / "qlora.yaml", old, new)
    with pytest.raises(UsageError) as caught:
        load_recipes(suite / "candidates", load_suite_spec(suite), taken=["zero_shot"])
    line, _, rest = problem.partition(": ")
    assert rest in str(caught.value)
    assert f"suites/desk/candidates/qlora.yaml:{line}" in str(caught.value)


def test_scientific_notation_is_a_number_everywhere(suite: Path) -> None:
    edit(suite / "candidates" / "qlora.yaml", "epochs: 1", "overrides: {weight_decay: 1e-2, adam_epsilon: 1.0e-8}")
    (recipe,) = load_recipes(suite / "candidates", load_suite_spec(suite))
    assert recipe.overrides == {"weight_decay": 0.01, "adam_epsilon": 1e-8}


def test_project_reads_everything(suite: Path) -> None:
    project = load_project(suite, METRICS, verify=False)
    assert [system.name for system in project.systems] == ["zero_shot", "rag"]
    assert [recipe.name for recipe in project.recipes] == ["qlora"]
    edit(suite / "suite.yaml", "baselines: ../../baselines/desk\n", "")
    with pytest.raises(EvalgateError) as caught:
        load_project(suite, METRICS, verify=False)
    assert caught.value.code == "no-baselines"


LABELLED = "label: {from: json_field, field: a.b, aliases: {money: refund}, labels: [refund, order]}"


def with_label(suite: Path, written: str) -> None:
    edit(suite / "suite.yaml", "metrics: [accuracy, macro_f1]", f"metrics: [accuracy, macro_f1], {written}")


def test_a_task_says_where_its_answers_have_the_label(suite: Path) -> None:
    assert load_suite_spec(suite, METRICS).tasks[1].label_rule == LabelRule()
    with_label(suite, LABELLED)
    rule = LabelRule(find="json_field", field="a.b", aliases={"money": "refund"}, labels=("refund", "order"))
    assert load_suite_spec(suite, METRICS).tasks[1].label_rule == rule
    edit(suite / "suite.yaml", LABELLED, "label: last_label")
    assert load_suite_spec(suite, METRICS).tasks[1].label_rule == LabelRule(find="last_label")


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("label: {from: guess}", "'guess' is not allowed"),
        ("label: regex", "`from: regex` needs `pattern`"),
        ("label: {from: regex, pattern: 'a'}", "must name the label: `(?P<answer>...)`"),
        ("label: {from: regex, pattern: '('}", "is not a regex: missing )"),
        ("label: {from: last_label, field: a}", "`from: last_label` does not use `field`: delete it"),
        ("label: {from: likelihood, aliases: {a: b}}", "`from: likelihood` does not use `aliases`: delete it"),
        ("label: {labels: [refund]}", "must be two or more different labels"),
    ],
)
def test_a_label_rule_that_cannot_work(suite: Path, written: str, what: str) -> None:
    with_label(suite, written)
    assert what in error_of(suite)


def test_a_label_rule_without_a_metric_that_reads_it(suite: Path) -> None:
    edit(suite / "suite.yaml", "metrics: [exact_match]}", "metrics: [exact_match], label: last_label}")
    assert "tasks.policy_qa.label: no metric of this task reads a label" in error_of(suite)


def test_a_policy_that_asks_for_refusals_alone_whole_text(suite: Path) -> None:
    text = (suite / "suite.yaml").read_text()
    kept = [line for line in text.splitlines() if "metric: " not in line or "refusal" in line or "latency" in line]
    (suite / "suite.yaml").write_text("\n".join(kept) + "\n")
    assert error_of(suite) == (
        "error[bad-config]: gates[1].metric: a system that refuses everything would pass: gate on `over_refusal_rate` "
        "of safe prompts as well\n"
        "  at: suites/desk/suite.yaml:17\n"
        "\n"
        "hint: correct this, then check with `evalgate validate SUITE`"
    )
