"""Run folders: what a crash, a full disk or a second writer may and may not do to them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalgate.core.errors import EvalgateError
from evalgate.core.record import to_json_line
from evalgate.core.results import Failure, Prediction, Score
from evalgate.core.serving import LatencyPair
from evalgate.files import Appender, read_lines, read_record, write_atomic, write_record
from evalgate.store import RunFolder, load_run


def rows(n: int, first: int = 0) -> list[Failure]:
    return [Failure(code=f"c{i}", message="é" * 20) for i in range(first, first + n)]


@pytest.mark.parametrize("cut", [1, 5, 30, -1])
def test_a_torn_last_line_is_left_out_and_healed_before_more_is_appended(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    with Appender(path) as file:
        file.write(rows(3))
    whole = path.read_bytes()
    path.write_bytes(whole + to_json_line(rows(1, 3)[0])[:cut])
    assert read_lines(path, Failure) == rows(3)
    with Appender(path) as file:
        assert path.read_bytes() == whole
        file.write(rows(2, 3))
    assert read_lines(path, Failure) == rows(5)


def test_every_write_is_readable_at_once(tmp_path: Path) -> None:
    with Appender(tmp_path / "rows.jsonl") as file:
        for i in range(3):
            file.write(rows(1, i))
            assert read_lines(file.path, Failure) == rows(i + 1)


def test_no_file_is_no_rows_and_a_broken_line_is_an_error_with_a_fix(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert read_lines(path, Failure) == []
    path.write_bytes(b'{"code": 3}\n')
    with pytest.raises(EvalgateError) as caught:
        read_lines(path, Failure)
    assert str(caught.value) == (
        "error[broken-record]: a recorded line cannot be read: Expected `str`, got `int` - at `$[0].code`\n"
        f"  at: {path}\n\nhint: delete {path} and run again: only what it held is made anew"
    )


def test_an_atomic_write_replaces_whole_files_and_leaves_nothing_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.json"
    write_atomic(path, b"one")
    before = path.stat().st_ino
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_ino != before, "the old file was written over in place"
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_atomic(path, b"old")
    with pytest.raises(TypeError):
        write_atomic(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.json"]


def test_a_full_disk_is_an_error_with_a_fix_and_what_was_written_stays(small_disk: Path) -> None:
    path = small_disk / "predictions" / "rows.jsonl"
    with Appender(path) as file, pytest.raises(EvalgateError) as caught:
        for i in range(2000):
            file.write(rows(10, 10 * i))
    assert caught.value.code == "no-space"
    assert str(caught.value) == (
        "error[no-space]: no space left on the disk (0 MB free); what was written before is kept\n"
        f"  at: {path}\n\nhint: free some space and run the same command again: it goes on where it stopped"
    )
    kept = read_lines(path, Failure)
    assert len(kept) > 100
    assert kept == rows(len(kept))
    with pytest.raises(EvalgateError, match="no-space"):
        write_atomic(small_disk / "run.json", b"x" * 65536)
    assert [p.name for p in small_disk.iterdir()] == ["predictions"]
    (small_disk / "predictions" / "rows.jsonl").write_bytes(b"".join(map(to_json_line, kept[:50])))
    with Appender(path) as file:
        file.write(rows(3, 50))
    assert read_lines(path, Failure) == rows(53)


def test_a_read_only_disk_is_an_error_with_a_fix(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    path = small_disk / "run.json"
    with pytest.raises(EvalgateError) as caught:
        write_record(path, rows(1)[0])
    assert str(caught.value) == (
        "error[not-writable]: cannot write: Read-only file system\n"
        f"  at: {path}\n\nhint: choose another folder with `-o FOLDER` or change its permissions"
    )


def test_a_folder_has_one_writer_and_is_free_when_that_one_dies(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    code = (
        "import sys; from pathlib import Path; from evalgate.store import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).locked():\n    print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(EvalgateError) as caught, folder.locked():
            pytest.fail("two writers")
        other.kill()
    assert str(caught.value) == (
        f"error[run-locked]: another evalgate process is writing this run\n  at: {folder.folder}\n\n"
        "hint: wait for it to end, or give this run another folder with `-o FOLDER`"
    )
    with folder.locked(), pytest.raises(EvalgateError, match="run-locked"), folder.locked():
        pytest.fail("two writers")
    with folder.locked():
        pass


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
def test_what_is_no_run_folder_is_told_so(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "run"
    if kind == "empty":
        folder.mkdir()
    if kind == "file":
        folder.write_text("no folder")
    with pytest.raises(EvalgateError) as caught:
        load_run(folder)
    assert str(caught.value) == (
        f"error[not-a-run]: there is no run.json\n  at: {folder / 'run.json'}\n\n"
        f"hint: give the folder of a run, e.g. `ls {tmp_path}`; `evalgate run SUITE` makes one"
    )


def test_a_record_of_another_version_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"code": "c", "message": "m", "colour": 1}')
    with pytest.raises(EvalgateError) as caught:
        read_record(path, Failure, fix="do that")
    assert str(caught.value) == (
        "error[broken-record]: run.json cannot be read: Object contains unknown field `colour`\n"
        f"  at: {path}\n\nhint: do that"
    )


def prediction(i: int, digest: str) -> Prediction:
    return Prediction(example_id=str(i), system="s", task="t", output="x", request_digest=digest)


def test_answers_to_other_requests_are_forgotten_with_all_that_followed_from_them(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    score = Score(example_id="0", system="s", task="t", metric="m", parts=(1.0,))
    pair = LatencyPair(example_id="0", task="t", baseline="b", candidate="s", baseline_s=1.0, candidate_s=1.0)

    def record() -> list[Path]:
        made = {
            folder.predictions("s", "t"): [prediction(0, "old"), prediction(1, "new")],
            folder.scores("s", "t"): [score],
            folder.scores("s", "capability"): [score],
            folder.latency("s"): [pair],
            folder.predictions("other", "t"): [prediction(0, "old")],
        }
        for path, records in made.items():
            path.unlink(missing_ok=True)
            with Appender(path) as file:
                file.write(records)
        return list(made)

    paths = record()
    folder.forget_others("s", "t", {"old", "new", "more"})
    assert [p.exists() for p in paths] == [True] * 5
    folder.forget_others("s", "t", {"new"})
    assert [p.exists() for p in paths] == [False] * 4 + [True]
    folder.forget_others("s", "t", {"new"})


def test_clearing_keeps_the_lock_that_is_held(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.locked():
        write_record(folder.run_file, rows(1)[0])
        folder.write_examples("t", [])
        folder.clear()
        assert os.listdir(tmp_path) == [".lock"]  # noqa: PTH208
