"""Prompt search: on dev alone, before anything held out is asked, within a budget; the choice is a system like any."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorder import Recorder
from small_suite import write_rows, write_suite

from evalgate import pipeline, plugins
from evalgate.backends.fake import FakeBackend
from evalgate.checking import find_overlaps
from evalgate.cli import run_cli
from evalgate.config import load_project, load_suite_spec
from evalgate.core.data import Example, MetricUse, PromptDraft, PromptSearch, RunOptions, SystemDraft, Task, TaskSpec
from evalgate.core.errors import UsageError
from evalgate.core.record import digest_of
from evalgate.core.results import Failure, MetricSpec
from evalgate.core.search import Searched
from evalgate.metrics.scoring import MeanMetric
from evalgate.planning import make_plan
from evalgate.searching import plan_searches, tries_of
from evalgate.store import RunData, load_run
from evalgate.suite.frozen import freeze
from evalgate.systems.prompt import bind

N = 12
FEW = """\
name: few
kind: prompt
prompts:
  route:
    template: zero-shot/text.j2
    max_tokens: 8
    search:
      budget: 20
      templates: [few/good.j2, "GOOD but {{ text }}"]
      shots: [2]
      examples: 6
"""
DIRECT = "name: few\nkind: prompt\nprompts:\n  route: {template: few/good.j2, max_tokens: 8, shots: 2}\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The small suite without what needs a model, with a baseline whose prompt is searched."""
    folder = write_suite(tmp_path, N)
    text = (folder / "suite.yaml").read_text()
    kept = [line for line in text.splitlines() if "capability" not in line]
    (folder / "suite.yaml").write_text("\n".join(kept) + "\n")
    model = tmp_path / "models" / "tiny"
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"no weights")
    write_few(folder, FEW)
    freeze(folder, load_suite_spec(folder))
    return folder


def write_few(folder: Path, text: str) -> None:
    baselines = folder.parents[1] / "baselines" / "desk"
    (baselines / "few").mkdir(exist_ok=True)
    (baselines / "few.yaml").write_text(text)
    (baselines / "few" / "good.j2").write_text("{% for s in shots %}SHOT {{ s.text }}\n{% endfor %}GOOD {{ text }}")


def say(prompt: str) -> str | Failure:
    """Right about most messages with the good template and shots, seldom otherwise."""
    if "GOOD but" in prompt:
        return Failure(code="prompt-too-long") if prompt[-1] in "02468" else "refund"
    return "refund" if "GOOD" in prompt and "SHOT" in prompt else "no idea"


def run(folder: Path, backend: FakeBackend, **options: Any) -> RunData:
    out = folder.parents[1] / "run"
    chosen = {"suite": str(folder), "output": str(out), "candidates": (), "limit": 4, **options}
    pipeline.run(RunOptions(**chosen), Recorder(), backend)
    return load_run(out)


def only(data: RunData) -> Searched:
    [made] = data.searches
    return made


def test_the_best_prompt_on_dev_is_the_one_that_is_asked_the_held_out_set(suite: Path) -> None:
    data = run(suite, FakeBackend(say))
    made = only(data)
    assert (made.system, made.task, made.metric, made.n_grid, made.n_dev) == ("few", "route", "accuracy", 6, 6)
    assert len(made.tries) == 6
    assert made.tries[made.chosen].settings == {
        "template": "few/good.j2", "shots": "2", "passages": "0", "constraint": "none",
    }  # fmt: skip
    assert made.tries[made.chosen].worth == max(t.worth for t in made.tries)
    assert data.run.systems["few"].prompts["route"].template.endswith("GOOD {{ text }}")
    assert {p.output for p in data.predictions["few"]["route"]} == {"refund"}


def test_the_chosen_prompt_makes_the_system_that_writing_it_down_makes(suite: Path) -> None:
    data = run(suite, FakeBackend(say))
    searched = data.run.systems["few"]
    requests = {p.request_digest for p in data.predictions["few"]["route"]}
    write_few(suite, DIRECT)
    written = run(suite, FakeBackend(say), resume=False)
    assert digest_of(searched) == digest_of(written.run.systems["few"])
    assert requests == {p.request_digest for p in written.predictions["few"]["route"]}
    assert written.searches == []
    assert written.run.id != data.run.id, "the search is part of the run"


def test_nothing_held_out_is_asked_before_every_choice_is_made(suite: Path) -> None:
    backend = FakeBackend(say)
    run(suite, backend)
    on_dev = [re.search(r"dev message \d+$", prompt) is not None for _, prompt in backend.asked]
    n = 5 * 6  # the sixth prompt shows no shots though it may: it asks what another has asked
    assert all(on_dev[:n])
    assert not any(on_dev[n:])


