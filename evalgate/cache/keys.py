"""What a kept answer is found by: the rendered prompt, and everything that moves the answer to it. No name is in it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from evalgate.core.data import Sampling
from evalgate.core.protocols import Request
from evalgate.core.record import Record, digest_of


class Answerer(Record, frozen=True, kw_only=True):
    """What gives the answers, by digests and versions.

    `model` is of all the base's files, `adapter` of the adapter's bytes, `tokenizer` and `template` of what renders the
    prompt and reads the answer; `code` is of the backend's own source.
    """

    backend: str
    model: str
    adapter: str | None = None
    tokenizer: str = ""
    template: str = ""
    dtype: str = ""
    quantization: str = "none"
    device: str = ""
    code: str = ""
    versions: dict[str, str] = {}


class AnswerKey(Record, frozen=True, kw_only=True):
    """One question: who answers, the prompt as token ids, how it is decoded, and which draw of several this is."""

    answerer: Answerer
    prompt: tuple[int, ...]
    sampling: Sampling
    repeat: int = 0

    @property
    def digest(self) -> str:
        """The key; any part that differs gives another one."""
        return digest_of(self)


@runtime_checkable
class Keyed(Protocol):
    """A backend that can say what its answers depend on; only such a one's answers are kept."""

    def answerer(self, adapter: str | None) -> Answerer | None:
        """What answers with this adapter; None if something that moves the answers has no digest."""

    def prompt_ids(self, request: Request) -> list[int]:
        """The token ids that the model is given: chat template and tokenizer applied."""
