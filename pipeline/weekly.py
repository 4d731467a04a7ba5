"""The weekly run: each step reads what the one before wrote; a rerun replaces, never appends."""

from datetime import date, timedelta
from pathlib import Path

from configs.call_lists import CallList
from configs.dates import monday
from configs.errors import DataError
from configs.published import RunExtras
from models.bundle import Bundle
from pipeline.context import Context
from pipeline.evaluation.model_report import card_of, report_after_training
from pipeline.ingest.ingest import ingest
from pipeline.ingest.recorded_contacts import overlay_contacts
from pipeline.lists.call_lists import check_salt, choose_lists, reached
from pipeline.lists.experiment import LOOK_BACK, run_effect
from pipeline.monitoring.coverage import coverage, departures
from pipeline.monitoring.drift import drift
from pipeline.progress import log, progress_bar, progress_text, step
from pipeline.scoring.profiles import profiles
from pipeline.scoring.score import Publication, score
from pipeline.scoring.score_changes import Models, last_published
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.tables import Ingested
from pipeline.training import promotion, registry
from pipeline.training.train import comparison_table, plan, train
from serve.answers.prepared import prepared_answers
from serve.store import contacts
from serve.store.contacts import Contact
from serve.store.store import Store
from serve.workbooks.excel import write_lists


def run_weekly(bank: Context, raw: Path, as_of: date) -> tuple[Publication, tuple[CallList, ...]]:
    """Ingest, features, training when it is due, scores by the champion, publication, lists."""
    monday(as_of)
    check_salt(bank.settings)
    tables = run_ingest(bank, raw)
    if as_of > next_monday(tables):
        log.warning("the data ends on %s; the scores of %s rest on old rows", tables.last_day, as_of)
    return run_publish(bank, tables, _scorer(bank, tables, as_of), as_of)


def run_ingest(bank: Context, raw: Path) -> Ingested:
    with step("ingest") as counts, progress_text("ingest") as now:
        tables = ingest(bank.settings, raw, bank.home, now)
        for name in ("rows_in", "loaded", "quarantined", "duplicates"):
            counts[name] = sum(getattr(count, name) for count in tables.counts)
        return overlay_contacts(bank.home, tables, _recorded(bank))


def _recorded(bank: Context) -> tuple[Contact, ...]:
    with Store(bank.home.store) as store, store.write() as connection:
        return contacts.everything(connection)


def run_train(bank: Context, tables: Ingested, as_of: date) -> Bundle:
    """Train with what had matured by ``as_of``, register the model and compare it with the champion."""
    chosen = plan(bank.settings, tables, as_of)
    days = (*chosen.train, *chosen.tune, *chosen.evaluation)
    with step("snapshots") as counts, progress_bar("features") as on_features:
        counts["written"] = build_snapshots(bank.settings, bank.home, tables, days, on_features)
        counts["of"] = len(days)
    with step("labels") as counts, progress_bar("labels") as on_labels:
        counts["written"] = build_outcomes(bank.settings, bank.home, tables, days, as_of, on_labels)
    with step("train") as counts, progress_bar("training") as on_round:
        rounds = bank.settings.training.rounds
        bundle, judged = train(bank, chosen, as_of, lambda done, _: on_round(done, rounds))
        counts |= {"model": bundle.model_id, "rounds": bundle.metrics["rounds"], "judged_rows": len(judged)}
    with step("report") as counts:
        champion = promotion.champion_or_none(bank)
        counts["page"] = report_after_training(bank, tables, bundle, judged, champion)
    with step("register") as counts:
        folder = bank.home.models / bundle.model_id
        counts["version"] = registry.record(
            bank.data, bank.settings.bank, folder, bank.bundle_key, {"data": tables.fingerprint}
        )
        registry.track(bank.data, bank.settings.bank, bundle)
    log.info("judged out of time\n%s", comparison_table(bundle.metrics).round(3).to_string())
    promotion.register_challenger(bank, tables, bundle)
    return bundle


