"""Items of logs that hold several scorers or systems: Inspect's `.eval` and JSON logs, promptfoo's JSON."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from evalgate.backends.file_rows import fault, zip_member
from evalgate.comparing.sides import HASH, Asked, Item, choose_system
from evalgate.comparing.tables import text_of
from evalgate.comparing.values import column, content_of, letter, numbers

# promptfoo's `failureReason` for what failed otherwise than by an assertion.
ERROR = 2
UNREADABLE = (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error, zlib.error)


def inspect_zip(path: Path, data: bytes) -> Iterator[tuple[str, Any]]:
    """The samples of a `.eval` log, by their member's name."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as log:
            for name in sorted(n for n in log.namelist() if n.startswith("samples/") and n.endswith(".json")):
                yield name, json.loads(zip_member(log, name, data, path))
    except UNREADABLE as error:
        fault(f"the log cannot be read: {error}"[:300], str(path), "write the log again, or give it as JSON")


def inspect_model(path: Path, data: bytes) -> str:
    """The model that a `.eval` log names; empty where it has no header, as one that was cut short."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as log:
            return model_in(json.loads(zip_member(log, "header.json", data, path)))
    except (KeyError, *UNREADABLE):
        return ""


def model_in(header: Any) -> str:
    """The model that a log's header names, else empty."""
    found = header.get("eval") if isinstance(header, dict) else None
    return str(found.get("model") or "") if isinstance(found, dict) else ""


def read_inspect(path: Path, samples: Iterable[tuple[str, Any]], asked: Asked) -> list[Item]:
    """The items of an Inspect log; epochs are repeats. A sample that ended in an error has no score.

    A scorer's value counts as Inspect counts it: C 1, P one half, I and N 0; a value of several parts is `scorer.part`.
    """
    found = []
    for name, sample in samples:
        where = f"{path}:{name}"
        if not isinstance(sample, dict) or "id" not in sample:
            fault("a sample without id", where, "write the log again")
        asks = [sample.get("input"), sample.get("target")]
        content = content_of(asks)
        choices = (sample.get("output") or {}).get("choices") or []
        found.append(
            Item(
                id=content if asked.id == HASH else _own_id(sample, asked.id or "id", where),
                values={} if sample.get("error") is not None else _scorers(sample.get("scores") or {}),
                where=where,
                content=content,
                text=text_of(asks[0]),
                reference=text_of(asks[1]),
                output=_said(choices[0]) if choices else None,
                cluster=_cluster(sample, asked.cluster),
            )
        )
    return found


def _own_id(row: dict[str, Any], key: str, where: str) -> str:
    try:
        return str(column(row, key))
    except KeyError:
        fix = "name what identifies an item with `--id`, e.g. `metadata.id`"
        fault(f"there is no '{key}'; the item has: {', '.join(sorted(map(str, row)))}"[:300], where, fix)


def _cluster(row: dict[str, Any], key: str | None) -> str | None:
    try:
        value = column(row, key) if key else None
    except KeyError:
        return None
    return None if value is None else str(value)


def _scorers(scores: dict[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, score in scores.items():
        value = score.get("value") if isinstance(score, dict) else score
        parts = {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
        for part, one in parts.items():
            try:
                found[part] = letter(one)
            except ValueError:
                continue
    return found


def _said(choice: dict[str, Any]) -> str | None:
    content = (choice.get("message") or {}).get("content")
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else None


def read_promptfoo(
    path: Path, results: list[Any], asked: Asked, wanted: str | None, side: str
) -> tuple[str, list[Item]]:
    """One provider's and prompt's name and items; `success` is its own score, and so is each of `namedScores`.

    Results that ended in an error are unscored, though promptfoo writes 0. Raises `choose-system`, `bad-recording`.
    """
    rows = [row for row in results if isinstance(row, dict)]
    if len(rows) < len(results) or not rows:
        fault("a result is no object, or there is none", str(path), "give what `promptfoo eval -o FILE.json` writes")
    prompts: dict[str, list[object]] = {}
    for row in rows:
        shown = prompts.setdefault(_provider(row), [])
        shown += [row.get("promptIdx", 0)] if row.get("promptIdx", 0) not in shown else []
    systems: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for place, row in enumerate(rows):
        provider = _provider(row)
        several = len(prompts[provider]) > 1
        systems.setdefault(f"{provider}#{row.get('promptIdx', 0)}" if several else provider, []).append((place, row))
    name = choose_system([*systems], wanted, path, side)
    return name, [_result(row, f"{path}:results[{place}]", asked) for place, row in systems[name]]


def _provider(row: dict[str, Any]) -> str:
    provider = row.get("provider") or {}
    return str(provider.get("label") or provider.get("id")) if isinstance(provider, dict) else str(provider)


def _result(row: dict[str, Any], where: str, asked: Asked) -> Item:
    variables, response = row.get("vars"), row.get("response") or {}
    content = content_of(variables)
    known = row.get("testIdx")
    identity = (
        content if asked.id == HASH or (known is None and not asked.id) else _own_id(row, asked.id or "testIdx", where)
    )
    output = response.get("output") if isinstance(response, dict) else response
    reason = row.get("failureReason")
    failed = reason == ERROR or (reason is None and bool(row.get("error")) and output is None)
    scores = {"score": row.get("score"), "success": row.get("success"), **(row.get("namedScores") or {})}
    return Item(
        id=identity, values={} if failed else numbers(scores), where=where, content=content, text=text_of(variables),
        output=None if output is None else text_of(output), cluster=_cluster(row, asked.cluster),
    )  # fmt: skip
