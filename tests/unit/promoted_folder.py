"""A small promoted folder: an adapter of a few bytes, its card, its decision, its provenance."""

import hashlib
import json
from pathlib import Path
from typing import Any

from evalgate.core.record import to_json_line
from evalgate.core.results import Decision, Estimate, SystemScore, Verdict

ARTEFACT, BASE = "a" * 64, "org/base-5m"
CARD = "---\nbase_model: org/base-5m\nlibrary_name: peft\n---\n# tiny\n\nShips: better by 0.1.\n"
DECISION = Decision(
    outcome="ship",
    reason="tiny is better",
    ship="tiny",
    verdicts=(
        Verdict(gate="routing", outcome="pass", reason="clear", candidate="tiny",
                estimate=Estimate(value=0.1, low=0.05, high=0.15, level=0.95, n=99, method="t")),
    ),
    scores=(
        SystemScore(system="tiny", task="route", metric="accuracy",
                    estimate=Estimate(value=0.9, low=0.8, high=0.95, level=0.95, n=99, method="t")),
    ),
)  # fmt: skip
FIGURES = {"decision/ships": 1.0, "gate/routing": 0.1, "gate/routing/low": 0.05, "gate/routing/high": 0.15,
           "score/route.accuracy": 0.9, "score/route.accuracy/low": 0.8, "score/route.accuracy/high": 0.95}  # fmt: skip


def promoted(folder: Path, *, weights: bytes = bytes(range(256)) * 64, decision: Decision = DECISION) -> Path:
    """Write it; without `provenance.json` where files are changed afterwards, call `sign` again."""
    files = {
        "adapter_model.safetensors": weights,
        "adapter_config.json": b'{"peft_type": "LORA"}\n',
        "adapter_card.json": to_json_line(
            {"name": "tiny", "adapter_digest": ARTEFACT, "base_model": BASE, "base_revision": "v1"}
        ),
        "README.md": CARD.encode(),
        "evidence/decision.json": to_json_line(decision),
        "evidence/run.json": b'{"id": "20261123-1"}\n',
        "evidence/contamination.jsonl": b"",
        "evidence/scores/tiny/route.jsonl": b'{"example_id": "r1"}\n',
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return sign(folder)


def sign(folder: Path) -> Path:
    """Write provenance.json anew for the files that lie there."""
    (folder / "provenance.json").unlink(missing_ok=True)
    subject = [
        {"name": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}} for name, data in held(folder).items()
    ]
    statement: dict[str, Any] = {"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicate": {}}
    (folder / "provenance.json").write_text(json.dumps(statement))
    return folder


def held(folder: Path) -> dict[str, bytes]:
    """A folder's files by name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def decision_digest(folder: Path) -> str:
    return hashlib.sha256((folder / "evidence" / "decision.json").read_bytes()).hexdigest()
