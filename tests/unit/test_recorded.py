"""Files of answers that were given elsewhere, of every kind."""

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_suite import write_rows

from evalgate.backends.recorded_files import read_recorded
from evalgate.core.data import RecordedFile
from evalgate.core.errors import EvalgateError

KNOWN = {"1", "2", "3"}
WANTED = {"1": "a, b", "2": 'say "ü"\nagain', "3": None}


def read(path: Path, **keys: Any) -> dict[str, str | None]:
    rows, _ = read_recorded(RecordedFile(path=str(path), **keys), KNOWN, "qa")
    return {name: row.output for name, row in rows.items()}


def jsonl(path: Path) -> None:
    write_rows(path, [{"id": int(i), "output": text, "more": 1} for i, text in WANTED.items()])


def predictions(path: Path) -> None:
    write_rows(path, [{"example_id": i, "output": text, "status": "ok"} for i, text in WANTED.items()])


def lm_eval(path: Path) -> None:
    rows = [
        {"doc_id": int(i), "doc": {"q": "?"}, "target": "x", "resps": [["raw"]], "filtered_resps": [text], "filter": f}
        for i, text in WANTED.items()
        for f in ("none",)
    ]
    write_rows(path, rows)  # type: ignore[arg-type]


def parquet(path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"id": list(WANTED), "output": list(WANTED.values())})
    pyarrow.parquet.write_table(table, path)


def inspect(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as log:
        log.writestr("header.json", json.dumps({"version": 2}))
        log.writestr("summaries.json", "[]")
        for i, text in WANTED.items():
            content: object = text if i == "1" else [{"type": "text", "text": text}]
            choice = {"message": {"role": "assistant", "content": content}, "stop_reason": "stop"}
            sample = {"id": int(i), "epoch": 1, "output": {"model": "m", "choices": [choice]}}
            if text is None:
                sample |= {"output": {"model": "m", "choices": []}, "error": {"message": "timeout"}}
            log.writestr(f"samples/{i}_epoch_1.json", json.dumps(sample))


def inspect_zstd(path: Path) -> None:
    """The log as Inspect packs it: every member is a Zstandard frame, which `zipfile` can store but not make."""
    import pyarrow

    plain = path.with_suffix(".zip")
    inspect(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as log:
        texts = {name: old.read(name) for name in old.namelist()}
        for name, text in texts.items():
            log.writestr(name, pyarrow.Codec("zstd").compress(text, asbytes=True))
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as log:
        entries, central = log.infolist(), log.start_dir
    for entry in entries:
        text = texts[entry.filename]
        size = struct.pack("<II", entry.compress_size, len(text))
        for start, shift in ((entry.header_offset, 0), (central, 2)):
            data[start + 8 + shift : start + 10 + shift] = struct.pack("<H", 93)
            data[start + 14 + shift : start + 26 + shift] = struct.pack("<I", zlib.crc32(text)) + size
        central += 46 + len(entry.filename) + len(entry.extra) + len(entry.comment)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", jsonl),
        ("p.jsonl", predictions),
        ("samples_qa.jsonl", lm_eval),
        ("a.parquet", parquet),
        ("a.eval", inspect),
        ("z.eval", inspect_zstd),
    ],
)
def test_every_kind_of_file_gives_the_same_answers(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    assert read(tmp_path / name) == WANTED


def test_csv_and_columns_of_other_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffkey,said\r\n1,"a, b"\r\n2,"say ""ü""\nagain"\r\n3,\r\n')
    assert read(path, id="key", output="said") == WANTED | {"3": ""}
    write_rows(tmp_path / "b.jsonl", [{"meta": {"id": "1"}, "answer": {"order": "ü"}}])
    assert read(tmp_path / "b.jsonl", id="meta.id", output="answer") == {"1": '{"order": "ü"}'}


def test_lm_eval_filters_are_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    rows = [{"doc_id": 0, "doc": {"id": "1"}, "filtered_resps": [f], "filter": f} for f in ("strict", "loose")]
    write_rows(path, rows)  # type: ignore[arg-type]
    assert read(path, filter="loose") == {"1": "loose"}
    assert fault(path).what == "the file holds the answers of several filters: loose, strict"
    assert fault(path, filter="x").what == "no line has the filter 'x'; there are: loose, strict"


def fault(path: Path, **keys: Any) -> EvalgateError:
    with pytest.raises(EvalgateError) as caught:
        read(path, **keys)
    return caught.value


def test_unknown_and_doubled_ids_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "output": "a"}\n\n{"id": "9", "output": "b"}\n')
    assert str(fault(path)) == (
        f"error[unknown-id]: the held-out set of task 'qa' has no example '9'\n  at: {path}:3\n\n"
        "hint: take the row out, or give the ids of the held-out set, such as '1'"
    )
    path.write_text('{"id": "1", "output": "a"}\n{"id": 1, "output": "b"}\n')
    assert str(fault(path)) == (
        f"error[duplicate-id]: the id '1' stands twice, first at 1\n  at: {path}:2\n\n"
        "hint: keep one answer for each example"
    )


@pytest.mark.parametrize(
    ("name", "data", "what", "line"),
    [
        ("a.jsonl", b'{"id": "1", "text": "a"}', "there is no 'output'; the row has: id, text", ":1"),
        ("a.jsonl", b'{"output": "a"}', "there is no 'id'; the row has: output", ":1"),
        ("a.jsonl", b'{"id": true, "output": "a"}', "the id must be a text or a whole number, not True", ":1"),
        ("a.jsonl", b"[1]", "line 1 is JSON, but not an object", ":1"),
        ("a.jsonl", b'{"id": "1"', "line 1 is not JSON: Expecting ',' delimiter: line 1 column 11 (char 10)", ":1"),
        ("a.jsonl", b'{"id": "\xff"}', "line 1 is not JSON: 'utf-8' codec can't decode byte 0xff in position 8", ":1"),
        ("a.jsonl", b"\n\n", "the file has no answers", ""),
        ("a.csv", b"id,output\n1,a,b\n", "line 2 has more or fewer cells than the header", ":2"),
        ("a.csv", b"id,output\n1\n", "line 2 has more or fewer cells than the header", ":2"),
        ("a.csv", b'id,output\n1,"a', "this is not CSV: unexpected end of data", ":2"),
        ("a.csv", b"id,output\n1,\xff\n", "the file is not UTF-8 text (byte 12)", ""),
        ("a.parquet", b"PAR1", "this is not Parquet: Could not open Parquet input source", ""),
        ("a.eval", b"PK", "the log cannot be read: File is not a zip file", ""),
        ("a.xlsx", b"", "'a.xlsx' is of no known kind", ""),
        (
            "a.jsonl",
            b'{"doc_id": 1, "resps": [], "filtered_resps": [[-1.5, false]]}',
            "the answer is no text: lm-eval recorded likelihoods, or several answers",
            ":1",
        ),
    ],
)
def test_a_broken_file_is_one_error_with_its_place(
    tmp_path: Path, name: str, data: bytes, what: str, line: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    error = fault(path)
    assert error.code == "bad-recording"
    assert error.what.startswith(what)
    assert error.where == f"{path}{line}"


def test_a_log_of_several_epochs_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.eval", "w") as log:
        log.writestr("samples/1_epoch_2.json", '{"id": 1, "epoch": 2}')
    assert fault(tmp_path / "a.eval").what == "the log has more than one epoch"
