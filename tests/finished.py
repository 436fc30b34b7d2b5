"""What the card of a finished training must say for a run to take it as done: it was looked at as this run would."""

from recorder import Recorder

from evalgate.core.data import Recipe
from evalgate.core.training import Choice
from evalgate.planning import Plan
from evalgate.store import RunFolder
from evalgate.tuning import Tuning


def choice_of(plan: Plan, recipe: Recipe) -> Choice:
    """A choice without evaluations, by this run's examiner."""
    looks = Tuning(plan, RunFolder(plan.folder), Recorder()).examiner(recipe)
    return Choice(step=1, planned=1, reason="", evaluations=(), max_drift=0.5, examiner=looks.identity)
