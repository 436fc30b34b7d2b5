"""What the user writes in YAML, turned into core records; all errors at once, each with file:line.

Pydantic is imported when the first of these functions is called, so `gate` and `report` never load it.
"""

from evalgate.config.load import TEMPLATE_NAMES, load_recipes, load_suite_spec, load_systems
from evalgate.config.project import load_project

__all__ = ["TEMPLATE_NAMES", "load_project", "load_recipes", "load_suite_spec", "load_systems"]
