"""Here so that test modules may import the fixture builders of this folder; and Hypothesis on slow, shared machines."""

import os

from hypothesis import HealthCheck, settings

# Neither a slow draw nor a deadline says anything of the code on a machine that others use, too.
SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("shared", **SHARED)
settings.register_profile("ci", **SHARED, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "shared")
