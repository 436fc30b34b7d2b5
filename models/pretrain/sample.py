"""One training sample, and how it is written down as a document."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

EOS = "</s>"


@dataclass(frozen=True, slots=True)
class Sample:
    """User contents and answers; `cue` means that the last content ends with a cue such as `Label:`."""

    kind: str
    turns: tuple[tuple[str, str], ...]
    cue: bool = False


def one(kind: str, content: str, answer: str, cue: bool = False) -> Sample:
    """A sample of one turn."""
    return Sample(kind, ((content, answer),), cue)


def chat(sample: Sample) -> str:
    """The chat form: `User: ...` and `Assistant: ...</s>` lines."""
    return "".join(f"User: {content}\nAssistant: {answer}{EOS}\n" for content, answer in sample.turns)


_PLAIN = (
    ("", "\n"),
    ("", "\n\n"),
    ("Question: ", "\nAnswer: "),
    ("Q: ", "\nA: "),
    ("Request: ", "\nReply: "),
    ("Task: ", "\nSolution: "),
    ("### Instruction\n", "\n\n### Response\n"),
    ("Instruction: ", "\nResponse: "),
    ("", "\n\nAnswer: "),
    ("Ask: ", "\nSay: "),
    ("> ", "\n"),
)


def plain(rng: Random, sample: Sample) -> str:
    """The plain-text form, without chat markers."""
    if sample.cue:
        return (
            "\n\n".join(
                f"{content} {answer}" if len(content) and content[-1] != "\n" else content + answer
                for content, answer in sample.turns
            )
            + EOS
            + "\n"
        )
    before, between = rng.choice(_PLAIN)
    return "\n\n".join(f"{before}{content}{between}{answer}" for content, answer in sample.turns) + EOS + "\n"
