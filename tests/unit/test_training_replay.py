"""General rows beside the task's rows: how many, which, and what is refused."""

from pathlib import Path

import pytest

from evalgate.core.data import Message, Recipe, Replay
from evalgate.core.errors import UsageError
from evalgate.training.data import TrainRow, ordered
from evalgate.training.replay import with_replay

ROWS = [
    TrainRow(id=f"r{i:03}", task="t", messages=(Message(role="user", content=f"ask {i}"),), completion="fine")
    for i in range(140)
]


@pytest.fixture
def general(tmp_path: Path) -> Path:
    path = tmp_path / "replay.jsonl"
    path.write_text("".join(f'{{"prompt": "question {i}", "completion": "answer {i}"}}\n' for i in range(100)))
    return path


def recipe(path: Path, share: float, **fields: object) -> Recipe:
    return Recipe(name="r", prompts={}, **{"replay": Replay(path=str(path), share=share), **fields})


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 0), (0.1, 16), (0.125, 20), (0.3, 60), (0.4, 93)])
def test_the_share_is_that_of_general_rows_among_all_rows(general: Path, share: float, wanted: int) -> None:
    rows = with_replay(recipe(general, share), ROWS)
    assert sum(row.task == "replay" for row in rows) == wanted
    assert wanted / len(rows) == pytest.approx(share, abs=0.5 / len(ROWS))


def test_without_replay_the_rows_are_those_of_the_seed_and_nothing_else() -> None:
    plain = Recipe(name="r", prompts={}, seed=5, max_rows=30)
    assert with_replay(plain, ROWS) == list(ordered(ROWS, 5, 30))
    assert set(with_replay(Recipe(name="r", prompts={}), ROWS)) == set(ROWS)


def test_max_rows_counts_task_rows_which_replay_leaves_as_they_are(general: Path) -> None:
    rows = with_replay(recipe(general, 0.5, max_rows=40, seed=5), ROWS)
    assert rows[:40] == with_replay(Recipe(name="r", prompts={}, max_rows=40, seed=5), ROWS)
    assert (len(rows), {row.task for row in rows[40:]}) == (80, {"replay"})


def test_general_rows_are_whole_differ_and_depend_on_the_seed(general: Path) -> None:
    def drawn(seed: int) -> list[TrainRow]:
        return [row for row in with_replay(recipe(general, 0.3, seed=seed), ROWS) if row.task == "replay"]

    assert drawn(1) == drawn(1) != drawn(2)
    assert len(set(drawn(1))) == 60
    for row in drawn(1):
        number = row.id.removeprefix("replay-")
        assert row.messages == (Message(role="user", content=f"question {number}"),)
        assert row.completion == f"answer {number}"


def test_more_rows_than_the_file_has_are_refused(general: Path) -> None:
    with pytest.raises(UsageError) as caught:
        with_replay(recipe(general, 0.5), ROWS)
    assert str(caught.value) == (
        f"error[bad-replay]: recipe 'r' replays 140 rows, but the file has 100\n  at: {general}\n\n"
        "hint: lower `replay.share` or add rows to the file"
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("words", "JSON is malformed: invalid character (byte 0)"),
        ('{"prompt": "a"}', "Object missing required field `completion`"),
        ('{"prompt": "a", "completion": 3}', "Expected `str`, got `int` - at `$.completion`"),
        ("", "Input data was truncated"),
    ],
)
def test_a_line_that_is_no_row_is_named(general: Path, line: str, why: str) -> None:
    general.write_text('{"prompt": "a", "completion": "b"}\n' + line + "\n")
    with pytest.raises(UsageError) as caught:
        with_replay(recipe(general, 0.3), ROWS)
    assert str(caught.value) == (
        f"error[bad-replay]: a replay row cannot be read: {why}\n  at: {general}:2\n\n"
        'hint: write one object a line: {"prompt": "...", "completion": "..."}'
    )
