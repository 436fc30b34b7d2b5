"""A recipe becomes an adapter: trained in one stage or two, continued, or taken from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import UNSET
from msgspec.structs import replace

from evalgate.backends.adapter_files import check_adapter
from evalgate.backends.whole_files import check_whole
from evalgate.binding import bound, candidate_draft
from evalgate.capability.drift import general_text
from evalgate.core.artefacts import CARD, a, artefact_digest, noun
from evalgate.core.content import content_digest, text_of
from evalgate.core.data import Recipe, Split, SystemSpec
from evalgate.core.protocols import Progress
from evalgate.core.results import AdapterCard, TrainedRow
from evalgate.examining import Examiner
from evalgate.files import write_record
from evalgate.looks import training_rows
from evalgate.planning import Plan
from evalgate.searching import dev_only
from evalgate.store import RunFolder
from evalgate.training.data import TrainRow
from evalgate.training.pairs import TASK as PAIRS
from evalgate.training.pairs import read_pairs
from evalgate.training.recipe import recipe_digest
from evalgate.training.replay import with_replay
from evalgate.training.trackers import Tracking, settled, tracking_of


class Tuning:
    """How one run makes its adapters: from its plan's data and base, into its folder."""

    def __init__(self, plan: Plan, folder: RunFolder, progress: Progress) -> None:
        self.plan, self.folder, self.progress = plan, folder, progress
        self._rows: dict[tuple[str, Split], list[TrainRow]] = {}

    def adapter(self, recipe: Recipe) -> AdapterCard:
        """What the recipe ships as, made unless it is there: an adapter, or a whole model; its card says which.

        Raises what training and merging raise, and for what was made elsewhere what `check_adapter` and `check_whole`
        raise.
        """
        if recipe.outside:
            self._check_outside(recipe)
        if recipe.merge:
            return self._merged(recipe)
        folder = self.folder.adapter(recipe.name)
        if recipe.taken:
            return self._taken_over(recipe, folder)
        start = self.folder.adapter(recipe.parent.name) if recipe.parent else None
        card = self._trained(recipe, folder, Path(recipe.start) if recipe.start else start)
        return self._with_origin(recipe, folder, card)

    def _merged(self, recipe: Recipe) -> AdapterCard:
        """The model that the recipe's adapter becomes in its base; the adapter stays beside it."""
        from evalgate.training.merging import Served, merged

        assert recipe.merge
        return merged(
            recipe,
            self.adapter(replace(recipe, merge=UNSET)),
            self.rows(recipe, "dev"),
            policy=recipe.merge,
            adapter=self.folder.adapter(recipe.name),
            folder=self.folder.artefact(recipe.name, whole=True),
            record=self.folder.merged_card(recipe.name),
            served=Served(dtype=self.plan.binding.model.dtype, quantization=self.plan.binding.model.quantization),
        )

    def rows(self, recipe: Recipe, split: Split = "train") -> list[TrainRow]:
        """A split as the recipe's system would be asked it, with the answers to learn."""
        if (recipe.name, split) not in self._rows:
            found = training_rows(self._system(recipe), self.plan.suite, split, self.plan.retrievers)
            self._rows[recipe.name, split] = found
        return self._rows[recipe.name, split]

    def trained_rows(self, recipe: Recipe) -> Iterator[TrainedRow]:
        """Every row that the adapter has seen here, those of the recipes it continues from included."""
        asked = {(name, e.id): text_of(e) for name, task in self.plan.suite.tasks.items()
                 for e in task.splits.get("train", ())}  # fmt: skip
        for step in recipe.lineage:
            if step.taken:
                continue
            for row in with_replay(step, self.rows(step)):
                text = asked.get((row.task, row.id), row.messages[-1].content)
                yield TrainedRow(id=row.id, task=row.task, content_digest=content_digest(text))
            if step.dpo:
                for i, pair in enumerate(read_pairs(Path(step.dpo.data))):
                    if i not in step.dpo.left_out:
                        digest = content_digest(pair.messages[-1].content)
                        yield TrainedRow(id=pair.id or f"{PAIRS}-{i}", task=PAIRS, content_digest=digest)

    def _system(self, recipe: Recipe) -> SystemSpec:
        known = self.plan.run.systems.get(recipe.name)
        return known or bound(candidate_draft(recipe), self.plan.binding)

    def _check_outside(self, recipe: Recipe) -> None:
        """Refuse what was made elsewhere and does not fit the base, and say once what nobody can know of it."""
        from evalgate.training.elsewhere import refuse_other_kinds

        outside, whole = Path(recipe.outside), recipe.lineage[0].made_whole
        if whole:
            check_whole(outside, Path(self.plan.files.path))
        else:
            check_adapter(outside, self.plan.binding.model.id, self.plan.files)
            refuse_other_kinds(outside)
        what = noun("model" if whole else "adapter")
        said = "was trained elsewhere" if recipe.taken else f"continues from {a(what)} that was trained elsewhere"
        self.progress.note(
            f"candidate {recipe.name} {said} ({recipe.outside}): whether that training saw held-out examples is unknown"
        )

    def _taken_over(self, recipe: Recipe, folder: Path) -> AdapterCard:
        from evalgate.training.elsewhere import take_over

        files = self.plan.files
        return take_over(
            recipe, model_path=files.path, revision=files.revision, base_digest=files.digest, folder=folder
        )

    def _trained(self, recipe: Recipe, folder: Path, start: Path | None) -> AdapterCard:
        """One stage, or SFT in a folder of its own and then DPO: a change of the second one keeps the first."""
        from evalgate.training.dpo import SFT, prefer
        from evalgate.training.selection import chooses
        from evalgate.training.trainer import train

        files, examiner = self.plan.files, self.examiner(recipe) if chooses(recipe) else None
        card = train(
            replace(recipe, dpo=UNSET),
            self.rows(recipe),
            self.rows(recipe, "dev"),
            model_path=files.path,
            revision=files.revision,
            base_digest=files.digest,
            folder=folder / SFT if recipe.dpo else folder,
            progress=self.progress,
            start=start,
            tracking=(tracking := self._tracking(recipe)),
            dtype=self.plan.binding.model.dtype,
            examiner=examiner,
        )
        if recipe.dpo:
            card = prefer(
                recipe,
                card,
                start=folder / SFT,
                folder=folder,
                progress=self.progress,
                tracking=tracking,
                examiner=examiner,
            )
        return self._tracked(card, tracking, folder)

    def _tracking(self, recipe: Recipe) -> Tracking | None:
        return tracking_of(recipe, self.folder.folder, recipe_digest(recipe), self.plan.files.digest)

    def _tracked(self, card: AdapterCard, tracking: Tracking | None, folder: Path) -> AdapterCard:
        """The card with its runs in trackers."""
        if tracking is not None and (told := settled(card, tracking, self.progress.note)) != card:
            card = told
            write_record(folder / CARD, card)
        return card

    def examiner(self, recipe: Recipe) -> Examiner:
        """What looks at the recipe's model while it is trained: dev examples and general text, nothing held out."""
        plan, spec = self.plan, self.plan.suite.spec
        text = Path(plan.suite.folder) / spec.capability.drift if spec.capability and spec.capability.drift else None
        return Examiner(
            self._system(recipe),
            dev_only(plan.suite.tasks),
            spec.gates,
            recipe.checkpoints,
            plan.retrievers,
            seed=plan.seed,
            spec=plan.binding.model,
            files=plan.files,
            text=text or general_text(),
        )

    def _with_origin(self, recipe: Recipe, folder: Path, card: AdapterCard) -> AdapterCard:
        """The card with the digest of what came from outside that it goes back to."""
        origin = artefact_digest(Path(recipe.outside)) if recipe.outside else ""
        if card.elsewhere != origin:
            card = replace(card, elsewhere=origin)
            write_record(folder / CARD, card)
        return card
