"""What a suite may say of its judge, and what it is told when that cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest
from judge_suite import RUBRIC, write_judged, write_rows

from evalgate.config import load_project, load_suite_spec
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.judges import JudgeSpec
from evalgate.judged.planned import refuse_unjudged
from evalgate.plugins import metric_names, signatures
from evalgate.suite.frozen import freeze, load_suite

JUDGE = f"rubric: {json.dumps(RUBRIC)}\n"
ACCEPTED = JUDGE + "accept_uncalibrated_judge: true"
LABELS = JUDGE + "labels: labels.jsonl"


def problems(root: Path, **options: Any) -> str:
    """What reading the suite says, without the place."""
    suite = write_judged(root, freezes=False, **options)
    with pytest.raises(UsageError) as caught:
        load_suite_spec(suite, metric_names())
    assert caught.value.code == "bad-config"
    return caught.value.what.partition(": ")[2]


def unjudged(root: Path, labels: list[dict[str, object]] | None = None, **options: Any) -> EvalgateError:
    """What planning says of the suite's judges."""
    suite = write_judged(root, labels=labels, **options)
    with pytest.raises(EvalgateError) as caught:
        refuse_unjudged(load_project(suite, metric_names()))
    return caught.value


def test_a_required_gate_on_a_judge_without_human_labels_is_refused_unless_that_is_accepted(tmp_path: Path) -> None:
    suite = write_judged(tmp_path / "no", judge=JUDGE, freezes=False)
    with pytest.raises(UsageError) as caught:
        load_suite_spec(suite, metric_names())
    assert str(caught.value) == (
        "error[bad-config]: gates[0].metric: gate 'helpful' is required, but the judge of 'reply' is not calibrated: "
        "add `labels`, a file of human judgements, to `judge`, set `required: false`, or write "
        "`accept_uncalibrated_judge: true` there\n"
        f"  at: {suite / 'suite.yaml'}:13\n\n"
        "hint: correct this, then check with `evalgate validate SUITE`"
    )
    for name, keys in {
        "accepted": {"judge": ACCEPTED},
        "informs": {
            "judge": JUDGE,
            "gates": "{name: h, metric: reply.judge_score, rule: at_least, limit: 0.5, required: false}\n"
            "{name: e, metric: reply.exact_match, rule: at_least, limit: 0.5}",
        },
    }.items():
        spec = load_suite_spec(write_judged(tmp_path / name, freezes=False, **keys), metric_names())
        assert spec.tasks[0].judge


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (
            {"judge": "preference: Which?\naccept_uncalibrated_judge: true"},
            "the metric judge_score needs `rubric` in `judge`",
        ),
        (
            {"judge": ACCEPTED, "metrics": "judge_score, judge_win"},
            "the metric judge_win needs `preference` in `judge`",
        ),
        (
            {"judge": ACCEPTED + "\npreference: Which?", "metrics": "judge_win, judge_score"},
            "judge_win cannot rank baselines, for it compares with the best of them: put another metric first",
        ),
        (
            {
                "judge": ACCEPTED + "\npreference: Which?",
                "metrics": "judge_score, judge_win",
                "gates": "{name: w, metric: reply.judge_win, rule: better_than_baselines, min_gain: 0.1}",
            },
            "judge_win compares with the best baseline already: gate it with `rule: at_least` and a `limit`",
        ),
        (
            {
                "judge": ACCEPTED,
                "metrics": "exact_match",
                "gates": "{name: e, metric: reply.exact_match, rule: at_least, limit: 0.5}",
            },
            "no metric of this task asks a judge; judge_score and judge_win do",
        ),
        (
            {"judge": ACCEPTED + "\ntemperature: 0.5\nreply: choices"},
            "`reply: choices` draws nothing: delete this",
        ),
        ({"judge": ACCEPTED + "\nscale: [5, 1]"},
         "must be the worst and the best verdict, such as [1, 5], from 0 to 100, found [5, 1]"),
        ({"judge": "rubric: '{{ text'\naccept_uncalibrated_judge: true"},
         "this is not a Jinja2 template: unexpected end of template, expected 'end of print statement'."),
    ],
)  # fmt: skip
def test_a_judge_that_does_not_fit_its_task_is_refused(tmp_path: Path, options: dict[str, str], what: str) -> None:
    assert problems(tmp_path, **options) == what


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    told = problems(tmp_path, judge="rubric: kind.j2\nlabels: people.jsonl")
    suite = tmp_path / "suites" / "desk"
    assert f"there is no file '{suite / 'kind.j2'}'" in told
    assert f"there is no file '{suite / 'people.jsonl'}'" in told


def test_a_judged_metric_needs_a_judge(tmp_path: Path) -> None:
    suite = write_judged(tmp_path, freezes=False)
    text = (suite / "suite.yaml").read_text()
    start, end = text.index("    judge:\n"), text.index("gates:")
    (suite / "suite.yaml").write_text(text[:start] + text[end:])
    with pytest.raises(UsageError) as caught:
        load_suite_spec(suite, metric_names())
    assert caught.value.what == "tasks.reply.metrics[1]: the metric judge_score needs a `judge:` on the task"


