"""What an OpenAI-compatible server sends back, as an answer or as the reason why it is none. No network here."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from evalgate.core.results import Failure, Generation

FINISHED = b"[DONE]"
MESSAGE_CHARS = 300


class Trouble(Exception):  # noqa: N818 - it is not an error until tries run out
    """One try that gave no answer. `wait_s` is what the server asked for; `slow_down` whether it has too much to do."""

    def __init__(self, code: str, message: str, *, wait_s: float | None = None, slow_down: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.wait_s, self.slow_down = code, message, wait_s, slow_down


class _Message(msgspec.Struct):
    content: str | list[Any] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Reply)


def read_reply(data: bytes, latency_s: float) -> Generation:
    """The answer in a whole JSON reply; raises `Trouble` if there is none."""
    reply = _decode(data)
    if not reply.choices or reply.choices[0].message is None:
        raise Trouble("bad-reply", f"a reply without an answer: {excerpt(data)}")
    choice = reply.choices[0]
    assert choice.message is not None
    return _generation(_text(choice.message), choice.finish_reason, reply.usage, latency_s)


class EventStream:
    """A streamed reply, fed with bytes as they come; borders of lines and of characters may lie anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self._texts: list[str] = []
        self._usage: _Usage | None = None
        self._finish: str | None = None
        self.done = False
        self.first_token_s: float | None = None

    def feed(self, data: bytes, elapsed_s: float) -> None:
        """Take more bytes that had arrived `elapsed_s` after the request was sent; raises `Trouble` for a bad event."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._event(line[5:].strip(), elapsed_s)

    def _event(self, data: bytes, elapsed_s: float) -> None:
        if not data or data == FINISHED:
            self.done = self.done or data == FINISHED
            return
        reply = _decode(data)
        self._usage = reply.usage or self._usage
        for choice in reply.choices[:1]:
            text = _text(choice.delta) if choice.delta is not None else ""
            if text:
                self._texts.append(text)
                if self.first_token_s is None:
                    self.first_token_s = elapsed_s
            self._finish = choice.finish_reason or self._finish

    def close(self, latency_s: float) -> Generation:
        """The answer; raises `Trouble` if the stream broke off before its end was told."""
        if self._rest.startswith(b"data:"):
            self.feed(b"\n", latency_s)
        if not self.done and self._finish is None:
            raise Trouble("truncated-stream", f"the stream broke off after {len(self._texts)} pieces")
        answer = _generation("".join(self._texts), self._finish, self._usage, latency_s)
        return msgspec.structs.replace(answer, first_token_s=self.first_token_s)


def error_text(data: bytes) -> str:
    """What an error reply says, in one line."""
    try:
        reply = json.loads(data)
        error = reply.get("error", reply.get("detail", reply.get("message", reply)))
        text = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        return excerpt(data)
    return excerpt(str(text).encode("utf-8", "replace"))


def excerpt(data: bytes) -> str:
    """The beginning of some bytes, in one line."""
    text = " ".join(data[: 4 * MESSAGE_CHARS].decode("utf-8", "replace").split())
    return whole_characters(text[:MESSAGE_CHARS]) or "(nothing)"


def whole_characters(text: str) -> str:
    """A text that can be written as UTF-8: pairs of surrogates are joined, single ones replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _decode(data: bytes) -> _Reply:
    try:
        reply = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        reply = _decode_loosely(data)
    if reply.error is not None:
        raise Trouble("http-5xx", f"an error in place of an answer: {error_text(data)}", slow_down=True)
    return reply


def _decode_loosely(data: bytes) -> _Reply:
    """Bytes that are not UTF-8 and surrogates without their pair are replaced; what is still wrong is `Trouble`."""
    try:
        return msgspec.convert(json.loads(data.decode("utf-8", "replace")), _Reply, strict=False)
    except (ValueError, RecursionError) as error:  # msgspec's validation errors are ValueErrors
        raise Trouble("bad-json", f"the reply cannot be read ({error}): {excerpt(data)}") from None


def _text(message: _Message) -> str:
    """Content, or the refusal in its place; content may come in parts."""
    content = message.content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    return content or message.refusal or ""


def _generation(text: str, finish: str | None, usage: _Usage | None, latency_s: float) -> Generation:
    n_prompt, n_new = (usage.prompt_tokens, usage.completion_tokens) if usage else (None, None)
    if finish == "content_filter" and not text:
        failure = Failure(code="content-filter", message="the server's filter withheld the answer")
        return Generation(output=None, status="error", failure=failure, prompt_tokens=n_prompt)
    return Generation(
        output=whole_characters(text).strip(),
        status="truncated" if finish == "length" else "ok",
        latency_s=latency_s,
        prompt_tokens=n_prompt,
        completion_tokens=n_new,
    )
