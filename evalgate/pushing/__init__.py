"""A promoted folder, pushed: one commit on the Hugging Face Hub, or one version in an MLflow registry.

What was received is read back and compared by digest before anything is said to be there.
"""

from __future__ import annotations

from pathlib import Path

from evalgate.pushing.contents import read_contents


def push_hub(folder: Path, target: str, *, private: bool = True) -> str:
    """Push a folder to a repository on the Hugging Face Hub, as one commit; returns the commit's address.

    The same files again are no new commit. HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE are honoured.

    Args:
        folder: What `evalgate promote` has written.
        target: `OWNER/NAME` or `OWNER/NAME@BRANCH`, with or without `hf://` before it; repository and branch are
            made where they are missing.
        private: Whether a repository that is made is private; one that is there stays what it is.

    Raises: `push-target`, `push-package`, `push-empty`, `push-changed`, `push-offline`, `push-denied`,
        `push-unreachable`, `push-refused`, `push-foreign`, `push-raced`, `push-differs`, `broken-record`.
    """
    from evalgate.pushing.hub import push

    return push(read_contents(folder), target, private=private)


def push_mlflow(folder: Path, target: str, *, tracking_uri: str | None = None) -> str:
    """Push a folder to an MLflow registry, as one version of a model; returns `models:/NAME/VERSION`.

    The same artefact with the same decision again is the version that is there. The environment variables of MLflow's
    own client are honoured.

    Args:
        folder: What `evalgate promote` has written.
        target: `MODEL_NAME` or `MODEL_NAME@ALIAS`, with or without `mlflow://` before it; the alias is set once the
            version is there and compared.
        tracking_uri: The server; None: MLFLOW_TRACKING_URI.

    Raises: `push-target`, `push-package`, `push-nowhere`, `push-empty`, `push-changed`, `push-denied`,
        `push-unreachable`, `push-refused`, `push-differs`, `broken-record`.
    """
    from evalgate.pushing.registry import push

    return push(read_contents(folder), target, tracking_uri)
