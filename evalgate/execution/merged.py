"""What merging saves a call: a merged model and its adapter beside the base, timed in interleaved rounds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from evalgate.core.protocols import Ask, Backend, Generates, Progress, Request
from evalgate.core.results import Generation
from evalgate.core.serving import LatencySpec
from evalgate.execution.local import Contest, measure_latency
from evalgate.store import RunFolder

# No candidate's name has this sign in it.
MARK = "~adapter"


def time_merged(
    asks: Mapping[str, Mapping[str, Sequence[Ask]]],
    merged: Collection[str],
    spec: LatencySpec,
    *,
    folder: RunFolder,
    backend: Backend,
    seed: int,
    progress: Progress,
) -> None:
    """Record pairs of calls of every candidate that is `merged`, against its own adapter beside the base.

    `asks` are the candidates' requests by name and task. Recorded rounds are not timed again; no gate asks for them.
    """
    for name, tasks in asks.items():
        if name not in merged:
            progress.note(f"{name} is not merged: there is nothing to time against its adapter")
            continue
        backend.add_adapter(name + MARK, str(folder.adapter(name)))
        measure_latency(
            [
                Contest(task=task, baseline=name + MARK, baseline_ask=ask, candidate_asks={name: ask})
                for task, rows in tasks.items()
                for ask in rows
            ],
            n_pairs=spec.n_pairs,
            n_warmup=spec.n_warmup,
            n_repeats=spec.n_repeats,
            seed=seed,
            backend=_AdapterFirst(backend, name + MARK),
            paths={name: folder.merged_latency(name)},
            progress=progress,
            seal=folder.seal,
        )


class _AdapterFirst:
    """The backend with an adapter where others have the bare base."""

    def __init__(self, backend: Generates, adapter: str) -> None:
        self._backend, self._adapter = backend, adapter

    def generate(self, requests: Sequence[Request], *, adapter: str | None = None) -> Iterator[tuple[int, Generation]]:
        """Answer with the adapter unless another name is asked."""
        yield from self._backend.generate(requests, adapter=adapter or self._adapter)