def run_publish(
    bank: Context, tables: Ingested, bundle: Bundle, as_of: date
) -> tuple[Publication, tuple[CallList, ...]]:
    """Score one Monday, publish it in one transaction, write the workbooks."""
    with step("score") as counts, progress_bar("features") as on_features:
        before = last_published(bank, bundle, as_of)
        days = [before.run.snapshot_date, as_of] if before else [as_of]
        build_snapshots(bank.settings, bank.home, tables, days, on_features)
        publication = score(bank.settings, bank.home, tables, Models(bundle, before), as_of)
        counts |= {"cohort": len(publication.scores), "excluded": len(publication.exclusions)}
    with step("effect") as counts, progress_bar("labels") as on_labels:
        found = run_effect(bank, tables, on_labels)
        counts |= {"known": found["known"], "waiting": found["waiting"]}
    publication, lists = choose_lists(bank, tables, publication)
    with step("figures") as counts:
        extras = _extras(bank, tables, bundle, publication)
        counts["drifted"] = extras.drift["drifted"] if extras.drift else None
    with step("publish") as counts, Store(bank.home.store) as store:
        counts["run"] = publication.run.run_id
        keep = bank.settings.store
        store.keep_card(bundle.model_id, card_of(bank, bundle))
        served = store.publish(publication.run, publication.scores, publication.exclusions, lists, extras)
        # A past week filled in stays at least until the next new one, and finds the assignments that it rests on.
        assignment_weeks = keep.keep_weeks + LOOK_BACK.days // 7
        counts["pruned"] = store.prune(keep.keep_weeks, keep.keep_profiles, assignment_weeks) if served else 0
    with step("lists") as counts, Store(bank.home.store) as store:
        folder = bank.home.lists / str(as_of)
        with store.at_run(publication.run.run_id) as read_session:
            counts["files"] = len(write_lists(folder, read_session, lists, bank.settings))
        counts["customers"] = sum(len(one.listed) for one in lists)
    return publication, lists


def _extras(bank: Context, tables: Ingested, bundle: Bundle, publication: Publication) -> RunExtras:
    """Profiles, figures of branches and of drift, and prepared answers of a run."""
    monday, scores = publication.run.snapshot_date, publication.scores
    longest = timedelta(days=max(tier.service_days for tier in bank.settings.tiers))
    spoken = reached(tables, monday, monday - longest)
    return RunExtras(
        profiles(tables, monday, {one.customer_id for one in scores}),
        coverage(bank.settings, scores, spoken, monday),
        departures(tables, scores, monday),
        drift(bank.home, bundle, monday),
        prepared_answers(publication.run, scores),
    )


def next_monday(tables: Ingested) -> date:
    """The first Monday after the last booking: the latest snapshot that the data supports."""
    return tables.last_day + timedelta(days=7 - tables.last_day.weekday())


def _scorer(bank: Context, tables: Ingested, as_of: date) -> Bundle:
    """The model that scores this Monday; a challenger is trained first when it is due.

    The champion goes on scoring while a challenger waits for approval. Raises DataError, saying what to do, if
    no promoted model can score this Monday.
    """
    usable = promotion.champion_for(bank, as_of)
    if usable is not None and not _due(bank, usable, as_of):
        return usable
    challenger = run_train(bank, tables, as_of)
    usable = promotion.champion_for(bank, as_of)
    if usable is not None:
        return usable
    if _past(bank, as_of) and bank.settings.promotion.approval == "automatic":
        log.info("champion  model=%s trained for this past Monday alone", challenger.model_id)
        return challenger
    raise DataError(
        f"no model that was promoted can score {as_of}; {promotion.standing(bank, challenger.model_id)}"
    )


def _due(bank: Context, usable: Bundle, as_of: date) -> bool:
    """Whether model and the last decision about a challenger are older than ``training.retrain_weeks``."""
    days = [usable.trained_as_of, *promotion.compared_on(bank)]
    latest = max(day for day in days if day <= as_of)
    return as_of - latest >= timedelta(weeks=bank.settings.training.retrain_weeks)


def _past(bank: Context, as_of: date) -> bool:
    """Whether the champion was trained after this Monday."""
    present = promotion.champion(bank)
    return present is not None and present.trained_as_of > as_of
