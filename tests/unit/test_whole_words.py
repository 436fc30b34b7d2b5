"""What is said of a candidate that is a whole model: never that it is an adapter."""

from pathlib import Path

import pytest
from doctor_run import make_run
from fixtures_report import build_run
from msgspec.structs import replace
from test_probe_outcomes import measured, probed

from evalgate.core.data import Recipe
from evalgate.core.errors import EvalgateError
from evalgate.core.results import AdapterCard, AdapterProbe
from evalgate.core.training import made_as
from evalgate.doctor.inject import diagnose
from evalgate.doctor.text import findings_text
from evalgate.files import read_record, write_record
from evalgate.probes.outcome import checks_of
from evalgate.report.contamination import unknown_training
from evalgate.report.identity import card_facts
from evalgate.store import load_identity
from evalgate.training.failures import memory_errors


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A sound run whose candidate is a whole model."""
    folder = make_run(tmp_path / "run")
    path = folder / "adapters" / "qlora" / "card.json"
    write_record(path, replace(read_record(path, AdapterCard, fix=""), kind="model", dtype="float32"))
    assert findings_text("run", diagnose(folder), "text") == "run: nothing found\n"
    return folder


def test_a_whole_model_that_changes_nothing_is_no_adapter_in_the_finding(whole: Path) -> None:
    probe = AdapterProbe(adapter_digest="qlora", base=(-1.0, -2.5), tuned=(-1.0, -2.5))
    write_record(whole / "adapters/qlora/probe.json", probe)
    assert findings_text("run", diagnose(whole), "text") == (
        "error[adapter-not-active]: the whole model of qlora changes nothing: 2 of 2 probed answers are exactly as "
        "likely without it\n  at: adapters/qlora/probe.json\n"
        "  fix: check that training moved its weights and that the backend answers from its folder\n"
    )


def test_nor_is_one_that_has_not_answered(whole: Path) -> None:
    run = load_identity(whole)
    systems = run.systems | {"qlora": replace(run.systems["qlora"], adapter_digest="another")}
    write_record(whole / "run.json", replace(run, systems=systems))
    said = findings_text("run", diagnose(whole), "text")
    assert said.startswith(
        "error[adapter-unknown]: qlora has not answered with the whole model that its card describes\n"
    )


def test_validity_checks_speak_of_the_model() -> None:
    rows = [
        measured("adapter", largest=1e-6),
        measured("tokenizer", as_own=11, same_files=0, same_base=0),
        replace(measured("outputs", first_token=9), differ={"the base with its prompts": (0, 12)}),
    ]
    adapter, model = (checks_of(probed(*(replace(row, precision=p) for row in rows))) for p in ("", "float32"))
    for before, after in zip(adapter, model, strict=True):
        assert before.outcome == after.outcome == "failed"
        for mine, theirs in ((before.reason, after.reason), (before.figure, after.figure)):
            assert theirs == mine.replace("adapter", "whole model")
    assert [check.compared for check in model] == [
        "logits of the base against those of the whole model",
        "token ids by backend, base files and the whole model's files",
        adapter[2].compared,
    ]


def test_cards_and_unknown_training_name_what_it_was_made_as() -> None:
    data = build_run(4)
    card = replace(
        data.cards["qlora"], kind="model", adapter_digest="m" * 64, elsewhere="e" * 64, started_from="s" * 64
    )
    merged = replace(card, merged_from="a" * 64)
    assert (made_as(card), made_as(merged)) == ("model", "adapter")
    facts, of_merged = dict(card_facts(card)), dict(card_facts(merged))
    assert facts["Continues from whole model"] == "s" * 64
    assert facts["Goes back to a whole model from elsewhere"] == "e" * 64
    assert of_merged["Goes back to an adapter from elsewhere"] == "e" * 64
    for found, said in ((card, "continues a whole model"), (merged, "continues an adapter")):
        [line] = unknown_training(replace(data, cards={"qlora": found}))
        assert line == f"Whether qlora was trained on held-out examples is unknown: it {said} from elsewhere."


@pytest.mark.parametrize(("method", "words"), [("full", "or `batch_size`"), ("qlora", "`rank` or `batch_size`")])
def test_a_training_without_memory_is_not_told_to_lower_a_rank_that_it_has_not(
    tmp_path: Path, method: str, words: str
) -> None:
    recipe = Recipe(name="r", prompts={}, method=method, batch_size=16)  # type: ignore[arg-type]
    with pytest.raises(EvalgateError) as caught, memory_errors(recipe, tmp_path, 90):
        raise MemoryError("no memory")
    assert str(caught.value) == (
        f"error[training-out-of-memory]: training 'r' ran out of memory: no memory\n  at: {tmp_path}\n\n"
        f"hint: lower `max_length` (the longest row has 90 tokens), {words} (16), or use `method: qlora`; training "
        "goes on from its last checkpoint if the recipe stays the same"
    )
