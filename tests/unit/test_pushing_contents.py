"""What is read of a folder before it is pushed: digests as git and sha256sum have them, and what its papers say."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from promoted_folder import ARTEFACT, CARD, DECISION, promoted, sign

from evalgate.core.artefacts import Artefact
from evalgate.core.record import to_json_line
from evalgate.pushing.contents import CHUNK_BYTES, digest_file, read_contents, subjects_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["subject", "name", "digest", "sha256", "x"]), inner, max_size=4)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * CHUNK_BYTES, b"ab\n" * (CHUNK_BYTES // 2)])
def test_a_file_has_gits_own_name_and_its_sha256(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    git = subprocess.run(["git", "hash-object", "--no-filters", file], capture_output=True, text=True, check=True)
    found = digest_file(file)
    assert (found.blob, found.sha256, found.n_bytes) == (
        git.stdout.strip(),
        hashlib.sha256(data).hexdigest(),
        len(data),
    )


@given(JSON)
def test_whatever_calls_itself_a_statement_has_subjects_or_none(statement: object) -> None:
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in subjects_of(statement).items())


@given(st.dictionaries(st.text(), st.text()))
def test_the_subjects_of_a_statement_are_its_files(files: dict[str, str]) -> None:
    assert (
        subjects_of({"subject": [{"name": k, "digest": {"sha256": v, "sha1": "y"}} for k, v in files.items()]}) == files
    )


def test_papers_say_what_is_known_and_nothing_else(tmp_path: Path) -> None:
    folder = promoted(tmp_path / "whole")
    papers = read_contents(folder).papers
    assert (papers.run, papers.candidate, papers.outcome) == ("20261123-1", "tiny", "ship")
    assert (papers.artefact_digest, papers.base_revision) == (ARTEFACT, "v1")
    assert papers.card == CARD[CARD.index("# tiny") :]
    assert read_contents(folder).model == ["adapter_config.json", "adapter_model.safetensors"]
    for name in ("adapter_card.json", "evidence/run.json"):
        (folder / name).unlink()
    papers = read_contents(sign(folder)).papers
    assert (papers.run, papers.candidate, papers.base_model) == ("", "tiny", ""), "the decision names what ships"
    assert set(papers.tags) == {"candidate", "outcome", "decision_digest", "artefact_digest"}


def test_an_artefact_is_known_by_its_card_then_its_decision_then_all_files(tmp_path: Path) -> None:
    gated = Artefact(candidate="tiny", kind="adapter", digest="b" * 64)
    folder = promoted(tmp_path / "p", decision=replace(DECISION, artefacts=(gated,)))
    assert read_contents(folder).papers.artefact_digest == ARTEFACT
    (folder / "adapter_card.json").write_text("[]")
    assert read_contents(sign(folder)).papers.artefact_digest == "b" * 64
    (folder / "evidence/decision.json").write_bytes(to_json_line(DECISION))
    first = read_contents(sign(folder)).papers.artefact_digest
    (folder / "adapter_model.safetensors").write_bytes(b"other")
    assert len({ARTEFACT, "b" * 64, first, read_contents(sign(folder)).papers.artefact_digest}) == 4


def test_a_decision_at_the_top_is_read_like_one_in_the_evidence(tmp_path: Path) -> None:
    folder = promoted(tmp_path / "p")
    (folder / "evidence/decision.json").rename(folder / "decision.json")
    (folder / "provenance.json").write_text(json.dumps({"subject": [{"name": "x", "digest": {"gitCommit": "1"}}]}))
    contents = read_contents(folder)
    assert contents.papers.decision_digest == contents.files["decision.json"].sha256
    assert "decision.json" not in contents.model
