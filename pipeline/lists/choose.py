"""Whom to call this Monday: what the choice rests on, brought together, and the choice itself."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from configs.call_lists import CallList, Week
from configs.errors import ConfigError
from configs.published import Decision, Run
from configs.settings import Settings
from pipeline.artefacts import fingerprint
from pipeline.context import Context
from pipeline.lists.choice import choose
from pipeline.lists.effect import LOOK_BACK, helpfulness, trial_weeks
from pipeline.scoring.profiles import maturities
from pipeline.scoring.score import Publication, run_id_of
from pipeline.tables import Ingested
from serve.store import assignments as trial
from serve.store.store import Store

COLUMNS = ["customer_id", "contacted_at", "outcome", "known_on", "superseded_on"]


def choose_lists(
    bank: Context, tables: Ingested, publication: Publication
) -> tuple[Publication, tuple[CallList, ...]]:
    """The lists of a run, which bears what they rest on in its run_id: other lists are another run."""
    lists = bank.settings.lists
    monday = publication.run.snapshot_date
    known = reached(tables, monday, monday - timedelta(weeks=lists.cool_down_weeks + 1))
    with Store(bank.home.store) as store, store.write() as connection:
        helps = helpfulness(bank.settings, trial.lots(connection, monday - LOOK_BACK), monday)
        week = trial.week(connection, monday, trial_weeks(bank.settings), helps, known)
    chosen = choose(publication.scores, publication.managers, lists, week)
    told = with_next_steps(bank.settings, tables, monday, chosen)
    return replace(publication, run=_with_lists(publication.run, week)), told


def check_salt(settings: Settings) -> None:
    """Raises ConfigError where anybody could work out who will be held out, and call those customers all the same.

    Nobody is fooled in a bank whose approval is automatic: there are no managers.
    """
    if settings.promotion.approval != "automatic" and settings.lists.held_out and not settings.lists.salt:
        raise ConfigError(
            "lists.salt is empty, so that anybody can work out who will be held out. Set it in "
            f"configs/banks/{settings.bank}/bank.toml, to what `openssl rand -hex 16` prints."
        )


def with_next_steps(
    settings: Settings, tables: Ingested, monday: date, lists: Sequence[CallList]
) -> tuple[CallList, ...]:
    """The lists with what to do first for each listed customer, in both languages."""
    due = maturities(tables, monday, [score.customer_id for one in lists for score in one.listed])

    def told(one: CallList) -> Iterator[Decision]:
        scores = {score.customer_id: score for score in one.listed}
        for decision in one.decisions:
            if score := scores.get(decision.customer_id):
                step = settings.next_steps.suggested(score, due.get(score.customer_id, ()), monday)
                decision = replace(decision, next_step_en=step.en, next_step_zh=step.zh)
            yield decision

    return tuple(replace(one, decisions=tuple(told(one))) for one in lists)


def reached(tables: Ingested, monday: date, since: date) -> dict[str, date]:
    """The last day from ``since`` on of a contact in which each customer was reached, as known before ``monday``."""
    found: dict[str, date] = {}
    for bucket in range(tables.buckets):
        rows = tables.read("contacts", bucket, COLUMNS, since=since.year)
        if rows is not None:
            found |= _last_days(rows, monday, since)
    return found


def _last_days(rows: pa.Table, monday: date, since: date) -> dict[str, date]:
    start, end = (
        pa.scalar(datetime.combine(day, time()), rows["contacted_at"].type) for day in (since, monday)
    )
    seen = (
        (pc.field("contacted_at") >= start)
        & (pc.field("contacted_at") < end)
        & (pc.field("known_on") < monday)
        & (pc.field("superseded_on").is_null() | (pc.field("superseded_on") >= monday))
        & (pc.field("outcome").is_null() | (pc.field("outcome") != "no_answer"))
    )
    last = rows.filter(seen).group_by("customer_id").aggregate([("contacted_at", "max")])
    days = (at.date() for at in last["contacted_at_max"].to_pylist())
    return dict(zip(last["customer_id"].to_pylist(), days, strict=True))


def _with_lists(run: Run, week: Week) -> Run:
    """The run under the name of all that went into it, lists included."""
    facts = (
        sorted(week.opted_out),
        sorted(week.reached.items()),
        sorted(week.in_question),
        sorted(week.draws.items(), key=lambda one: one[0]),
        week.helps,
    )
    went_in = dict(run.manifest) | {"lists": fingerprint(repr(facts))}
    return replace(run, run_id=run_id_of(run.snapshot_date, went_in), manifest=MappingProxyType(went_in))
