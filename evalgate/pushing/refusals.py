"""What a hub's or a registry's client raises, told apart: who may not, what cannot be reached, what is not taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from evalgate.core.errors import EvalgateError, UsageError

# A failure of one of these, without an answer, is one of the network.
TRANSPORTS = {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "socket", "ssl"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a push goes, as errors name it: `what` for people, `where` its address, `login` and `grant` as fixes."""

    what: str
    where: str
    login: str
    grant: str


def need(package: str, extra: str) -> None:
    """Raise `push-package` where a client is not installed."""
    if find_spec(package) is None:
        raise UsageError(
            f"pushing needs the package {package}, which is not installed",
            code="push-package",
            fix=f"`pip install 'evalgate-harness[{extra}]'`",
        )


def refusal(error: Exception, place: Place) -> EvalgateError:
    """An error of ours for whatever a client has raised; nothing of it is there as a version or as a commit."""
    if isinstance(error, EvalgateError):
        return error
    status = status_of(error)
    if status in (401, 403):
        return EvalgateError(
            f"{place.what} was not pushed to: "
            + (
                "the server does not know who pushes (401)"
                if status == 401
                else "the account may not write there (403)"
            ),
            code="push-denied",
            fix=place.login if status == 401 else place.grant,
            where=place.where,
        )
    if status >= 500 or (not status and _of_network(error)):
        root = type(_root(error)).__name__
        away = "answers with errors only" if root == "RetryError" else f"cannot be reached ({root})"
        said = f"answers {status}" if status else away
        return EvalgateError(
            f"{place.what} was not pushed to: the server {said}",
            code="push-unreachable",
            fix="check address, network and proxy, and push again: what was sent already is not sent twice",
            where=place.where,
        )
    said = (" ".join(str(error).split())[:300] or type(error).__name__) + (f" (HTTP {status})" if status else "")
    return EvalgateError(
        f"{place.what} was not pushed to: {said}",
        code="push-refused",
        fix="correct what it names, and push again",
        where=place.where,
    )


def differs(names: list[str], n_files: int, place: Place) -> EvalgateError:
    """`push-differs`, for files that were read back and are not what was sent."""
    more = f" and {len(names) - 1} more of {n_files} files" if len(names) > 1 else ""
    return EvalgateError(
        f"{names[0]}{more} on the server {'are' if more else 'is'} not what was pushed",
        code="push-differs",
        fix="do not serve from there; look at who else writes to it, and push again",
        where=place.where,
    )


def status_of(error: BaseException) -> int:
    """The HTTP status of a failure or of what has caused it; 0 if no server has answered."""
    for cause in _causes(error):
        found = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(found, int):
            return found
        if answered := _mlflow_status(cause):
            return answered
    return 0


def _mlflow_status(error: BaseException) -> int:
    """MLflow's own exceptions keep the status as a code; it tells of an answer only where there was one."""
    code = getattr(error, "get_http_status_code", None)
    answered = type(error).__name__ == "RestException" or "failed with error code" in str(error)
    return int(code()) if code is not None and answered else 0


def _of_network(error: BaseException) -> bool:
    return any(
        isinstance(cause, (ConnectionError, TimeoutError)) or type(cause).__module__.split(".")[0] in TRANSPORTS
        for cause in _causes(error)
    )


def _root(error: BaseException) -> BaseException:
    """The first failure of the network in the chain, whose name says most."""
    return next((c for c in _causes(error) if type(c).__module__.split(".")[0] in TRANSPORTS), error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = set[int]()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
