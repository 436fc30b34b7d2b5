"""A base model from the Hugging Face hub or its cache, and one clear error for each way in which it cannot be had."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from evalgate.core.data import ModelSpec
from evalgate.core.errors import EvalgateError, UsageError

PLACE = "suite.yaml: model.id"
LOCAL = "give a local folder with `--model FOLDER`"


def fetch(spec: ModelSpec, patterns: Sequence[str], *, offline: bool = False) -> Path:
    """The folder of a hub model's files that match, fetched where the cache lacks them.

    Raises `base-model-missing`, `model-gated`, `revision-missing`, or `hub-unreachable`.
    """
    from huggingface_hub import errors, snapshot_download

    try:
        return Path(
            snapshot_download(spec.id, revision=spec.revision, allow_patterns=list(patterns), local_files_only=offline)
        )
    except errors.GatedRepoError as error:
        raise _gated(spec) from error
    except errors.RevisionNotFoundError as error:
        raise UsageError(
            f"the base model '{spec.id}' has no revision '{spec.revision or 'main'}' on the hub",
            code="revision-missing",
            fix="correct `model.revision` in suite.yaml: a commit, tag or branch of the model",
            where="suite.yaml: model.revision",
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        token = "" if _token() else "; for a private one set HF_TOKEN"
        raise UsageError(
            f"the hub has no model '{spec.id}'",
            code="base-model-missing",
            fix=f"correct `model.id` in suite.yaml{token}; or {LOCAL}",
            where=PLACE,
        ) from error
    except Exception as error:
        raise _unreachable(spec, error) from error


def _gated(spec: ModelSpec) -> UsageError:
    account = "the account of HF_TOKEN" if _token() else "the hub, without HF_TOKEN,"
    does = "has no access to it" if _token() else "gives it to nobody"
    return UsageError(
        f"the base model '{spec.id}' is gated: {account} {does}",
        code="model-gated",
        fix="accept its terms on the model's page and set HF_TOKEN to a token of that account that may read it; or "
        + LOCAL,
        where=PLACE,
    )


def _unreachable(spec: ModelSpec, error: Exception) -> EvalgateError:
    """No network, a hub that is down, or an answer that is none; what was cached before is used without it."""
    from huggingface_hub import errors

    cause = error.__cause__ or error
    if isinstance(cause, errors.OfflineModeIsEnabled) or os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        why, fix = "HF_HUB_OFFLINE forbids to fetch it", f"unset HF_HUB_OFFLINE once; or {LOCAL}"
    else:
        why = f"the hub cannot be reached ({type(cause).__name__})"
        fix = f"check network and proxy, and repeat the command; or {LOCAL}"
    return EvalgateError(
        f"the base model '{spec.id}' is not in this machine's cache, and {why}",
        code="hub-unreachable",
        fix=fix,
        where=PLACE,
    )


def _token() -> bool:
    from huggingface_hub import get_token

    return bool(get_token())
