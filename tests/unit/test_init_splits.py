"""Splits: given by names, by a column or by flags, or made; sizes, strata, clusters, copies."""

from collections import Counter
from pathlib import Path

import pytest
from bring_rows import ROW, asked, rows, write
from test_init import init, splits_of

from evalgate.bring.items import Item
from evalgate.bring.rows import Row
from evalgate.bring.sizes import advise
from evalgate.bring.sources import split_in
from evalgate.stats.plan import paired_n


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sizes(name: str = "desk") -> dict[str, int]:
    return {split: len(items) for split, items in splits_of(name).items()}


def part(shape: str, start: int, n: int) -> list[ROW]:
    return rows(shape, start + n)[start:]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("cleaned_test.jsonl", "heldout"),
        ("train-00000-of-00001.parquet", "train"),
        ("my valid.csv", "dev"),
        ("held_out.tsv", "heldout"),
        ("contest.csv", None),
        ("train_test.csv", None),
        ("data.csv", None),
    ],
)
def test_a_file_name_tells_its_split(name: str, split: str | None) -> None:
    assert split_in(name) == split


def test_files_with_the_usual_names_are_the_splits() -> None:
    for name, start, n in (("train.csv", 0, 60), ("val.csv", 60, 25), ("test.csv", 85, 35)):
        write(Path("data") / name, part("text", start, n))
    assert init("--from", "data") == 0
    assert sizes() == {"train": 60, "dev": 25, "heldout": 35}
    assert init("--from", "data/train.csv", "--from", "data/test.csv", name="two") == 0
    assert sizes("two") == {"train": 53, "dev": 7, "heldout": 35}


def test_heldout_from_another_file() -> None:
    write(Path("all.jsonl"), part("text", 0, 80))
    write(Path("later.csv"), [{"question": asked(500 + i), "answers": "Soon."} for i in range(30)])
    assert init("--from", "all.jsonl", "--heldout-from", "later.csv", "--dev", "10") == 0
    assert sizes() == {"train": 70, "dev": 10, "heldout": 30}
    assert all(e.references == ("Soon.",) for e in splits_of()["heldout"])


def test_names_that_tell_a_split_only_sometimes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("train.jsonl"), part("text", 0, 60))
    write(Path("more.jsonl"), part("text", 60, 60))
    assert init("--from", "train.jsonl", "--from", "more.jsonl") == 64
    assert capsys.readouterr().err == (
        "error[unclear-split]: the name of 'more.jsonl' tells no split, but that of 'train.jsonl' does\n"
        "  at: more.jsonl\n\n"
        "hint: give it with --dev-from or --heldout-from, rename it (train, dev, test), or use --split-column\n"
    )


