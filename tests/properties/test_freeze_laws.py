"""One flipped bit anywhere in what is frozen is caught, by file and line, or has changed no content at all."""

import random
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from flips import complaint, flip, policy_complaint
from small_suite import write_suite

from evalgate.config import load_suite_spec
from evalgate.suite.frozen import freeze

DATA_FILES = (
    *(f"{task}/heldout.jsonl" for task in ("summarize", "route", "extract", "policy_qa", "redteam")),
    "extract/schema.json", "corpus/passages.jsonl", "capability/facts.jsonl",
)  # fmt: skip


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = write_suite(tmp_path_factory.mktemp("flips"))
    return folder, freeze(folder, load_suite_spec(folder)).digest


def policy_bytes(folder: Path) -> range:
    """Tasks, capability, latency and gates: what decides."""
    data = (folder / "suite.yaml").read_bytes()
    return range(data.index(b"tasks:"), len(data))


def test_a_seeded_sample_of_flips_is_caught(frozen: tuple[Path, str]) -> None:
    folder, digest = frozen
    chosen, found = random.Random(0), []
    for name in DATA_FILES:
        size = (folder / name).stat().st_size
        found += [complaint(folder, name, chosen.randrange(size), chosen.randrange(8), digest) for _ in range(4)]
    for at in chosen.sample(policy_bytes(folder), 12):
        found.append(policy_complaint(folder, at, chosen.randrange(8), digest))
    assert [text for text in found if text] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA_FILES)
def test_every_byte_of_the_data_is_guarded(frozen: tuple[Path, str], name: str) -> None:
    folder, digest = frozen
    size, bits = (folder / name).stat().st_size, random.Random(name)
    found = [complaint(folder, name, at, bits.randrange(8), digest) for at in range(size)]
    assert [text for text in found if text] == []


@pytest.mark.slow
def test_every_byte_of_the_policy_is_guarded(frozen: tuple[Path, str]) -> None:
    folder, digest = frozen
    bits = random.Random(1)
    found = [policy_complaint(folder, at, bits.randrange(8), digest) for at in policy_bytes(folder)]
    assert [text for text in found if text] == []


def test_a_flip_between_values_is_no_change(frozen: tuple[Path, str]) -> None:
    folder, digest = frozen
    path = folder / "extract" / "schema.json"
    before = path.read_text()
    path.write_text(before.replace('": ', '":\n'))
    try:  # a line break and a tabulator differ in two bits, a line break and a space in three: one of each is tried
        at = path.read_bytes().index(b"\n")
        assert flip(folder, "extract/schema.json", at, 0)[0] in ("bad-schema", "suite-digest-mismatch")
        path.write_text(before.replace('": ', '":\t'))
        at = path.read_bytes().index(b"\t")
        assert flip(folder, "extract/schema.json", at, 2) == ("", digest), "0x09 with bit 2 flipped is a return"
    finally:
        path.write_text(before)


@pytest.mark.slow
def test_flips_in_the_embedded_suite_are_caught(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    folder = tmp_path / "suites" / "support"
    shutil.copytree(root / "suites" / "support", folder, ignore=shutil.ignore_patterns("__pycache__", "train.jsonl"))
    for path in (root / "suites" / "support").glob("*/train.jsonl"):
        (folder / path.parent.name / "train.jsonl").symlink_to(path)
    (tmp_path / "baselines").symlink_to(root / "baselines")
    names = [f"{task}/heldout.jsonl" for task in ("summarize", "route", "extract", "policy_qa", "redteam")]
    names += ["extract/schema.json", "corpus/passages.jsonl"]
    names += [f"capability/{path.name}" for path in sorted((folder / "capability").iterdir())]
    from evalgate.suite.frozen import read_lock

    lock = read_lock(folder)
    assert lock is not None
    chosen, found = random.Random(7), []
    for name in names:
        size = (folder / name).stat().st_size
        found.append(complaint(folder, name, chosen.randrange(size), chosen.randrange(8), lock.digest))
    for at in chosen.sample(policy_bytes(folder), 25):
        found.append(policy_complaint(folder, at, chosen.randrange(8), lock.digest))
    assert [text for text in found if text] == []
