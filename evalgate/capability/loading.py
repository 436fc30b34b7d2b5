"""lm-eval's tasks by name, from the hub or from a mirror, without an index of the thousands that nobody asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import UNSET

from evalgate.capability.mirror import read_mirror
from evalgate.capability.names import needed_files
from evalgate.core.data import CapabilitySpec
from evalgate.core.errors import EvalgateError


def load_tasks(spec: CapabilitySpec, folder: Path) -> dict[str, Any]:
    """The tasks that a suite names, in its order, groups and tags as their tasks.

    Raises `unknown-capability-task`, `capability-data`, `no-mirror`, `mirror-incomplete`, `mirror-changed`.
    """
    own = folder / spec.include_path if spec.include_path else None
    files = needed_files(spec.tasks, own)
    if spec.mirror is UNSET:
        return load(list(spec.tasks), files)
    mirror = read_mirror(folder / spec.mirror)
    return load(list(spec.tasks), files, mirror.overrides(files, list(spec.tasks)))


def load(names: list[str], files: Mapping[str, Path], overrides: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Load tasks out of the files that they need; `overrides` are other settings by task. Raises `capability-data`."""
    from lm_eval.tasks import TaskManager

    with stubs(files, overrides or {}) as place, data_errors(names):
        manager = TaskManager(include_defaults=False, include_path=str(place))
        found: dict[str, Any] = manager.load(names)["tasks"]
    return found


@contextmanager
def stubs(files: Mapping[str, Path], overrides: Mapping[str, object]) -> Iterator[Path]:
    """A folder of one small file a task, which includes the real one: all that lm-eval then has to index."""
    with TemporaryDirectory(prefix="evalgate-tasks-") as place:
        for i, (name, path) in enumerate(files.items()):
            lines = {"include": str(path.resolve())} | dict(overrides.get(name) or {})  # type: ignore[call-overload]
            (Path(place) / f"{i:05}.yaml").write_text(json.dumps(lines))  # JSON is YAML
        yield Path(place)


@contextmanager
def data_errors(names: list[str]) -> Iterator[None]:
    """What `datasets` and the tasks' own code raise when there is no data, no network or a package is missing."""
    try:
        yield
    except ImportError as error:
        raise EvalgateError(
            f"the capability tasks {', '.join(names)} need a package: {_first_line(error)}",
            code="capability-data",
            fix="install it; lm-eval has extras for some tasks, e.g. `pip install 'lm_eval[ifeval]'`",
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise EvalgateError(
            f"the data of the capability tasks {', '.join(names)} cannot be loaded: {_first_line(error)}",
            code="capability-data",
            fix=f"connect to the hub; or run `evalgate capability mirror {' '.join(names)} --to FOLDER` where there is "
            "a network, and set `mirror: FOLDER` below `capability:` in suite.yaml",
        ) from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"