def test_a_column_says_the_split() -> None:
    data = [{**r, "part": ("Training", "validation", "TEST")[min(i // 50, 2)]} for i, r in enumerate(rows("text", 130))]
    write(Path("t.csv"), [{**r, "answers": r["answers"][0]} for r in data])
    assert init("--from", "t.csv", "--split-column", "part") == 0
    assert sizes() == {"train": 50, "dev": 50, "heldout": 30}


@pytest.mark.slow
def test_a_saved_dataset_brings_its_splits_and_the_names_of_its_labels(capsys: pytest.CaptureFixture[str]) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    made = {
        split: datasets.Dataset.from_list([{"text": asked(i), "label": i % 2} for i in range(a, b)], features=features)
        for split, a, b in (("train", 0, 60), ("validation", 60, 90), ("test", 90, 130))
    }
    datasets.DatasetDict(made).save_to_disk("saved")
    assert init("--from", "saved") == 0
    assert sizes() == {"train": 60, "dev": 30, "heldout": 40}
    assert {e.label for e in splits_of()["heldout"]} == {"bad", "good"}
    assert "the numbers of 'label' were replaced by the names" in capsys.readouterr().out


def test_sizes_are_rows_or_shares() -> None:
    write(Path("t.jsonl"), rows("text", 200))
    assert init("--from", "t.jsonl", "--dev", "10%", "--heldout", "0.25") == 0
    assert sizes() == {"train": 130, "dev": 20, "heldout": 50}
    assert init("--from", "t.jsonl", "--dev", "17", "--heldout", "33", name="b") == 0
    assert sizes("b") == {"train": 150, "dev": 17, "heldout": 33}


def test_labels_keep_their_shares_and_the_seed_decides() -> None:
    data = [{"text": asked(i), "label": "rare" if i % 10 == 0 else "usual"} for i in range(400)]
    write(Path("t.jsonl"), data)
    assert init("--from", "t.jsonl", "--heldout", "100", "--dev", "50") == 0
    counts = {split: Counter(e.label for e in items) for split, items in splits_of().items()}
    assert counts["heldout"] == {"usual": 90, "rare": 10}
    assert counts["dev"] == {"usual": 45, "rare": 5}
    assert init("--from", "t.jsonl", "--heldout", "100", "--dev", "50", "--seed", "8", name="b") == 0
    assert {e.id for e in splits_of()["heldout"]} != {e.id for e in splits_of("b")["heldout"]}


def test_a_customer_and_a_copy_stay_on_one_side() -> None:
    data = [{"text": asked(i // 2), "label": "ab"[i % 2], "customer": f"c{i // 7}"} for i in range(700)]
    write(Path("t.jsonl"), data)
    assert init("--from", "t.jsonl", "--cluster-column", "customer") == 0
    parts = splits_of()
    for key in ("cluster", "text"):
        seen = [{e.cluster if key == "cluster" else str(e.inputs["text"]) for e in items} for items in parts.values()]
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_copies_of_given_heldout_rows_are_left_out_of_training(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("train.jsonl"), rows("text", 80))
    write(Path("test.jsonl"), [{**r, "question": r["question"].upper()} for r in part("text", 70, 40)])
    assert init("--from", "train.jsonl", "--from", "test.jsonl") == 0
    assert sizes() == {"train": 62, "dev": 8, "heldout": 40}
    assert (
        "10 rows of train left out: they ask the same as, or share a cluster with, rows of dev or held-out"
        in capsys.readouterr().out
    )


def test_copies_and_labels_that_nothing_teaches_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    data = [{"text": asked(i), "label": "ab"[i % 2]} for i in range(80)]
    write(Path("train.jsonl"), [*data, data[0], {**data[1], "label": "a"}])
    write(Path("test.jsonl"), [{"text": asked(500 + i), "label": "bc"[i % 2]} for i in range(30)])
    assert init("--from", "train.jsonl", "--from", "test.jsonl") == 0
    out = capsys.readouterr().out
    assert "\n  2 rows ask what another row asks; 1 inputs have different answers\n" in out
    assert "\n  labels without a row in train: c\n" in out


def test_ids_that_files_share_get_the_split_before_them() -> None:
    for name, start in (("train.jsonl", 0), ("test.jsonl", 60)):
        write(Path(name), [{"id": i, **r} for i, r in enumerate(part("text", start, 60))])
    assert init("--from", "train.jsonl", "--from", "test.jsonl") == 0
    assert {e.id for e in splits_of()["heldout"]} == {f"heldout-{i}" for i in range(60)}


def items(n: int, per_cluster: int = 0) -> list[Item]:
    row = Row({}, "t", 1)
    return [
        Item(
            row=row, inputs={"text": f"{i}"}, references=("x",), cluster=str(i // per_cluster) if per_cluster else None
        )
        for i in range(n)
    ]


def test_the_advised_size_is_that_of_the_plan() -> None:
    found = advise(items(10_000), "classification", min_gain=0.05, least=20)
    assert found.n == paired_n(0.30**0.5, 0.05, alpha=0.05, power=0.8) == 742
    assert found.reason == (
        "742 held-out rows: enough to show a gain of 5 points with 80% power at alpha 0.05, "
        "if two systems differ on up to 30% of the answers"
    )
    assert advise(items(10_000, 5), "classification", min_gain=0.05, least=20).n == round(742 * 1.4)
    assert advise(items(1000), "classification", min_gain=0.05, least=20).n == 300
    assert advise(items(40), "qa", min_gain=0.05, least=20).n == 20
