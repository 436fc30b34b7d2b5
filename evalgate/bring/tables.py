"""Parquet, Arrow and Hugging Face datasets into rows; pyarrow and datasets come with the extra `run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from evalgate.bring.rows import Row, Table, fault
from evalgate.core.errors import EvalgateError, UsageError
from evalgate.core.record import digest_bytes

ROW = ", row "
SAVED = ("dataset_dict.json", "dataset_info.json")


def read_parquet(path: Path, _notes: list[str]) -> list[Row]:
    """Every row; nested columns become objects and lists. Raises `package-missing`, `bad-parquet` or `not-utf8`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        _no_package("pyarrow", f"reading {path.name}")
    values: list[dict[str, Any]] = []
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                values += batch.to_pylist()
    except UnicodeDecodeError as error:
        where, text = f"{path}{ROW}{len(values) + 1} or one of the 999 after it", f"a text is not UTF-8: {error.reason}"
        fault(text, where, "write the column as UTF-8 text", code="not-utf8")
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        text = f"this is not a whole Parquet file: {first}"
        fault(text, f"{path}{ROW}{len(values) + 1}", "write or download the file again", code="bad-parquet")
    return [Row(row, str(path), number, ROW) for number, row in enumerate(values, 1)]


def is_saved_dataset(folder: Path) -> bool:
    """Whether `save_to_disk` of the package datasets wrote the folder."""
    return (folder / SAVED[0]).is_file() or ((folder / SAVED[1]).is_file() and (folder / "state.json").is_file())


def read_saved(folder: Path) -> list[Table]:
    """A folder of `save_to_disk`, one table a split; raises `package-missing` or `bad-dataset`."""
    try:
        import datasets
    except ImportError:
        _no_package("datasets", f"reading {folder}")
    try:
        loaded = datasets.load_from_disk(str(folder))
        return _tables(loaded, str(folder), "")
    except EvalgateError:
        raise
    except Exception as error:  # noqa: BLE001 - datasets raises whatever Arrow and JSON raise
        text = f"the saved dataset cannot be read: {_first_line(error)}"
        raise EvalgateError(
            text, code="bad-dataset", fix="save it again with `dataset.save_to_disk(FOLDER)`", where=str(folder)
        ) from None


def read_hub(name: str, revision: str | None, subset: str | None) -> tuple[list[Table], str]:
    """A dataset of the hub, one table a split, and its commit; raises `package-missing` or `hub-failed`."""
    try:
        import datasets
        from huggingface_hub import HfApi
    except ImportError:
        _no_package("datasets", f"asking the hub for '{name}'")
    try:
        commit = HfApi().dataset_info(name, revision=revision).sha or revision
        loaded = datasets.load_dataset(name, subset, revision=commit)
        return _tables(loaded, name, f"@{commit}"), str(commit)
    except EvalgateError:
        raise
    except Exception as error:  # noqa: BLE001 - and whatever the network raises
        raise UsageError(
            f"there is no file or folder '{name}', and the hub gives no dataset of that name: {_first_line(error)}",
            code="hub-failed",
            fix="correct the path; for the hub check name, --revision, --subset, HF_TOKEN and HF_HUB_OFFLINE, "
            "or download the files and give their folder",
            where=name,
        ) from None


def _tables(loaded: Any, path: str, at: str) -> list[Table]:
    parts = dict(loaded.items()) if isinstance(loaded, dict) else {None: loaded}
    tables = []
    for split, data in parts.items():
        notes: list[str] = []
        values = data.with_format(None).to_list()
        _name_labels(data.features, values, notes)
        where = f"{path}{at}" + (f"/{split}" if split else "")
        rows = [Row(row, where, number, ROW) for number, row in enumerate(values, 1)]
        digest = digest_bytes(where.encode(), str(getattr(data, "_fingerprint", "")).encode())
        tables.append(Table(where, rows, digest, split=None if split is None else str(split), notes=notes))
    return tables


def _name_labels(features: Any, values: list[dict[str, Any]], notes: list[str]) -> None:
    """A dataset may store labels as numbers beside their names; people and models read names."""
    for column, feature in features.items():
        names = getattr(feature, "names", None)
        if isinstance(names, list) and hasattr(feature, "int2str"):
            notes.append(f"the numbers of '{column}' were replaced by the names that the dataset gives them")
            for row in values:
                number = row[column]
                if isinstance(number, int) and 0 <= number < len(names):
                    row[column] = names[number]


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]


def _no_package(name: str, what: str) -> NoReturn:
    raise EvalgateError(
        f"{what} needs the package {name}, which is not installed",
        code="package-missing",
        fix="pip install 'evalgate-harness[run]', or bring the rows as JSONL or CSV",
    )
