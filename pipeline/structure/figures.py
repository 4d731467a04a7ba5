"""The figures of structure and movement of a run, of every branch and of the bank."""

from collections.abc import Iterator, Sequence
from datetime import date

from configs.branch_rows import BranchFigures
from configs.settings import Settings
from features.structure import BRIDGE_WEEKS
from pipeline.artefacts import Home
from pipeline.scoring.score import Publication
from pipeline.structure.cells import Segments, cells_of, customers_on
from pipeline.structure.movement import movements
from pipeline.structure.structure import structures
from serve.store import tables
from serve.store.store import Store


def structure_figures(
    settings: Settings, home: Home, mondays: Sequence[date], segments: Segments
) -> Iterator[BranchFigures]:
    """Structure and movement up to the last of these Mondays, of all of which the structure stands.

    ``segments`` are those of the Mondays that were published with one.
    """
    snapshot_date = mondays[-1]
    compared = [day for day in mondays if (snapshot_date - day).days // 7 in (0, *BRIDGE_WEEKS)]
    cells = cells_of(settings, (customers_on(home, day, segments) for day in compared))
    customers = customers_on(home, snapshot_date, segments, ["household_id"])
    for branch, structure in structures(settings, home, customers, cells, mondays).items():
        yield BranchFigures(branch, "structure", structure)
    for branch, movement in movements(home, cells, segments, mondays).items():
        yield BranchFigures(branch, "movement", movement)


def published_segments(home: Home, publication: Publication) -> Segments:
    """The segments of this run, and of the Mondays before it that bridges begin on, as published then."""
    snapshot_date, scores = publication.run.snapshot_date, publication.scores
    segments = {snapshot_date: {score.customer_id: score.segment for score in scores if score.segment}}
    if not segments[snapshot_date]:
        return {}
    column = tables.scores.c
    with Store(home.store) as store:
        for run in store.history():  # of one Monday the newest first
            day = run.snapshot_date
            if (snapshot_date - day).days / 7 in BRIDGE_WEEKS and day not in segments:
                with store.at_run(run.run_id) as session:
                    query = session.of(tables.scores).with_only_columns(column.customer_id, column.segment)
                    named = session.connection.execute(query.where(column.segment != "")).all()
                    segments[day] = {row.customer_id: row.segment for row in named}
    return {day: named for day, named in segments.items() if named}
