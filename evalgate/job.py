"""One run at work: what the main path's steps do, each going on where a killed run stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import msgspec

from evalgate.asking import Asking
from evalgate.backends.beside import Beside
from evalgate.backends.opening import open_model
from evalgate.backends.room import room_beside, room_line
from evalgate.binding import bound, candidate_draft
from evalgate.checking import notes_of
from evalgate.core.data import Recipe, SystemSpec
from evalgate.core.errors import UsageError
from evalgate.core.protocols import LocalBackend, Progress
from evalgate.core.results import AdapterProbe, Run
from evalgate.execution.process import give_back_memory
from evalgate.feasibility import refuse_impossible
from evalgate.files import read_record, write_lines, write_record
from evalgate.lengths import find_too_long, length_lines
from evalgate.planning import Plan
from evalgate.probing import sound
from evalgate.rehearsing import preflight
from evalgate.scoring import Scorer
from evalgate.sealing import IDENTITY_FILE
from evalgate.searching import search_prompts
from evalgate.store import CAPABILITY, RunFolder
from evalgate.suite.ledger import lost_look, open_ledger, take
from evalgate.tuning import Tuning

# Answers whose likelihood is asked with and without an adapter: one is enough to see that it is active.
N_PROBES = 4
OTHER_FIX = "give this run another folder with `-o FOLDER`, or start over here with `--no-resume`"


class Job:
    """One run at work: the plan, the open model, and the folder that everything is written to.

    A caller may bring its own backend; otherwise the base model is opened with transformers.
    """

    def __init__(self, plan: Plan, progress: Progress, backend: LocalBackend | None = None) -> None:
        self.plan, self.progress, self._given = plan, progress, backend
        self._opened: LocalBackend | None = None
        self._scorer = Scorer()
        self.folder = RunFolder(Path(plan.folder), plan.seal)
        self.systems: dict[str, SystemSpec] = {s.name: s for s in plan.baselines}
        self._told: set[str] = set()
        self._tuning = Tuning(plan, self.folder, progress)
        self._was: Run | None = None

    def preflight(self, *, resume: bool) -> None:
        """Check every row that will be trained on, before a model is loaded; raises what is wrong with the first.

        A folder that holds another run is refused before.
        """
        plan = self.plan
        if resume:
            self._was = self._recorded()
        if told := preflight(plan.recipes, self._tuning.rows, plan.files.path):
            self.progress.note(told)

    def start(self, *, resume: bool) -> None:
        """Write the run's identity and the examples that are asked, then open the model and the capability tasks.

        Comes after the preflight, which has read what the folder holds.
        """
        recorded = self._was
        room = room_beside(self.plan.suite, self.plan.binding.model, Path(self.plan.files.path), self.plan.recipes)
        if not resume:
            self.folder.clear()
        if self._given is None:
            self._opened = open_model(self.plan.binding.model, self.plan.files)
        opened = self._given or self._opened
        assert opened is not None
        self.backend: LocalBackend = Beside(opened) if room else opened
        self.run = msgspec.structs.replace(self.plan.run, serving=self.backend.identity)
        if recorded is not None:
            self._refuse_other_serving(recorded)
            self._keep_look(recorded)
            self._warn_of_seal()
        write_record(self.folder.run_file, self.run)
        write_lines(self.folder.contamination, self.plan.overlaps)
        told = [room_line(room)] if room else []
        for text in [*told, *notes_of(self.plan.overlaps, self.plan.run.dropped), *self.plan.notes]:
            self.progress.note(text)
        for name in self.plan.suite.tasks:
            self.folder.write_examples(name, self.plan.heldout(name))
        spec = self.plan.suite.spec.capability
        if spec is not None and self.plan.limit is not None:
            spec = msgspec.structs.replace(spec, limit=self.plan.limit)
        harness = None
        if spec is not None:
            from evalgate.capability.harness import Harness

            harness = Harness(spec, Path(self.plan.suite.folder))
            examples = harness.examples()
            if self.plan.limit is None:
                n_candidates = len(self.plan.run.candidates)
                refuse_impossible(self.plan.suite, n_candidates, capability=harness.sizes)
            self.folder.write_examples(CAPABILITY, examples)
        self._harness = harness
        self.asking = Asking(self.plan, self.folder, self.backend, harness, self.progress, self._scorer)
        self._note_too_long()

    def _note_too_long(self) -> None:
        """Count the prompts that do not fit before anything is answered or trained; they are failures, never cut."""
        found = find_too_long(self.plan.files.path, self.plan.suite.tasks, [*self._systems()], self.asking.prompts)
        write_lines(self.folder.too_long, found or ())
        lines = length_lines(found or ())
        for text in lines:
            if text not in self._told:  # a search may have left a prompt as it was
                self.progress.note(text)
        self._told = set(lines)

    def _systems(self) -> Iterator[SystemSpec]:
        """Every system that is asked, the candidates as they will be trained."""
        trained = [recipe.name for recipe in self.plan.recipes]
        yield from self.plan.baselines
        yield from (self.plan.run.systems[name] for name in trained)

    def close(self) -> None:
        """End what scores; free the models or the connections, but for what the caller brought."""
        self.end_scoring()
        asking: Asking | None = getattr(self, "asking", None)  # a job may fail before it asks
        if asking is not None:
            asking.close()
        backend = getattr(self, "backend", None)
        if isinstance(backend, Beside):
            backend.close_models()
        if self._given is None and self._opened is not None:
            self._opened.close()

    def end_scoring(self) -> None:
        """End the processes that score, before judging needs the memory."""
        self._scorer.close()

    def choose_prompts(self) -> None:
        """Search baselines' prompts on dev, where they ask for it, and count anew which prompts are too long."""
        if self.plan.searches:
            self._search()
            self._note_too_long()

    def _search(self) -> None:
        found = search_prompts(
            self.plan.searches,
            self.plan.suite.tasks,
            retrievers=self.plan.retrievers,
            backend=self.backend,
            folder=self.folder.search,
            seed=self.plan.seed,
            progress=self.progress,
        )
        write_lines(self.folder.searches, found)
        self.plan = self.plan.with_chosen(found)
        self.systems |= {system.name: system for system in self.plan.baselines}
        self._write_run()
        self.asking = Asking(self.plan, self.folder, self.backend, self._harness, self.progress, self._scorer)

    def _recorded(self) -> Run | None:
        """The run that this folder holds; another one (other model, other data) must not be taken for this one."""
        path = self.folder.run_file
        if not path.exists():
            return None
        other = read_record(path, Run, fix=OTHER_FIX)
        if other.id != self.plan.run.id:
            raise UsageError(
                f"the folder holds another run: {other.id}, not {self.plan.run.id}; "
                "the data, model, systems, recipes, seed or limit differ",
                code="other-run",
                fix=OTHER_FIX,
                where=str(path),
            )
        return other

    def _refuse_other_serving(self, recorded: Run) -> None:
        """Answers given in another precision, on another device or decoded otherwise are not the same system's."""
        names = ("backend", "dtype", "quantization", "device", "decoding")
        was, now = ({k: v for k, v in r.serving.items() if k in names} for r in (recorded, self.run))
        if was and was != now:
            changed = [f"{k} {was.get(k)}, now {now.get(k)}" for k in names if was.get(k) != now.get(k)]
            raise UsageError(
                f"the folder's answers were given under other conditions: {'; '.join(changed)}",
                code="other-serving",
                fix=OTHER_FIX,
                where=str(self.folder.run_file),
            )

    def _keep_look(self, recorded: Run) -> None:
        """The look that this folder has taken; a ledger that lacks it has lost its end."""
        if self.plan.claim is not None and recorded.look is not None:
            ledger = open_ledger(Path(self.plan.suite.folder))
            if recorded.look.entry not in ledger.chain.entries:
                raise lost_look(Path(self.plan.suite.folder), recorded.look.number)
            self.run = msgspec.structs.replace(self.run, look=ledger.taken.get(self.plan.claim.key))

    def _warn_of_seal(self) -> None:
        """Say before anything is asked that the end of a resumed run needs the owner's key."""
        if self.plan.seal is not None and not self.plan.seal.opens and (self.folder.folder / "scores").exists():
            self.progress.note(
                "this run was begun by another process, and what that scored is sealed: answers are completed now, but "
                f"timing and judging will ask for the owner's key ({IDENTITY_FILE})"
            )

    @property
    def n_questions(self) -> int:
        """How many capability questions each system is asked."""
        return self._harness.n_items if self._harness is not None else 0

    def train(self, recipe: Recipe) -> SystemSpec:
        """Make a candidate's artefact unless it is there; returns the system that it is part of."""
        with getattr(self.backend, "resting", nullcontext)():  # an engine that fills the GPU makes room
            card = self._tuning.adapter(recipe)
        give_back_memory()
        self.backend.add_adapter(recipe.name, str(self.folder.artefact(recipe.name, whole=recipe.whole)))
        self._remember(recipe, card.adapter_digest)
        system = bound(candidate_draft(recipe), self.plan.binding, card.adapter_digest, whole=recipe.whole)
        self.systems[recipe.name] = system
        self._write_run()
        self.asking.forget_stale(system)
        return system

    def enter(self, system: SystemSpec) -> SystemSpec:
        """A candidate that nothing is trained for: recorded, or the model that the server has under its name."""
        if system.kind == "api":
            self.backend.add_adapter(system.name, system.model)
        self.systems[system.name] = system
        self.asking.forget_stale(system)
        return system

    def _remember(self, recipe: Recipe, adapter_digest: str) -> None:
        """Record what the adapter was trained on and what it changes, so that a recording shows a leak or a no-op."""
        write_lines(self.folder.trained(recipe.name), self._tuning.trained_rows(recipe))
        pairs = [(row.messages[-1].content, row.completion) for row in self._tuning.rows(recipe)[:N_PROBES]]
        both = zip(*(self.backend.loglikelihood(pairs, adapter=name) for name in (None, recipe.name)), strict=True)
        known = [pair for pair in both if not any(map(math.isnan, pair))]  # a row may be longer than the context
        if not known:
            return
        base, tuned = zip(*known, strict=True)
        probe = AdapterProbe(adapter_digest=adapter_digest, base=base, tuned=tuned)
        write_record(self.folder.probe(recipe.name), probe)

    def check(self, candidates: list[SystemSpec]) -> list[SystemSpec]:
        """The candidates whose comparison is valid, by checks on dev items; the others are not asked held-out ones."""
        return sound(self.plan, self.folder, self.backend, candidates, self.progress)

    def take_look(self) -> None:
        """Count this look in the suite's ledger before a candidate sees the held-out set; the same one counts once."""
        if self.plan.claim is not None:
            self.run = msgspec.structs.replace(self.run, look=take(Path(self.plan.suite.folder), self.plan.claim))
            self._write_run()

    def note_decoding(self) -> None:
        """Record and say why a GPU decoded by `generate`, which is slower, if it did."""
        serving = self.backend.identity
        if trouble := serving.get("decoding_trouble"):
            self.run = msgspec.structs.replace(self.run, serving=serving)
            self._write_run()
            self.progress.note(f"greedy answers were decoded by transformers' `generate`, which is slower: {trouble}")

    def _write_run(self) -> None:
        """The run's record with the systems that were trained so far."""
        write_record(self.folder.run_file, msgspec.structs.replace(self.run, systems=self.run.systems | self.systems))
