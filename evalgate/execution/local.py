"""One process: ask a backend, write every answer at once, go on where a killed run stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from msgspec import UNSET, UnsetType

from evalgate.core.answers import extract
from evalgate.core.protocols import Ask, Generates, Progress, Ticker
from evalgate.core.record import Record
from evalgate.core.results import Failure, Generation, Prediction
from evalgate.core.seeds import clock, rng
from evalgate.core.serving import LatencyPair
from evalgate.core.showing import count, stage
from evalgate.execution.holding import keeps
from evalgate.files import Appender, read_keys
from evalgate.sealing import Seal


def predict(
    asks: Sequence[Ask],
    *,
    system: str,
    task: str,
    adapter: str | None,
    backend: Generates,
    path: Path,
    progress: Progress,
    seal: Seal | None = None,
) -> Iterator[Prediction]:
    """Give every answer once: those recorded in `path`, then the missing ones, each written before it is given.

    Recorded answers that are sealed are not given again.
    """
    done = {p.example_id: p for p in read_keys(path, Prediction, seal)}
    yield from (p for ask in asks if isinstance(p := done.get(ask.example_id), Prediction))
    missing = [ask for ask in asks if ask.example_id not in done]
    name, n_done = f"{system} · {task}", len(asks) - len(missing)
    shown = stage(progress, name, len(asks), n_done, unit="examples", system=system, task=task)
    n_broken = 0
    with shown as tick, Appender(path, seal) as file:
        for i, answer in backend.generate([ask.request for ask in missing], adapter=adapter):
            prediction = _prediction(missing[i], answer, system, task)
            file.write([prediction])
            yield prediction
            n_broken += bool(prediction.constraint_broken)
            if seal is None:
                _count(tick, prediction)
            tick()
    if n_broken and seal is None:  # of a sealed run, nothing but the decision is told
        kept = missing[0].request.sampling.constraint
        progress.note(f"{n_broken} of {len(missing)} answers of {system} to {task} break the constraint {kept}")


def _count(tick: Ticker, prediction: Prediction) -> None:
    known = bool(prediction.cached)
    tokens = 0 if known else prediction.completion_tokens or 0
    count(tick, failed=prediction.status == "error", known=known, tokens=tokens)


def _prediction(ask: Ask, answer: Generation, system: str, task: str) -> Prediction:
    output, failure = answer.output, answer.failure
    broken = output is not None and not keeps(ask.request.sampling, output, cut=answer.status == "truncated")
    status: Literal["ok", "truncated", "error"] = answer.status
    raw: str | UnsetType = UNSET
    if ask.answer is not None and answer.output is not None:
        raw, found = answer.output, extract(ask.answer, answer.output)
        if isinstance(found, Failure):
            output, status, failure = None, "error", _with_status(found, answer)
        else:
            output = found
    return Prediction(
        example_id=ask.example_id,
        system=system,
        task=task,
        output=output,
        status=status,
        failure=failure,
        raw=raw,
        latency_s=answer.latency_s,
        first_token_s=answer.first_token_s,
        prompt_tokens=answer.prompt_tokens,
        prompt_bos=answer.prompt_bos,
        completion_tokens=answer.completion_tokens,
        label_logprobs=answer.label_logprobs,
        context_ids=ask.context_ids,
        request_digest=ask.digest,
        constraint_broken=True if broken else UNSET,
        cached=answer.cached,
    )


def _with_status(failure: Failure, answer: Generation) -> Failure:
    """A text that was cut may have been about to give its answer."""
    if answer.status != "truncated":
        return failure
    return Failure(code=failure.code, message=f"{failure.message}; the text ends at `max_tokens`")


class Call(Record, frozen=True, kw_only=True):
    """One timed call: seconds to the whole answer and to its first token, and its tokens."""

    seconds: float
    first_s: float | None
    tokens: int


class Contest(Record, frozen=True, kw_only=True):
    """One example as the task's best baseline and as every candidate is asked it; candidates answer with adapters."""

    task: str
    baseline: str
    baseline_ask: Ask
    candidate_asks: dict[str, Ask]


def contests_of(
    ours: Mapping[str, tuple[str, Sequence[Ask]]], theirs: Mapping[str, Mapping[str, Sequence[Ask]]]
) -> list[Contest]:
    """Every example of every task as its best baseline (by name) and as each candidate is asked it."""
    return [
        Contest(
            task=task,
            baseline=baseline,
            baseline_ask=ask,
            candidate_asks={name: asks[task][i] for name, asks in theirs.items()},
        )
        for task, (baseline, rows) in ours.items()
        for i, ask in enumerate(rows)
    ]


def measure_latency(
    contests: Sequence[Contest],
    *,
    n_pairs: int,
    n_warmup: int,
    seed: int,
    backend: Generates,
    paths: dict[str, Path],
    progress: Progress,
    seal: Seal | None = None,
    n_repeats: int = 1,
) -> None:
    """Time single calls in rounds: an example's baseline and all candidates once each, in random order.

    Every round gives one pair for each candidate, appended to `paths[candidate]`. Nothing is cached: every call runs
    the model. Examples are drawn evenly, each for `n_repeats` rounds in a row; the first `n_warmup` rounds of a
    session are dropped, and so is a pair of which one side failed: a failure comes fast and says nothing of speed.
    """
    recorded = {name: len(read_keys(path, LatencyPair, seal)) for name, path in paths.items()}
    done = min(recorded.values(), default=n_pairs)
    if not contests or done >= n_pairs:
        return
    random = rng(seed, "latency")
    laps = 1 + n_pairs // (len(contests) * n_repeats)
    order = [int(i) for _ in range(laps) for i in random.permutation(len(contests)) for _ in range(n_repeats)]
    names = ["", *sorted(paths)]  # the empty name is the baseline
    turns = [[names[i] for i in random.permutation(len(names))] for _ in range(n_pairs)]
    with stage(progress, "latency", n_pairs, done, unit="rounds") as tick, ExitStack() as stack:
        files = {name: stack.enter_context(Appender(path, seal)) for name, path in paths.items()}
        for i in order[:n_warmup]:
            _time_round(contests[i], names, backend)
        for k in range(done, n_pairs):
            for pair in _time_round(contests[order[k]], turns[k], backend, repeat=k % n_repeats):
                if k >= recorded[pair.candidate]:  # a round may have been cut between two files
                    files[pair.candidate].write([pair])
            tick()


def _time_round(contest: Contest, turns: Sequence[str], backend: Generates, repeat: int = 0) -> list[LatencyPair]:
    calls: dict[str, Call] = {}
    for name in turns:
        ask = contest.candidate_asks[name] if name else contest.baseline_ask
        started = clock()
        [(_, answer)] = backend.generate([ask.request], adapter=name or None)
        if answer.failure is None:
            # Tries that failed, and the waits between them, are not the answer's time.
            own = answer.latency_s if answer.n_retries else None
            seconds, tokens = clock() - started if own is None else own, answer.completion_tokens or 0
            calls[name] = Call(seconds=seconds, first_s=answer.first_token_s, tokens=tokens)
    return [
        LatencyPair(
            example_id=contest.baseline_ask.example_id,
            task=contest.task,
            baseline=contest.baseline,
            candidate=name,
            baseline_s=calls[""].seconds,
            candidate_s=calls[name].seconds,
            baseline_tokens=calls[""].tokens,
            candidate_tokens=calls[name].tokens,
            baseline_first_s=calls[""].first_s,
            candidate_first_s=calls[name].first_s,
            repeat=repeat,
        )
        for name in contest.candidate_asks
        if "" in calls and name in calls
    ]
