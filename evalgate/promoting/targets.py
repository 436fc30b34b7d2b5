"""Where a promotion goes: a folder, a repository on the Hugging Face Hub, a model of an MLflow registry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

from evalgate.core.errors import UsageError

HUB, MLFLOW = "hf://", "mlflow://"
_FORMS = {
    HUB: re.compile(r"hf://[\w.-]+/[\w.-]+(@[^@\s]+)?"),
    MLFLOW: re.compile(r"mlflow://[^@\s/][^@/]*(@[^@\s/]+)?"),
}


class Target(NamedTuple):
    """A target as it was written, and its kind."""

    kind: Literal["folder", "hub", "mlflow"]
    text: str

    @property
    def folder(self) -> Path:
        """The folder of a target that is one."""
        return Path(self.text).expanduser()


def parse_target(text: str) -> Target:
    """`hf://OWNER/NAME[@BRANCH]`, `mlflow://MODEL_NAME[@ALIAS]`, else a folder. Raises `bad-target`."""
    for scheme, form in _FORMS.items():
        if text.startswith(scheme):
            if not form.fullmatch(text):
                raise _bad(text)
            return Target("hub" if scheme == HUB else "mlflow", text)
    if not text.strip() or re.match(r"[a-zA-Z][\w+.-]*:/", text):
        raise _bad(text)
    return Target("folder", text)


def push(folder: Path, target: Target) -> str:
    """Send a finished folder to the hub or a registry; gives its address there, and raises what the push does."""
    from evalgate.pushing import push_hub, push_mlflow  # network clients only where one is asked for

    return (push_hub if target.kind == "hub" else push_mlflow)(folder, target.text)


def _bad(text: str) -> UsageError:
    return UsageError(
        f"'{text}' is no place to promote to",
        code="bad-target",
        fix="write a folder, `hf://OWNER/NAME[@BRANCH]` or `mlflow://MODEL_NAME[@ALIAS]`",
    )
