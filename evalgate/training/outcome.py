"""What was decided, told to the trackers that have seen a candidate's training: outcome, gates, scores. No torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from evalgate.core.record import digest_of
from evalgate.core.results import AdapterCard, Decision, Estimate, Tracked
from evalgate.files import write_atomic
from evalgate.training.tracker_clients import open_client
from evalgate.training.trackers import FOLDER, attempt

TOLD = "told.json"


def tell(folder: Path, cards: Mapping[str, AdapterCard], decision: Decision, note: Callable[[str], None]) -> None:
    """Log a decision, as far as it is disclosed, to each tracked training's own run.

    What a run was told before is not told again. A tracker that cannot be told is noted: the decision stands.
    """
    if not any(card.tracked for card in cards.values()):
        return
    place = folder / FOLDER
    told = _read(place / TOLD)
    for name, card in cards.items():
        figures, texts = figures_of(name, decision), texts_of(name, decision)
        for run in card.tracked:
            key, digest = f"{run.tracker}/{name}", digest_of([run.run_id, figures, texts])
            if told.get(key) == digest or not run.run_id:
                continue
            if trouble := attempt(partial(_conclude, place, name, card, run, figures, texts)):
                note(f"{name}: {run.tracker} was not told the decision, which stands: {trouble}")
            else:
                told[key] = digest
    write_atomic(place / TOLD, json.dumps(told, indent=2, sort_keys=True).encode() + b"\n")


def _conclude(
    place: Path, name: str, card: AdapterCard, run: Tracked, figures: dict[str, float], texts: dict[str, str]
) -> None:
    where = "" if run.tracker == "wandb" else run.where
    client = open_client(run.tracker, place=place, name=name, run_id=run.run_id, where=where, config={})
    try:
        client.conclude(figures, texts, card.n_steps)
    finally:
        client.close()


def figures_of(name: str, decision: Decision) -> dict[str, float]:
    """A candidate's gates and scores as numbers: each with its value and the ends of its interval."""
    found: dict[str, float] = {"decision/ships": float(decision.ship == name)}
    for verdict in decision.verdicts:
        if verdict.candidate == name:
            found |= _ends(f"gate/{verdict.gate}", verdict.estimate)
    for score in decision.scores:
        if score.system == name:
            found |= _ends(f"score/{score.task}.{score.metric}", score.estimate)
    return found


def texts_of(name: str, decision: Decision) -> dict[str, str]:
    """The decision, its reason, and the verdict of each gate on a candidate."""
    found = {"decision": decision.outcome, "reason": decision.reason, "ship": decision.ship or ""}
    for verdict in decision.verdicts:
        if verdict.candidate == name:
            found[f"gate.{verdict.gate}"] = f"{verdict.outcome}: {verdict.reason}"
    return found


def _ends(name: str, estimate: Estimate | None) -> dict[str, float]:
    if estimate is None:
        return {}
    found = {name: estimate.value, f"{name}/low": estimate.low, f"{name}/high": estimate.high}
    return {k: v for k, v in found.items() if abs(v) < float("inf")}


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
