"""`evalgate` whose model is a function: run by tests in a terminal, `SECONDS` is how long an answer takes."""

import os

from evalgate import job
from evalgate.backends.fake import FakeBackend
from evalgate.cli import main
from evalgate.core.results import Failure


def say(prompt: str) -> str | Failure:
    """Two answers, and none where a prompt has the number 2."""
    if "message 2" in prompt:
        return Failure(code="prompt-too-long", message="9 tokens")
    return "refund" if "message 1" in prompt else '{"order": "A1"}'


if __name__ == "__main__":
    seconds = float(os.environ["SECONDS"])
    job.open_model = lambda *_: FakeBackend(say, latency_s=seconds, digest="a function")
    main()
