"""A whole recording judged: one error rate over candidates, whatever the order of gates and candidates."""

from __future__ import annotations

import msgspec
import pytest
from fixtures_report import build_run

from evalgate.core.results import Decision
from evalgate.judging import judge_run
from evalgate.store import RunData

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recorded() -> RunData:
    run = build_run(40)
    gates = tuple(g for g in run.run.gates if g.name != "routing-better")
    return msgspec.structs.replace(run, run=msgspec.structs.replace(run.run, gates=gates))


def with_run(data: RunData, **changes) -> RunData:
    return msgspec.structs.replace(data, run=msgspec.structs.replace(data.run, **changes))


@pytest.fixture(scope="module")
def both(recorded: RunData) -> Decision:
    return judge_run(recorded)


def test_verdicts_do_not_depend_on_the_order_of_gates_or_candidates(recorded: RunData, both: Decision):
    turned = judge_run(with_run(recorded, gates=recorded.run.gates[::-1], candidates=recorded.run.candidates[::-1]))
    by_name = [sorted(d.verdicts, key=lambda v: (v.gate, v.candidate)) for d in (both, turned)]
    assert by_name[0] == by_name[1]
    assert (both.outcome, both.ship, set(both.scores)) == (turned.outcome, turned.ship, set(turned.scores))


def test_several_candidates_are_judged_at_a_share_of_alpha_and_fails_at_all_of_it(recorded: RunData, both: Decision):
    alone = {
        (v.gate, v.candidate): v
        for name in recorded.run.candidates
        for v in judge_run(with_run(recorded, candidates=(name,))).verdicts
    }
    assert {v.alpha for v in alone.values()} == {0.05}
    assert {v.alpha for v in both.verdicts if v.outcome != "fail"} == {0.025}
    for verdict in both.verdicts:
        before = alone[verdict.gate, verdict.candidate]
        assert verdict == before or before.outcome != "fail"
        assert before.outcome == "pass" or verdict.outcome != "pass"
