"""`evalgate train` on a real suite: a run goes on with its adapters, and rows with a fault stop everything."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from recorder import Recorder
from tiny_suite import copy_suite

from evalgate import pipeline
from evalgate.core.data import RunOptions
from evalgate.core.errors import EvalgateError

pytestmark = pytest.mark.slow


class Noting(Recorder):
    """Remembers notes as well."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_what_train_has_trained_is_not_trained_again_and_a_dated_template_stops_a_run(tmp_path: Path) -> None:
    folder, progress = copy_suite(tmp_path, baselines=("zero_shot",)), Noting()
    options = RunOptions(suite=str(folder), output=str(tmp_path / "run"), limit=6, use_cache=False)
    adapters = pipeline.train(options, progress)
    assert adapters == {"tiny": tmp_path / "run" / "adapters" / "tiny"}
    card = (adapters["tiny"] / "card.json").read_bytes()
    assert [stage[0] for stage in progress.stages] == ["training tiny"]
    [line] = [note for note in progress.notes if note.startswith("preflight")]
    assert line.startswith("preflight: one BOS, EOS with loss in every row, no date in the template: tiny 16 rows, ")
    again = Noting()
    assert pipeline.train(options, again) == adapters
    assert (again.stages, (adapters["tiny"] / "card.json").read_bytes()) == ([], card)

    template = tmp_path / "models" / "base-5m" / "chat_template.jinja"
    template.write_text(template.read_text().replace("{{ bos_token }}", "{{ bos_token }}{{ strftime_now('%Y') }}"))
    dated = Noting()
    with pytest.raises(EvalgateError) as caught:
        pipeline.run(replace(options, output=str(tmp_path / "other")), dated)
    assert str(caught.value) == (
        "error[date-in-template]: the chat template writes today's date into every prompt: the model is trained on "
        f"the date of one day and asked on another\n  at: {template.parent}\n\n"
        "hint: write a fixed date in place of `strftime_now(...)` into the model's chat template: "
        "chat_template.jinja, or `chat_template` in tokenizer_config.json"
    )
    assert (dated.stages, list((tmp_path / "other").glob("*.json"))) == ([], [])
