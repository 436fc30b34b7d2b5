"""Real public data through `evalgate init`: recognised, parted, frozen. Skips where the data is not there."""

from collections import Counter
from pathlib import Path

import pytest
from test_init import init, splits_of

from evalgate.cli import run_cli
from evalgate.config import load_suite_spec

DATA = next((p / "shared" / "data" for p in Path(__file__).resolve().parents if (p / "shared" / "data").is_dir()), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(DATA is None, reason="there is no ../shared/data")]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(*arguments: str, validates: int = 0) -> dict[str, int]:
    assert init(*arguments) == 0
    assert run_cli(["freeze", "suites/desk"]) == 0
    assert run_cli(["validate", "suites/desk"]) == validates
    return {split: len(examples) for split, examples in splits_of().items()}


def test_tweetsumm_with_its_preset(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = made("--from", f"{DATA}/tweetsumm/train.jsonl", "--clean", "tweetsumm")
    assert sizes == {"train": 553, "dev": 103, "heldout": 201}
    assert "urls: 1,216 removed in 584 of 857 rows" in capsys.readouterr().out
    examples = [e for part in splits_of().values() for e in part]
    assert not any(
        "http" in str(e.inputs) or "@" in str(e.inputs["dialogue"]).replace(" @ ", "") for e in examples[:200]
    )
    assert max(len(e.references) for e in examples) >= 3
    (task,) = load_suite_spec(Path("suites/desk")).tasks
    assert (task.kind, task.primary) == ("summarization", "rouge_l")


def test_tweetsumm_as_given_in_a_folder() -> None:
    files = [f"{DATA}/tweetsumm/cleaned_{split}.jsonl" for split in ("train", "valid", "test")]
    sizes = made(*(part for file in files for part in ("--from", file)))
    assert sizes["heldout"] == 110
    assert sizes["dev"] <= 108
    assert sizes["train"] <= 869


def test_banking77_with_its_own_test_set(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = made("--from", f"{DATA}/banking77/train.jsonl", "--from", f"{DATA}/banking77/test.jsonl", validates=3)
    assert "error[contaminated-train]" in capsys.readouterr().err
    assert sizes == {"train": 8796, "dev": 1200, "heldout": 3080}
    parts = splits_of()
    labels = {split: Counter(e.label for e in part) for split, part in parts.items()}
    assert len(labels["heldout"]) == len(labels["dev"]) == 77
    for label, n in labels["train"].items():
        assert abs(labels["dev"][label] - 0.12 * (n + labels["dev"][label])) < 2


def test_qqp_is_balanced_in_every_split(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = made("--from", f"{DATA}/qqp/dev.jsonl", validates=3)
    assert "error[contaminated-train]" in capsys.readouterr().err
    assert sizes == {"train": 8058, "dev": 1200, "heldout": 742}
    for part in splits_of().values():
        assert abs(sum(e.label == "1" for e in part) - len(part) / 2) <= 2


def test_sgd_needs_one_word_and_gets_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    folder = f"{DATA}/sgd_json_extraction"
    assert init("--from", folder) == 64
    assert "--shape json: json: column target holds JSON objects" in capsys.readouterr().err
    assert made("--from", folder, "--shape", "json") == {"train": 2500, "dev": 836, "heldout": 1331}
    assert "(132 keys)" in capsys.readouterr().out


def test_squad_questions_on_one_passage_stay_together() -> None:
    sizes = made("--from", f"{DATA}/squad_xquad_en_rag/questions.jsonl", "--cluster-column", "passage_id")
    assert sizes == {"train": 687, "dev": 145, "heldout": 358}
    sides = [{e.cluster for e in part} for part in splits_of().values()]
    assert sum(map(len, sides)) == len(set().union(*sides)) == 240
