"""Here so that test modules may import the fixture builders of this folder; and Hypothesis on slow, shared machines."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A worker takes a file whole: one of these that came last would keep the others waiting.
LONGEST = (
    "test_several_packed",
    "test_report_lists",
    "test_calibration",
    "test_launch",
    "test_report_page",
    "test_model_checkpoints",
    "test_terminal",
    "test_pipeline",
    "test_pipeline_methods",
    "test_artefact_run",
    "test_export_command",
    "test_checkpoints_together",
    "test_checkpoints",
    "test_lengths",
    "test_merging",
    "test_models_elsewhere_run",
    "test_decoding",
    "test_bad_models",
    "test_methods",
    "test_training",
    "test_error_rates",
    "test_pipeline_seeds",
    "test_cache_real",
)

# Neither a slow draw nor a deadline says anything of the code on a machine that others use, too.
SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("shared", **SHARED)
settings.register_profile("ci", **SHARED, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, all else as it was found."""
    order = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("only root can mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
