"""Systems that nothing is trained for here: recorded answers, and candidates that the suite's server has by name."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from msgspec import UNSET

from evalgate.config.document import Document, did_you_mean
from evalgate.config.prompts import Prompts
from evalgate.core.data import RecordedFile, SuiteSpec, SystemDraft
from evalgate.core.prompts import AnswerRule


def recorded_draft(document: Document, suite: SuiteSpec) -> SystemDraft | None:
    """A `kind: recorded` file; its paths are seen from its own folder. None, with problems noted, if it is wrong."""
    from evalgate.config.schema import parse
    from evalgate.config.schema_entrants import RecordedYaml

    parsed = parse(document, RecordedYaml)
    if parsed is None:
        return None
    tasks, files = [task.name for task in suite.tasks], {}
    for name, written in parsed.predictions.items():
        if name not in tasks:
            document.problem(("predictions", name), f"there is no such task{did_you_mean(name, tasks)}")
            continue
        path = Path(os.path.normpath(document.path.parent / Path(written.file).expanduser()))
        if not path.is_file():
            document.problem(("predictions", name), f"there is no file '{path}'")
        files[name] = RecordedFile(
            path=str(path),
            id=written.id,
            output=written.output,
            filter=written.filter,
            answer=AnswerRule(**written.answer.model_dump()) if written.answer else UNSET,
        )
    return SystemDraft(
        name=parsed.name or document.path.stem,
        kind="recorded",
        prompts={},
        description=parsed.description,
        path=str(document.path),
        predictions=files,
    )


def entrant(
    document: Document, suite: SuiteSpec, fields: Mapping[str, Collection[str]] | None, names: Collection[str]
) -> SystemDraft | None:
    """A candidate of `kind: api` or `recorded`; it must serve every task. None, with problems noted, if it is wrong."""
    api = document.data.get("kind") == "api"
    draft = _api_draft(document, suite, fields, names) if api else recorded_draft(document, suite)
    if draft is not None and draft.tasks:
        missing = [task.name for task in suite.tasks if task.name not in draft.tasks]
        if missing:
            key = next(key for key in ("predictions", "prompts_from", "prompts") if key in document.data)
            document.problem((key,), f"a candidate must serve every task of the suite; missing: {', '.join(missing)}")
    return draft


def _api_draft(
    document: Document, suite: SuiteSpec, fields: Mapping[str, Collection[str]] | None, names: Collection[str]
) -> SystemDraft | None:
    from evalgate.config.schema import parse
    from evalgate.config.schema_entrants import ApiYaml

    parsed = parse(document, ApiYaml)
    if parsed is None:
        return None
    if not suite.model.server:
        document.problem(("kind",), "an api candidate needs `backend: openai_http` in the `model:` of suite.yaml")
    return SystemDraft(
        name=parsed.name or document.path.stem,
        kind="api",
        prompts=Prompts(document, suite, fields, names).of_recipe(parsed),
        description=parsed.description,
        path=str(document.path),
        model=parsed.model,
    )