def test_the_held_out_set_changes_nothing_of_a_search(suite: Path) -> None:
    def without_times(made: Searched) -> list[object]:
        return [(t.settings, t.worth, t.estimate, t.n_unscored, t.digest) for t in made.tries] + [made.chosen]

    before = without_times(only(run(suite, FakeBackend(say))))
    rows = [
        {"id": f"new-{i}", "inputs": {"text": f"quite another {i}"}, "label": ("refund", "unheard of")[i % 2]}
        for i in range(9)
    ]
    write_rows(suite / "route" / "heldout.jsonl", rows)
    freeze(suite, load_suite_spec(suite), bump=True)
    assert without_times(only(run(suite, FakeBackend(say), resume=False))) == before


@pytest.mark.parametrize("calls", [0, 5, 6, 20, 29, 30, 40])
def test_stopped_after_any_answer_the_search_goes_on(suite: Path, calls: int) -> None:
    left = calls

    def dying(prompt: str) -> str | Failure:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return say(prompt)

    whole = FakeBackend(say)
    expected = only(run(suite, whole))
    again = suite.parents[1] / "again"
    with pytest.raises(KeyboardInterrupt):
        run(suite, FakeBackend(dying), output=str(again))
    rest, recorder = FakeBackend(say), Recorder()
    pipeline.run(RunOptions(suite=str(suite), output=str(again), candidates=(), limit=4), recorder, rest)
    assert len(rest.asked) == len(whole.asked) - calls
    [(_, total, _, done)] = [stage for stage in recorder.stages if stage[0] == "prompt search on dev"]
    assert total == done == 36, "what was there before counts as done"
    made = only(load_run(again))
    assert [(t.settings, t.worth) for t in made.tries] == [(t.settings, t.worth) for t in expected.tries]
    assert made.chosen == expected.chosen


def test_a_missing_answer_counts_as_the_worst_one(suite: Path) -> None:
    """`GOOD but` answers every second question, right each time: all of what it answers, half of what it was asked."""
    tries = {(t.settings["template"], t.settings["shots"]): t for t in only(run(suite, FakeBackend(say))).tries}
    [half] = [t for (template, shots), t in tries.items() if template.startswith("few.yaml:") and shots == "0"]
    assert half.estimate is not None
    assert half.n_unscored == 6 - half.estimate.n > 0
    assert half.worth == pytest.approx(half.estimate.value * half.estimate.n / 6)
    assert half.worth < half.estimate.value


def test_of_equals_the_prompt_as_written_stays(suite: Path) -> None:
    made = only(run(suite, FakeBackend(lambda prompt: "no idea")))
    assert made.chosen == 0
    assert made.tries[0].settings["template"] == "zero-shot/text.j2"


def prompts(n: int) -> tuple[PromptDraft, ...]:
    return tuple(PromptDraft(template=f"{i} {{{{ text }}}}", template_path=f"{i}.j2") for i in range(n))


@given(n=st.integers(1, 40), budget=st.integers(2, 45), seed=st.integers(0, 2**32))
def test_a_budget_is_kept_and_a_larger_one_adds_tries(n: int, budget: int, seed: int) -> None:
    grid = prompts(n)
    tries = tries_of(PromptSearch(grid=grid, budget=budget), "route", seed)
    assert tries[0] == grid[0]
    assert len(tries) == len(set(map(digest_of, tries))) == min(n, budget)
    assert [p for p in grid if p in tries] == tries, "in the order of the grid"
    more = tries_of(PromptSearch(grid=grid, budget=budget + 1), "route", seed)
    assert all(p in more for p in tries)
    assert tries == tries_of(PromptSearch(grid=grid, budget=budget), "route", seed)