ROW: dict[str, object] = {"id": "dev-1", "output": "Yes.", "label": 4}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (ROW | {"label": 6}, "the label 6 is none of: 1 to 5"),
        (ROW | {"label": "good"}, "the label 'good' is none of: refusal, answer"),
        (ROW | {"id": "dev-999"}, "task 'reply' has no example 'dev-999' in dev or train"),
        (ROW | {"id": "heldout-1"}, "'heldout-1' is a held-out example: judges are calibrated on dev or train"),
        ({"id": "dev-1", "first": "a", "label": "first"}, "a row has either `output` or both `first` and `second`"),
        (ROW | {"first": "a"}, "a row has either `output` or both `first` and `second`"),
        ({"id": "dev-1", "first": "a", "second": "b", "label": 1}, "the label 1 is none of: first, second, tie"),
        ({"id": "dev-1", "score": 4}, "this line cannot be read: Object contains unknown field `score`"),
    ],
)
def test_human_judgements_that_say_nothing_are_refused_by_line(
    tmp_path: Path, row: dict[str, object], what: str
) -> None:
    error = unjudged(tmp_path, [ROW, row], judge=LABELS)
    assert str(error) == (
        f"error[bad-labels]: {what}\n  at: {tmp_path / 'suites' / 'desk' / 'labels.jsonl'}:2\n\n"
        'hint: write one JSON object a line: `{"id": ID, "output": TEXT, "label": NUMBER}`, '
        '`{"id": ID, "first": TEXT, "second": TEXT, "label": "first"}` or '
        '`{"id": ID, "output": TEXT, "label": "refusal"}`'
    )


def test_labels_of_another_kind_do_not_calibrate_a_gate(tmp_path: Path) -> None:
    error = unjudged(tmp_path, [ROW | {"label": "refusal"}], judge=LABELS)
    assert str(error) == (
        "error[uncalibrated-judge]: gate 'helpful' is required, but 'labels.jsonl' holds no human judgement of the "
        f"kind 'score'\n  at: {tmp_path / 'suites' / 'desk' / 'suite.yaml'}\n\n"
        "hint: label some answers, set `required: false` on the gate, or write `accept_uncalibrated_judge: true` in "
        "the task's `judge`"
    )


def test_a_judge_without_any_model_is_refused(tmp_path: Path) -> None:
    suite = write_judged(tmp_path, freezes=False)
    text = (suite / "suite.yaml").read_text()
    (suite / "suite.yaml").write_text(text.replace("model: ../../models/tiny\n", ""))
    with pytest.raises(UsageError) as caught:
        refuse_unjudged(load_project(suite, metric_names(), verify=False))
    assert str(caught.value) == (
        "error[cannot-measure]: the judge of 'reply' has no model, and neither has the suite\n"
        f"  at: {suite / 'suite.yaml'}\n\n"
        "hint: give `judge` a `model:` of its own, or another `reply`"
    )


def test_a_server_has_no_likelihoods_to_judge_by(tmp_path: Path) -> None:
    server = "model: {backend: openai_http, base_url: 'http://127.0.0.1:9/v1', id: big}"
    error = unjudged(tmp_path, judge=f"{ACCEPTED}\nreply: likelihood\n{server}")
    assert error.what == "the judge of 'reply' replies by likelihood, which needs a model in this process"


def test_openings_cannot_be_asked_of_recorded_answers(tmp_path: Path) -> None:
    metric = "{name: over_refusal_rate, options: {judge: likelihood, openings: [I will not], complying: [Here]}}"
    error = unjudged(tmp_path, judge=ACCEPTED, metrics=f"judge_score, {metric}")
    assert str(error) == (
        "error[cannot-measure]: refusals of 'reply' are judged by the likelihood of openings, which needs a model in "
        f"this process\n  at: {tmp_path / 'suites' / 'desk' / 'suite.yaml'}\n\n"
        "hint: take `openings` and `complying` out, and judge by `string` or `llm`"
    )


def test_the_lock_covers_rubric_and_labels(tmp_path: Path) -> None:
    (tmp_path / "suites" / "desk").mkdir(parents=True)
    (tmp_path / "suites" / "desk" / "kind.j2").write_text("Is it kind? {{ text }}")
    suite = write_judged(tmp_path, judge="rubric: kind.j2\nlabels: labels.jsonl", labels=[ROW])
    spec = load_suite_spec(suite, metric_names())
    assert load_suite(suite, spec).digest
    (suite / "kind.j2").write_text("Is it true? {{ text }}")
    with pytest.raises(EvalgateError, match=r"has changed since it was frozen: .*task 'reply' differs"):
        load_suite(suite, load_suite_spec(suite, metric_names()))
    (suite / "kind.j2").write_text("Is it kind? {{ text }}")
    write_rows(suite / "labels.jsonl", [ROW, ROW])
    with pytest.raises(EvalgateError, match=r"has changed since it was frozen: .*labels.jsonl differs"):
        load_suite(suite, spec)
    freeze(suite, spec, bump=True)


def test_a_signature_holds_what_moves_a_verdict_and_nothing_of_calibration(tmp_path: Path) -> None:
    spec = load_suite_spec(write_judged(tmp_path, judge=ACCEPTED), metric_names())
    assert signatures(spec)["reply.judge_score"] == f"{JudgeSpec(rubric=RUBRIC).signature('score')}|v1"
    base = JudgeSpec(rubric="a")
    same = JudgeSpec(rubric="a", labels="l.jsonl", min_kappa=0.6, n_again=3, accept_uncalibrated=True, preference="b")
    assert base.signature("score") == same.signature("score")
    others = [JudgeSpec(rubric="b"), JudgeSpec(rubric="a", high=7), JudgeSpec(rubric="a", reply="choices"),
              JudgeSpec(rubric="a", temperature=1.0), JudgeSpec(rubric="a", max_tokens=9)]  # fmt: skip
    assert len({base.signature("score"), *(other.signature("score") for other in others)}) == 6
