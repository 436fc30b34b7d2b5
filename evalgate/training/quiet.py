"""Keeps the libraries' own log lines, warnings and progress bars off the terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator

CHATTY = ("accelerate", "bitsandbytes", "datasets", "huggingface_hub", "peft", "torch", "transformers", "trl")


@contextlib.contextmanager
def quiet(*, heard: bool = False) -> Iterator[None]:
    """Only errors get through, or all that libraries say if it shall be `heard`, but no bars; put back on leaving."""
    loggers = {name: logging.getLogger(name) for name in CHATTY}
    levels = {name: logger.level for name, logger in loggers.items()}
    # Read when `datasets` and `huggingface_hub` are first imported.
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    for logger in () if heard else loggers.values():
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        if not heard:
            warnings.simplefilter("ignore")
        from transformers.utils import logging as hf_logging

        bars, level = hf_logging.is_progress_bar_enabled(), hf_logging.get_verbosity()
        if not heard:
            hf_logging.set_verbosity_error()
        hf_logging.disable_progress_bar()
        try:
            yield
        finally:
            hf_logging.set_verbosity(level)
            if bars:
                hf_logging.enable_progress_bar()
            for name, logger in loggers.items():
                logger.setLevel(levels[name])
