"""A training's curves, its choice and its overfitting in the report, in the decision and in words."""

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from doctor_run import make_run
from fixtures_report import build_run
from msgspec.structs import replace

from evalgate import pipeline
from evalgate.core.results import AdapterCard
from evalgate.core.training import Choice, CurvePoint, Evaluation, Examined, Overfitting
from evalgate.files import read_record, write_record
from evalgate.report import render_html
from evalgate.report.curves import training_view

EVALUATIONS = tuple(
    Evaluation(
        step=step,
        seen=Examined(scores={"route": (share, share), "extract": (0.5, 0.5)}, drift=drift),
        loss=loss,
        dev_loss=dev,
        behind=behind,
        se=0.021,
        within=drift <= 0.5,
    )
    for step, share, drift, loss, dev, behind in (
        (10, 0.3, 0.1, 2.0, 1.2, 0.15),
        (20, 0.6, 0.3, 1.0, 0.8, 0.0),
        (30, 0.2, 0.7, 0.5, 1.1, 0.2),
    )
)
CHOICE = Choice(
    step=20,
    planned=40,
    reason="its dev score is the best within the drift limit: 55.0%",
    evaluations=EVALUATIONS,
    max_drift=0.5,
    metrics={"route": "accuracy", "extract": "field_f1"},
    n_items={"route": 2, "extract": 2},
    stopped=30,
    overfitting=Overfitting(since=20, what="the dev score fell from 55.0% to 35.0%"),
)
CURVES = tuple(
    CurvePoint(
        step=s,
        loss=2.5 - s / 15,
        dev_loss=next((e.dev_loss for e in EVALUATIONS if e.step == s), None),
        dev_score=next((e.score for e in EVALUATIONS if e.step == s), None),
        drift=next((e.seen.drift for e in EVALUATIONS if e.step == s), None),
    )
    for s in range(1, 31)
)


@pytest.fixture(scope="module")
def page() -> str:
    data = build_run(12)
    cards = {name: replace(card, curves=CURVES, choices=(CHOICE,)) for name, card in data.cards.items()}
    return render_html(replace(data, cards=cards))


def test_losses_dev_score_and_drift_are_drawn_with_what_was_kept(page: str) -> None:
    figures = re.findall(r'<figure class="curves">.*?</figure>', page, re.S)
    assert len(figures) == 2 * 3
    labels = re.findall(r'role="img" aria-label="(qlora, [^"]*)"', page)
    assert labels == [
        "qlora, loss in nats a token: training loss ends at 0.500. dev loss ends at 1.100. kept: step 20. "
        "overfits from step 20 on. ",
        "qlora, score on dev, generated: dev score ends at 35.0%. kept: step 20. overfits from step 20 on. ",
        "qlora, drift on general text in nats a token: drift ends at +0.700. kept: step 20. overfits from step 20 on. ",
    ]
    for figure in figures:
        ET.fromstring(figure.replace("&mdash;", ""))


def test_a_table_says_the_same_in_numbers(page: str) -> None:
    [table] = re.findall(r'aria-label="Checkpoints of qlora">(.*?)</table>', page, re.S)
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>(.*?)</tr>", table, re.S)][1:]
    assert [row[0] for row in rows] == ["10", "20", "30"]
    assert rows[1][1:5] == ["kept", "1.000", "0.800", "55.0%"]
    assert rows[2][-4:] == ["+0.700", "over", "the", "limit"]
    assert "15.0 ± 2.1" in table


def test_overfitting_is_called_by_its_name_with_its_step(page: str) -> None:
    what = "the dev score fell from 55.0% to 35.0%, while the training loss went on falling."
    assert f"Overfitting from step 20 on: {what}" in page
    assert (
        "Step 20 of 40 is kept: its dev score is the best within the drift limit: 55.0%. "
        "Training was stopped early after step 30."
    ) in page


def test_all_colours_are_the_pages_own_for_light_and_dark(page: str) -> None:
    css = (Path(__file__).parents[2] / "evalgate/report/templates/curves.css").read_text()
    assert css in page
    assert not re.findall(r"#[0-9a-f]{3,6}\b", css)
    assert all(name in page for name in re.findall(r"var\((--[a-z]+)\)", css))


def test_a_card_of_before_there_were_choices_has_its_losses_drawn_and_one_without_curves_nothing() -> None:
    card = next(iter(build_run(4).cards.values()))
    view: dict[str, Any] | None = training_view(card)
    assert view is not None
    assert ([p["title"] for p in view["plots"]], view["rows"], view["notes"]) == (["loss in nats a token"], [], [])
    assert training_view(replace(card, curves=())) is None


def test_missing_and_broken_numbers_are_dashes_and_not_drawn() -> None:
    card = next(iter(build_run(4).cards.values()))
    broken = replace(EVALUATIONS[0], seen=Examined(drift=float("nan")), loss=None, dev_loss=None)
    points = (CurvePoint(step=10, drift=float("nan")), CurvePoint(step=20, loss=1.0))
    view = training_view(replace(card, curves=points, choices=(replace(CHOICE, evaluations=(broken,)),)))
    assert view is not None
    assert [p["title"] for p in view["plots"]] == ["loss in nats a token"]
    row = view["rows"][0]
    assert [row[k] for k in ("loss", "dev_loss", "score", "behind", "drift")] == ["–"] * 5


def test_the_decision_names_overfitting_and_drift_and_blocks_nobody_for_it(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(make_run(tmp_path / "desk"), tmp_path / "run"))
    before = pipeline.gate(folder)
    path = folder / "adapters/qlora/card.json"
    card = read_record(path, AdapterCard, fix="")
    late = replace(CHOICE, step=30, reason="`keep: last` asks for it")
    write_record(path, replace(card, choices=(late,)))
    decision = pipeline.gate(folder)
    assert (decision.outcome, decision.ship) == (before.outcome, before.ship)
    written = json.loads((folder / "decision.json").read_text())
    assert [(f["code"], f["what"]) for f in written["findings"] if f["system"] == "qlora"] == [
        (
            "overfitting",
            "qlora overfits from step 20 of 40 on: the dev score fell from 55.0% to 35.0%, while the training loss "
            "went on falling; a later checkpoint is kept",
        ),
        (
            "drift-over-limit",
            "qlora has lost 0.700 nats a token on general text, more than its recipe's `max_drift` of 0.5",
        ),
    ]
    assert "qlora overfits from step 20 of 40 on" in (folder / "report.html").read_text()