def test_report_and_command_show_every_try(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = run(suite, FakeBackend(say))
    page, short = (Path(data.folder, name).read_text() for name in ("report.html", "report.md"))
    told = "all prompts of the grid tried on 6 dev examples, budget 20"
    assert told in page
    assert told in short
    assert "chosen: try 4, template few/good.j2, shots 2, passages 0, constraint none" in page
    assert run_cli(["search", data.folder]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "few · route: 6 of 6 prompts on 6 dev examples"
    assert lines[1].split() == [
        "try",
        "template",
        "shots",
        "passages",
        "constraint",
        "accuracy",
        "interval",
        "unscored",
    ]
    assert lines[5].split()[:5] == ["4*", "few/good.j2", "2", "0", "none"]
    assert run_cli(["search", data.folder, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["chosen"] == 3


def problem_of(folder: Path, text: str) -> str:
    write_few(folder, text)
    with pytest.raises(UsageError, match="bad-config") as caught:
        load_project(folder, plugins.metric_names())
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ('"GOOD but {{ text }}"', '"GOOD but {{ txt }}"', 9, "examples of task 'route' have no field 'txt'"),
        ('"GOOD but {{ text }}"', '"{% if %}"', 9, "this is not a Jinja2 template"),
        ("few/good.j2", "few/none.j2", 9, "there is no file"),
        ("examples: 6", "metric: rouge_l", 11, "task 'route' has no metric 'rouge_l'; known: accuracy, macro_f1"),
        ("examples: 6", "constraint: [json_schema]", 11, "task 'route' has no `schema` in suite.yaml"),
        ("examples: 6", "retrieve: [2]", 11, "task 'route' has no `corpus` in suite.yaml"),
        ("budget: 20", "budget: 1", 8, "input should be greater than or equal to 2"),
        ("examples: 6", "sizes: [1]", 11, "unknown key"),
    ],
)
def test_what_is_wrong_with_a_search_is_said_at_its_line(
    suite: Path, old: str, new: str, line: int, problem: str
) -> None:
    said = problem_of(suite, FEW.replace(old, new))
    assert problem in said
    assert f"few.yaml:{line}" in said


def test_a_search_needs_something_to_choose_from(suite: Path) -> None:
    text = "name: few\nkind: prompt\nprompts:\n  route: {template: few/good.j2, search: {budget: 2}}\n"
    assert "give what to choose from: `templates`, `shots`, `retrieve` or `constraint`, each a list" in problem_of(
        suite, text
    )


def test_a_candidate_is_not_trained_with_a_prompt_that_is_still_searched(suite: Path) -> None:
    recipe = suite / "candidates" / "qlora.yaml"
    recipe.write_text(recipe.read_text().replace("zero_shot.yaml", "few.yaml"))
    with pytest.raises(UsageError, match="bad-config") as caught:
        load_project(suite, plugins.metric_names())
    assert (
        "prompts_from: the prompt of task 'route' has a `search`, which is for baselines: name the prompt to train with"
    ) in str(caught.value)


def test_templates_and_shots_that_could_be_chosen_are_searched_for_held_out_answers(suite: Path) -> None:
    answer = "the blue kettle leaks since the second of May"
    rows = [{"id": f"s{i}", "inputs": {"text": f"talk number {i}"}, "references": [answer]} for i in range(4)]
    write_rows(suite / "summarize" / "heldout.jsonl", rows)
    freeze(suite, load_suite_spec(suite), bump=True)
    search = f"search: {{budget: 2, templates: ['{{{{ text }}}} {answer}']}}"
    write_few(suite, f"kind: prompt\nprompts:\n  summarize:\n    template: few/good.j2\n    {search}\n")
    found = find_overlaps(load_project(suite, plugins.metric_names()))
    assert {(o.kind, o.source_id, o.where.rpartition("/")[2]) for o in found} == {
        ("answer-in-prompt", "few", "few.yaml:5")
    }
    shots = "{n: 1, choose: nearest}"
    train = [{"id": "t0", "inputs": {"text": "some other talk"}, "references": [f"so {answer}"]}]
    write_rows(suite / "summarize" / "train.jsonl", train)
    freeze(suite, load_suite_spec(suite), bump=True)
    search = f"search: {{budget: 2, shots: [{shots}]}}"
    write_few(suite, f"kind: prompt\nprompts:\n  summarize:\n    template: few/good.j2\n    {search}\n")
    found = find_overlaps(load_project(suite, plugins.metric_names()))
    assert [(o.kind, o.where.rpartition("/")[2], o.example_id) for o in found] == [
        ("answer-in-prompt", "train.jsonl:1 (id 't0')", f"s{i}") for i in range(4)
    ]


def test_every_prompt_is_bound_before_anything_runs(suite: Path) -> None:
    write_few(suite, FEW.replace("shots: [2]", "shots: [200]"))
    backend = FakeBackend(say)
    with pytest.raises(UsageError, match="too-few-shots"):
        run(suite, backend)
    assert backend.asked == []


def test_another_search_is_another_run(suite: Path) -> None:
    options = RunOptions(suite=str(suite), candidates=(), limit=4)
    ids = []
    for text in (FEW, FEW.replace("examples: 6", "examples: 7"), FEW.replace("shots: [2]", "shots: [3]")):
        write_few(suite, text)
        ids.append(make_plan(options).run.id)
    assert len(set(ids)) == 3


class Seconds(MeanMetric):
    """A metric whose worst value is not known."""


def test_a_metric_that_is_no_fraction_cannot_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = MetricSpec(name="pace", unit="seconds", better="lower", signature="s")
    monkeypatch.setattr(plugins, "metric", lambda use: Seconds(spec))
    task_spec = TaskSpec(name="route", kind="classification", data="route", metrics=(MetricUse(name="pace"),))
    task = Task(spec=task_spec, splits={"dev": (Example(id="d", inputs={"text": "x"}, label="a"),)})
    prompt = PromptDraft(template="{{ text }}", template_path="p.j2", search=PromptSearch(grid=prompts(2), budget=2))
    draft = SystemDraft(name="few", kind="prompt", prompts={"route": prompt}, path="few.yaml")
    with pytest.raises(UsageError) as caught:
        plan_searches(
            [draft],
            {"route": task},
            seed=1,
            bind=lambda d: bind(d, {"route": task}, model="m", model_digest="d", seed=1),
        )
    assert str(caught.value) == (
        "error[unsearchable-metric]: system 'few' searches on 'pace', which is no fraction: what a missing answer "
        "would be worth is not known\n"
        "  at: few.yaml\n\n"
        "hint: name a metric between 0 and 1 in `search: {metric: ...}`"
    )
