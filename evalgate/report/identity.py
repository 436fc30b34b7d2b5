"""What answered, as name and value: the model, the server or the file, and an adapter's card."""

from __future__ import annotations

from evalgate.core.artefacts import a, noun
from evalgate.core.record import short
from evalgate.core.results import AdapterCard, Run
from evalgate.core.training import made_as
from evalgate.report import words

TOLD = "weights behind an API cannot be hashed: the digest is of address, name and what the server lists"


def model_facts(run: Run) -> list[tuple[str, str]]:
    """What identifies the answers: the model's weights or the server that has them, and recorded files."""
    model = run.suite.model
    facts = [("Base model", f"{model.id or 'none'}{'@' + model.revision if model.revision else ''}")]
    if model.server:
        facts.append(("Server", f"{model.server.base_url}; {TOLD}"))
    for system in run.systems.values():
        recorded = system.predictions or {}
        files = ", ".join(f"{task} {short(recording.file_digest)}" for task, recording in recorded.items())
        facts += [(f"Recorded: {system.name}", files)] if files else []
    if not (model.id or run.model_digest):  # a comparison of recordings: nobody here has seen a model
        return facts
    precision = "the server's own" if model.server else f"{model.dtype}, quantisation {model.quantization}"
    return [*facts, ("Model digest", run.model_digest), ("Precision", precision)]


def card_facts(card: AdapterCard) -> list[tuple[str, str]]:
    """A card as name and value; of what was made elsewhere, what nobody knows is called so."""
    trained = f"{card.n_rows:,} rows, {card.trained_tokens:,} tokens, {card.n_steps:,} steps"
    spent = f"{words.show(card.duration_s, 'seconds')}, peak {card.peak_memory_bytes / 1e9:.2f} GB"
    if card.n_pairs:
        trained = f"{card.n_rows:,} rows, then {card.n_pairs:,} preference pairs, {trained.partition(', ')[2]}"
    own, made = card.merged_from or card.adapter_digest, noun(made_as(card))
    if card.elsewhere == own:
        trained = spent = "trained elsewhere: unknown"
    origin = [(f"Continues from {made}", card.started_from)] if card.started_from and not card.n_pairs else []
    if card.elsewhere and card.elsewhere != own:
        origin.append((f"Goes back to {a(made)} from elsewhere", card.elsewhere))
    return [
        ("Base model", f"{card.base_model}{'@' + card.base_revision if card.base_revision else ''}"),
        ("Base digest", card.base_digest),
        ("Adapter digest" if card.kind == "adapter" else "Model digest", card.adapter_digest),
        *([("Merged", f"{card.merge}, {card.dtype}, from adapter {card.merged_from}")] if card.merged_from else []),
        *origin,
        ("Training data digest", card.train_digest or "unknown"),
        ("Recipe digest", card.recipe_digest),
        ("Seed", str(card.seed)),
        ("Trained on", trained),
        ("Time and memory", spent),
        ("Trainable parameters", f"{card.parameters:,}"),
        ("Versions", ", ".join(f"{k} {v}" for k, v in sorted(card.versions.items())) or "unknown"),
    ]


def ledger_words(run: Run) -> str:
    """How often the held-out set may decide, and which decision this was."""
    if run.suite.looks is None:
        return "none is kept: nothing bounds how often this held-out set decides"
    if run.look is None:
        return f"{run.suite.looks} looks declared, none taken by this run"
    look = run.look
    return (
        f"look {look.number} of {look.looks}, {look.left} left; alpha {look.alpha:.4g} each, entry {short(look.entry)}"
    )
