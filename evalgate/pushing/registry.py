"""A folder as one version of a model in an MLflow registry, through MLflow's own client."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from evalgate.core.errors import UsageError
from evalgate.pushing.contents import Contents, digest_file
from evalgate.pushing.refusals import Place, differs, need, refusal
from evalgate.training.trackers import undisturbed

PROJECT, FOLDER = "evalgate", "model"
# What stdout says is ours; and nobody waits minutes for a server that is away. Whoever sets these has others.
SETTINGS = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
# What databases behind registries hold of a description, a parameter and a tag.
DESCRIPTION_CHARS, VALUE_CHARS = 5000, 5000
NAME, ALIAS = re.compile(r"[^/:@\s][^/:@]*"), re.compile(r"(?!latest$|[vV]\d+$)[\w-]+")


def push(contents: Contents, target: str, tracking_uri: str | None) -> str:
    """See `push_mlflow`."""
    name, alias = _parsed(target)
    need("mlflow", "mlflow")
    uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise UsageError(
            "no MLflow server is named",
            code="push-nowhere",
            fix="set MLFLOW_TRACKING_URI to the server's address",
        )
    place = Place(
        what=f"'{name}'",
        where=uri,
        login="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
        grant=f"give the account the right to edit '{name}' and the experiment '{_experiment_name()}'",
    )
    with _settings(), undisturbed():
        try:
            return _Registry(uri, name, place).push(contents, alias)
        except Exception as error:
            raise refusal(error, place) from error


class _Registry:
    """One registered model on one server."""

    def __init__(self, uri: str, name: str, place: Place) -> None:
        from mlflow.tracking import MlflowClient

        for chatty in ("mlflow", "alembic"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._client, self._uri, self._name, self._place = MlflowClient(tracking_uri=uri), uri, name, place

    def push(self, contents: Contents, alias: str) -> str:
        """The version that is there, or a new one, compared; the alias comes last."""
        self._register()
        version = self._known(contents)
        if version is None:
            version = self._new(contents)
        else:
            at = self._client.get_model_version_download_uri(self._name, version)
            self._compare(contents, contents.model, at)
        if alias:
            self._client.set_registered_model_alias(self._name, alias, version)
        return f"models:/{self._name}/{version}"

    def _register(self) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_registered_model(self._name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            try:
                self._client.create_registered_model(self._name)
            except MlflowException as late:  # another push was first
                if late.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def _known(self, contents: Contents) -> str | None:
        """The newest version of this artefact with this decision."""
        named = self._name.replace("'", "''")
        wanted = {f"{PROJECT}.{key}": contents.papers.tags.get(key) for key in ("artefact_digest", "decision_digest")}
        found, token = list[int](), None
        while True:
            page = self._client.search_model_versions(f"name = '{named}'", page_token=token)
            for version in page:
                if version.status == "READY" and all(version.tags.get(k) == v for k, v in wanted.items()):
                    found.append(int(version.version))
            token = page.token
            if not token:
                return str(max(found)) if found else None

    def _new(self, contents: Contents) -> str:
        """A run with the files and the numbers, compared before a version of it is in the registry."""
        client, papers = self._client, contents.papers
        from mlflow.tracking.artifact_utils import get_artifact_uri

        run_id = client.create_run(self._experiment(), run_name=papers.candidate or self._name).info.run_id
        try:
            self._log(run_id, contents)
            for name in contents.files:
                client.log_artifact(run_id, str(contents.path(name)), f"{FOLDER}/{name}".rpartition("/")[0])
            source = get_artifact_uri(run_id, FOLDER, tracking_uri=self._uri)
            self._compare(contents, list(contents.files), source)
        except BaseException:
            with suppress(Exception):
                client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
        tags = {f"{PROJECT}.{key}": value for key, value in papers.tags.items()}
        made = client.create_model_version(
            self._name, source, run_id, tags=tags, description=papers.card[:DESCRIPTION_CHARS] or None
        )
        return str(made.version)

    def _log(self, run_id: str, contents: Contents) -> None:
        from mlflow.entities import Metric, Param, RunTag

        now, papers = int(time.time() * 1000), contents.papers
        texts = papers.tags | papers.texts
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0) for key, value in papers.figures.items()],
            params=[Param(key, value) for key, value in papers.tags.items()],
        )
        tags = [RunTag(f"{PROJECT}.{key}", value[:VALUE_CHARS]) for key, value in texts.items()]
        for start in range(0, len(tags), 100):  # no server takes more at once
            self._client.log_batch(run_id, tags=tags[start : start + 100])

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(_experiment_name())
        return str(found.experiment_id if found else self._client.create_experiment(_experiment_name()))

    def _compare(self, contents: Contents, names: list[str], source: str) -> None:
        """Fetch files one by one, as a later user would, and compare their digests. Raises `push-differs`."""
        from mlflow.artifacts import download_artifacts

        wrong, there = [], self._listed(names, source)
        for name in names:
            same = name in there
            if same:
                with TemporaryDirectory() as folder:
                    got = download_artifacts(f"{source}/{name}", dst_path=folder, tracking_uri=self._uri)
                    same = digest_file(Path(got)).sha256 == contents.files[name].sha256
            if not same:
                wrong.append(name)
        if wrong:
            raise differs(wrong, len(contents.files), self._place)

    def _listed(self, names: list[str], source: str) -> set[str]:
        """What lies in the folders that some files should lie in; fetching a missing file fails in many ways."""
        from mlflow.artifacts import list_artifacts

        found = set()
        for folder in sorted({name.rpartition("/")[0] for name in names}):
            at = f"{source}/{folder}" if folder else source
            for entry in list_artifacts(at, tracking_uri=self._uri):
                if not entry.is_dir:
                    name = entry.path.rpartition("/")[2]
                    found.add(f"{folder}/{name}" if folder else name)
        return found


def _experiment_name() -> str:
    return os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)


@contextmanager
def _settings() -> Iterator[None]:
    added = [key for key in SETTINGS if key not in os.environ]
    os.environ.update({key: SETTINGS[key] for key in added})
    try:
        yield
    finally:
        for key in added:
            del os.environ[key]


def _parsed(target: str) -> tuple[str, str]:
    name, at, alias = target.removeprefix("mlflow://").partition("@")
    if not NAME.fullmatch(name) or (at and not ALIAS.fullmatch(alias)):
        raise UsageError(
            f"'{target}' names no model of an MLflow registry",
            code="push-target",
            fix="write `mlflow://MODEL_NAME` or `mlflow://MODEL_NAME@ALIAS`; an alias has letters, digits, `_` and "
            "`-`, and is neither `latest` nor a version",
        )
    return name, alias
