"""`python -m calibration`: simulate, store, and write the page."""

from __future__ import annotations

import os

# One thread for each process: the processes already use all cores.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import time
from pathlib import Path

import click

from calibration.simulate import QUICK, REPLICATIONS, SEED, about, cpu_seconds, run, tasks
from calibration.store import load, save


@click.command()
@click.option("--replications", default=REPLICATIONS, show_default=True, help="Simulated suites in each cell.")
@click.option("--quick", is_flag=True, help=f"{QUICK} replications: what the tests run.")
@click.option("--workers", default=os.cpu_count() or 1, show_default="the cores", help="Processes.")
@click.option("--seed", default=SEED, show_default=True)
@click.option("--out", default="docs", show_default=True, type=click.Path(path_type=Path), help="Folder of the page.")
@click.option("--page-only", is_flag=True, help="Write the page again from calibration.json.")
def main(replications: int, quick: bool, workers: int, seed: int, out: Path, page_only: bool) -> None:
    """Simulate evalgate's gates and write calibration.md, calibration.json and the figures."""
    from calibration.page import write

    results = out / "calibration.json"
    if not page_only:
        started, cpu = time.perf_counter(), cpu_seconds()
        todo = tasks(QUICK if quick else replications, seed)
        rows = run(todo, workers, lambda done, n: _report(done, n, started))
        save(results, about(todo[0].replications, seed, workers, started, cpu), rows)
    write(out, *load(results))
    click.echo(f"calibrate: {out / 'calibration.md'} is written", err=True)


def _report(done: int, n: int, started: float) -> None:
    if done % 25 == 0 or done == n:
        click.echo(f"calibrate: {done} of {n} cells after {time.perf_counter() - started:.0f} s", err=True)


if __name__ == "__main__":
    main()
