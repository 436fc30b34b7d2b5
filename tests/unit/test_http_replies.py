"""Replies and headers of servers, read without a network; how many requests may be under way."""

import json

import pytest

from evalgate.backends.http_pace import Pace, retry_after_s
from evalgate.backends.http_replies import EventStream, Trouble, read_reply, whole_characters


def test_pace_grows_by_one_an_answer_then_by_one_a_round_and_halves_once_a_burst() -> None:
    pace = Pace(64)
    assert pace.limit == 8
    for _ in range(100):
        pace.answered()
    assert pace.limit == 64
    pace.slow_down(started=1.0)
    for _ in range(63):
        pace.slow_down(started=0.5 * pace._slowed_at)
    assert pace.limit == 32
    pace.answered()
    assert pace.limit == 32 + 1 / 32
    assert Pace(4).limit == 4


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_number_or_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_stream_is_the_same_wherever_its_bytes_are_cut(cut: int) -> None:
    text = "grüße 😀 zum Ende"
    lines = [json.dumps({"choices": [{"delta": {"content": c}}]}, ensure_ascii=False) for c in text]
    data = "".join(f": comment\nevent: x\ndata: {line}\n\n" for line in lines).encode() + b"data: [DONE]"
    stream = EventStream()
    for start in range(0, len(data), cut):
        stream.feed(data[start : start + cut], float(start + 1))
    assert stream.close(99.0).output == text


def test_replies_of_all_shapes() -> None:
    parts = b'{"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}]}}]}'
    assert read_reply(parts, 1.0).output == "ab"
    refused = b'{"choices": [{"message": {"content": null, "refusal": "I cannot"}, "finish_reason": "stop"}]}'
    assert read_reply(refused, 1.0).output == "I cannot"
    filtered = b'{"choices": [{"message": {"content": null}, "finish_reason": "content_filter"}]}'
    assert read_reply(filtered, 1.0).failure is not None
    long = b'{"choices": [{"message": {"content": "a"}, "finish_reason": "length"}], "extra": NaN}'
    assert read_reply(long, 1.0).status == "truncated"
    for bad in (b"[]", b"{}", b"<html>", b'{"error": "no"}', b'{"choices": [{}]}', b"[" * 100_000):
        with pytest.raises(Trouble):
            read_reply(bad, 1.0)
    assert whole_characters("a\ud83d\ude00b\ud800") == "a\U0001f600b\ufffd"
