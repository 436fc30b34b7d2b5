"""A folder as one commit of a repository on the Hugging Face Hub, through `huggingface_hub`."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evalgate.core.errors import EvalgateError, UsageError
from evalgate.pushing.contents import PROVENANCE, SIGNATURE, Contents, read_object, subjects_of
from evalgate.pushing.refusals import Place, differs, need, refusal, status_of

# What a library would load along with the folder's own files, or instead of them.
LOADED = ("*.safetensors", "*.bin", "config.json", "adapter_config.json")


def push(contents: Contents, target: str, *, private: bool) -> str:
    """See `push_hub`."""
    need("huggingface_hub", "hub")
    repo, branch = _parsed(target)
    from huggingface_hub import HfApi, constants, get_token

    address = os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT
    place = _place(repo, f"{address}/{repo}", known=bool(get_token()))
    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise EvalgateError(
            f"{place.what} was not pushed to: HF_HUB_OFFLINE forbids it",
            code="push-offline",
            fix="unset HF_HUB_OFFLINE and push again",
            where=place.where,
        )
    try:
        return _Repository(HfApi(endpoint=address, library_name="evalgate"), repo, branch, place).push(
            contents, private=private
        )
    except Exception as error:
        raise refusal(error, place) from error


class _Repository:
    """A branch of a model repository."""

    def __init__(self, api: Any, repo: str, branch: str, place: Place) -> None:
        self._api, self._repo, self._branch, self._place = api, repo, branch, place

    def push(self, contents: Contents, *, private: bool) -> str:
        """Make what is missing, commit what differs, read it back."""
        api, repo, branch = self._api, self._repo, self._branch
        api.create_repo(repo, private=private, exist_ok=True, repo_type="model")
        if branch != "main":
            api.create_branch(repo, branch=branch, exist_ok=True)
        head = api.repo_info(repo, revision=branch).sha
        there = self._tree(head)
        stale = self._stale(contents, there, head)
        if not stale and not _differing(contents, there):
            return f"{self._place.where}/commit/{head}"
        commit = self._commit(contents, stale, head)
        if wrong := _differing(contents, self._tree(commit.oid)):
            raise differs(wrong, len(contents.files), self._place)
        return str(commit.commit_url)

    def _commit(self, contents: Contents, stale: list[str], head: str) -> Any:
        # `upload_folder` of newer clients makes several commits of one folder; this is one, or none.
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        papers = contents.papers
        operations: list[Any] = [CommitOperationDelete(path_in_repo=name) for name in stale]
        operations += [
            CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(contents.path(name))) for name in contents.files
        ]
        try:
            return self._api.create_commit(
                self._repo,
                operations,
                commit_message=papers.title,
                commit_description="\n".join(f"{name}: {value}" for name, value in papers.tags.items()),
                revision=self._branch,
                parent_commit=head,
            )
        except Exception as error:
            if status_of(error) in (409, 412):
                raise EvalgateError(
                    f"{self._place.what} was not pushed to: somebody else has pushed to '{self._branch}' meanwhile",
                    code="push-raced",
                    fix="look at what they pushed, and push again",
                    where=self._place.where,
                ) from error
            raise

    def _tree(self, revision: str) -> dict[str, Any]:
        found = self._api.list_repo_tree(self._repo, revision=revision, recursive=True)
        return {entry.path: entry for entry in found if hasattr(entry, "blob_id")}

    def _stale(self, contents: Contents, there: dict[str, Any], head: str) -> list[str]:
        """Files of the promotion that lies there which this one does not have. Raises `push-foreign`."""
        gone = sorted(name for name in there if name not in contents.files and not name.startswith("."))
        ours = {PROVENANCE, SIGNATURE}
        if gone and PROVENANCE in there:
            with TemporaryDirectory() as folder:
                path = self._api.hf_hub_download(self._repo, PROVENANCE, revision=head, local_dir=folder)
                ours |= subjects_of(read_object(Path(path))).keys()
        for name in gone:
            if name not in ours and any(fnmatch(name, pattern) for pattern in LOADED):
                raise EvalgateError(
                    f"the repository holds {name}, which was not promoted and would be loaded along with what is",
                    code="push-foreign",
                    fix="push to a repository or a branch of its own, or delete that file there first",
                    where=f"{self._place.where}/blob/{self._branch}/{name}",
                )
        return [name for name in gone if name in ours]


def _differing(contents: Contents, there: dict[str, Any]) -> list[str]:
    """The folder's files that a tree lacks or has otherwise."""
    wrong = []
    for name, digest in contents.files.items():
        entry = there.get(name)
        found = None if entry is None else entry.lfs.sha256 if entry.lfs else entry.blob_id
        if found != (digest.sha256 if entry is not None and entry.lfs else digest.blob):
            wrong.append(name)
    return wrong


def _parsed(target: str) -> tuple[str, str]:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    repo, at, branch = target.removeprefix("hf://").partition("@")
    try:
        validate_repo_id(repo)
    except HFValidationError:
        repo = ""
    if repo.count("/") != 1 or (at and (not branch or branch.startswith(("refs/", "-")) or " " in branch)):
        raise UsageError(
            f"'{target}' names no repository on the Hugging Face Hub",
            code="push-target",
            fix="write `hf://OWNER/NAME` or `hf://OWNER/NAME@BRANCH`",
        )
    return repo, branch or "main"


def _place(repo: str, where: str, *, known: bool) -> Place:
    token = "a token that it accepts" if known else "a token with write access"
    owner = repo.partition("/")[0]
    return Place(
        what=f"'{repo}'",
        where=where,
        login=f"`hf auth login`, or set HF_TOKEN to {token}",
        grant=f"give the token write access to '{owner}', or push to an owner that it may write to",
    )
