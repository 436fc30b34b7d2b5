"""One process: ask a backend, write every answer at once, go on where a killed run stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from evalgate.core.protocols import Ask, Backend, Progress
from evalgate.core.record import Record
from evalgate.core.results import Generation, LatencyPair, Prediction
from evalgate.core.seeds import clock, rng
from evalgate.store import Appender, read_lines


def predict(
    asks: Sequence[Ask],
    *,
    system: str,
    task: str,
    adapter: str | None,
    backend: Backend,
    path: Path,
    progress: Progress,
) -> Iterator[Prediction]:
    """Give every answer once: first those recorded in `path`, then the missing ones, each written before it is given."""
    done = {p.example_id: p for p in read_lines(path, Prediction)}
    yield from (done[ask.example_id] for ask in asks if ask.example_id in done)
    missing = [ask for ask in asks if ask.example_id not in done]
    stage = progress.stage(f"{system} · {task}", len(asks), len(asks) - len(missing))
    with stage as tick, Appender(path) as file:
        for i, answer in backend.generate([ask.request for ask in missing], adapter=adapter):
            prediction = _prediction(missing[i], answer, system, task)
            file.write([prediction])
            yield prediction
            tick()


def _prediction(ask: Ask, answer: Generation, system: str, task: str) -> Prediction:
    return Prediction(
        example_id=ask.example_id,
        system=system,
        task=task,
        output=answer.output,
        status=answer.status,
        failure=answer.failure,
        latency_s=answer.latency_s,
        first_token_s=answer.first_token_s,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        context_ids=ask.context_ids,
        request_digest=ask.digest,
    )


class Contest(Record, frozen=True, kw_only=True):
    """The same example as the baseline and the candidate are asked it."""

    task: str
    baseline: str
    candidate: str
    baseline_ask: Ask
    candidate_ask: Ask
    candidate_adapter: str | None
    baseline_adapter: str | None = None


def measure_latency(
    contests: Sequence[Contest],
    *,
    n_pairs: int,
    n_warmup: int,
    seed: int,
    backend: Backend,
    path: Path,
    progress: Progress,
) -> list[LatencyPair]:
    """Time single calls in pairs, in random order within each pair, drawing examples evenly over the tasks.

    Nothing is cached: every call runs the model. The first `n_warmup` pairs of a session are dropped.
    """
    recorded = read_lines(path, LatencyPair)
    if not contests or len(recorded) >= n_pairs:
        return recorded[:n_pairs]
    random = rng(seed, "latency", contests[0].candidate)
    order = [int(i) for _ in range(1 + n_pairs // len(contests)) for i in random.permutation(len(contests))]
    first = [bool(b) for b in random.integers(0, 2, n_pairs)]
    with progress.stage(f"latency · {contests[0].candidate}", n_pairs, len(recorded)) as tick, Appender(path) as file:
        for i in order[:n_warmup]:
            _time_pair(contests[i], True, backend)
        for k in range(len(recorded), n_pairs):
            pair = _time_pair(contests[order[k]], first[k], backend)
            file.write([pair])
            recorded.append(pair)
            tick()
    return recorded


def _time_pair(contest: Contest, baseline_first: bool, backend: Backend) -> LatencyPair:
    sides = [
        (contest.baseline_ask.request, contest.baseline_adapter),
        (contest.candidate_ask.request, contest.candidate_adapter),
    ]
    seconds, tokens = [0.0, 0.0], [0, 0]
    for side in (0, 1) if baseline_first else (1, 0):
        request, adapter = sides[side]
        started = clock()
        [(_, answer)] = backend.generate([request], adapter=adapter)
        seconds[side] = clock() - started
        tokens[side] = answer.completion_tokens or 0
    return LatencyPair(
        example_id=contest.candidate_ask.example_id,
        task=contest.task,
        baseline=contest.baseline,
        candidate=contest.candidate,
        baseline_s=seconds[0],
        candidate_s=seconds[1],
        baseline_tokens=tokens[0],
        candidate_tokens=tokens[1],
    )
