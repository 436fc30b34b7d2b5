"""This process: what libraries read from its environment, and memory that a finished stage leaves behind."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version

# Read by libraries when they are first imported. A short spin keeps OpenMP's threads from fighting where cores are
# shared; none at all (OMP_WAIT_POLICY=PASSIVE) makes training on idle cores 1.3 times slower (docs/log.md).
ENVIRONMENT = {"GOMP_SPINCOUNT": "20000", "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "bitsandbytes",
    "lm-eval",
    "aiohttp",
    "numpy",
    "scipy",
    "sacrebleu",
    "nltk",
)


def settle_environment() -> None:
    """Set what libraries read from the environment, unless the user has; before torch and tqdm are imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def standing_heap() -> Iterator[None]:
    """Leave out of every collection what exists now: modules and the model, which outlive the run anyway.

    A collection walked some 10^6 of torch's objects each time: 72% of the CPU time of a small run (docs/log.md).
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def no_collections() -> Iterator[None]:
    """Decode many records without a search for garbage in between; they refer to nothing in circles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def give_back_memory() -> None:
    """Hand what a finished stage left behind back to the system: glibc keeps it, and the next stage adds its own.

    A whole run kept 1 GB that way (docs/log.md). A C library without `malloc_trim` changes nothing.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@cache
def versions() -> dict[str, str]:
    """The versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("evalgate-harness", *PACKAGES):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def commit() -> str | None:
    """The commit of the working folder's repository, if it is in one."""
    try:
        asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None
