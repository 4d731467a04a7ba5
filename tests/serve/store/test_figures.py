"""What was measured of a run lies with it, is replaced whole, and goes with it."""

from dataclasses import replace

import pytest

from configs.branch_rows import BranchFigures, Coverage, Departure
from configs.errors import DataError
from configs.published import RunExtras
from serve.store.branch_summary import branch_summary
from serve.store.scope import EVERYTHING, Reach, Scope
from serve.store.store import keep_figures
from tests.serve.conftest import Movement


def test_figures_are_replaced_and_belong_to_their_run(published, publish_run):
    publish_run("run-2")
    with published.write() as connection:
        keep_figures(connection, "run-1", "outcome", {"auroc": 0.5})
        keep_figures(connection, "run-1", "outcome", {"auroc": 0.8})
        keep_figures(connection, "run-2", "drift", {"most": []})
    with published.at_run() as read_session:
        found = read_session.figures("outcome", 5)
        assert [(run.run_id, one) for run, one in found] == [("run-2", None), ("run-1", {"auroc": 0.8})]
        assert [run.run_id for run, _ in read_session.figures("drift", 1)] == ["run-2"]


def test_figures_go_with_a_run_that_is_published_anew(published, publish_run):
    with published.write() as connection:
        keep_figures(connection, "run-1", "outcome", {"auroc": 0.8})
    extras = RunExtras(coverage=(Coverage("B1", "M1", 4, 1, 100, 2, 4),))
    publish_run(extras=extras)
    with published.at_run() as read_session:
        assert read_session.branch_known("B1")
        assert read_session.figures("outcome", 5)[0][1] is None


def test_figures_are_published_with_their_run_or_not_at_all(published, publish_run):
    coverage = (Coverage("B1", "M1", 4, 1, 100, 2, 4),)
    extras = RunExtras(coverage=coverage, departures=(Departure("B1", "M0", 1, 1, 5),), drift={"most": []})
    with pytest.raises(DataError, match="cannot be stored"):
        publish_run("run-2", extras=replace(extras, drift={"psi": float("inf")}))
    assert published.latest_run().run_id == "run-1"
    publish_run("run-2", extras=extras)
    with published.at_run() as read_session:
        assert (read_session.run.run_id, read_session.branch_known("B1")) == ("run-2", True)
        assert [one.manager_id for one in branch_summary(read_session, "B1").departures] == ["M0"]
        assert read_session.figures("drift", 1)[0][1] == {"most": []}


def test_a_branch_reads_its_own_figures_alone(published, publish_run):
    content = {"customers": 5, "aum_minor": [1, 2]}
    for scope, seen in {
        EVERYTHING: {"", "B1"},
        Scope(Reach.BRANCH, "B1"): {"B1"},
        Scope(Reach.OWN, "M1"): set(),
    }.items():
        with published.at_run(scope=scope) as session:
            read = {branch: session.branch_figures(branch, "movement") for branch in ("", "B1", "B2")}
            assert {branch: content for branch, content in read.items() if content} == dict.fromkeys(
                seen, content
            )
            assert session.branch_figures("B1", "load") is None
    for unfit in (1.5, True):
        with pytest.raises(
            DataError, match=r"aum_minor of a branch's figures is .*: money is a whole number"
        ):
            publish_run(
                extras=RunExtras(branch_figures=[BranchFigures("", "movement", Movement(5, (unfit,)))])
            )


def test_what_cannot_be_stored_is_refused(published):
    with published.write() as connection:
        with pytest.raises(DataError, match="no run 'never'"):
            keep_figures(connection, "never", "drift", {})
        with pytest.raises(DataError, match="cannot be stored"):
            keep_figures(connection, "run-1", "drift", {"psi": float("nan")})
