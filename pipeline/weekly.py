"""The weekly run: each step reads what the one before wrote; a rerun replaces, never appends."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from configs.dates import monday
from configs.errors import DataError
from configs.settings import Settings
from models.bundle import Bundle, load, settings_of
from pipeline import registry
from pipeline.artefacts import Home
from pipeline.ingest import ingest
from pipeline.score import Publication, score
from pipeline.snapshots import build_outcomes, build_snapshots
from pipeline.tables import Ingested, read_ingested
from pipeline.terminal import bar, log, spinner, step
from pipeline.train import columns_of, comparison, plan, train, trained_as_of
from serve.excel import write_lists
from serve.lists import CallList, choose
from serve.store import Store


@dataclass(frozen=True)
class Bank:
    """One bank's settings and the folder of its artefacts; ``data`` holds all banks and the registry."""

    settings: Settings
    data: Path

    @property
    def home(self) -> Home:
        return Home(self.data / self.settings.bank)


def run_weekly(bank: Bank, raw: Path, as_of: date) -> tuple[Publication, tuple[CallList, ...]]:
    """Ingest, features, training when there is no champion yet, scores, publication, lists."""
    monday(as_of)
    tables = run_ingest(bank, raw)
    if as_of > next_monday(tables):
        log.warning("the data ends on %s; the scores of %s rest on old rows", tables.last_day, as_of)
    bundle = _champion(bank, as_of) or run_train(bank, tables, as_of)
    return run_publish(bank, tables, bundle, as_of)


def run_ingest(bank: Bank, raw: Path) -> Ingested:
    with step("ingest") as counts, spinner("ingest") as now:
        tables = ingest(bank.settings, raw, bank.home, now)
        for name in ("rows_in", "loaded", "quarantined", "duplicates"):
            counts[name] = sum(getattr(count, name) for count in tables.counts)
    return tables


def run_train(bank: Bank, tables: Ingested, as_of: date) -> Bundle:
    """Train with what had matured by ``as_of`` and make the model champion."""
    chosen = plan(bank.settings, tables, as_of)
    days = (*chosen.train, *chosen.tune, *chosen.judge)
    with step("snapshots") as counts, bar("features") as on_features:
        counts["written"] = build_snapshots(bank.settings, bank.home, tables, days, on_features)
        counts["of"] = len(days)
    with step("labels") as counts, bar("labels") as on_labels:
        counts["written"] = build_outcomes(bank.settings, bank.home, tables, days, as_of, on_labels)
    with step("train") as counts, bar("training") as on_round:
        rounds = bank.settings.training.rounds
        bundle, judged = train(
            bank.settings, bank.home, chosen, as_of, lambda done, _: on_round(done, rounds)
        )
        counts |= {"model": bundle.model_id, "rounds": bundle.metrics["rounds"], "judged_rows": len(judged)}
    with step("register") as counts:
        folder = bank.home.models / bundle.model_id
        counts["version"] = registry.record(
            bank.data, bank.settings.bank, folder, {"data": tables.fingerprint}
        )
        _promote(bank, bundle)
    log.info("judged out of time\n%s", comparison(bundle.metrics).round(3).to_string())
    return bundle


def run_publish(
    bank: Bank, tables: Ingested, bundle: Bundle, as_of: date
) -> tuple[Publication, tuple[CallList, ...]]:
    """Score one Monday, publish it in one transaction, write the workbooks."""
    with step("score") as counts, bar("features") as on_features:
        build_snapshots(bank.settings, bank.home, tables, [as_of], on_features)
        publication = score(bank.settings, bank.home, tables, bundle, as_of)
        counts |= {"cohort": len(publication.scores), "excluded": len(publication.exclusions)}
    lists = choose(publication.scores, publication.managers, bank.settings.lists)
    with step("publish") as counts, Store(bank.home.store) as store:
        store.publish(publication.run, publication.scores, publication.exclusions, lists)
        counts["run"] = publication.run.run_id
    with step("lists") as counts:
        folder = bank.home.lists / str(as_of)
        counts["files"] = len(write_lists(folder, publication.run, lists, bank.settings))
        counts["customers"] = sum(len(one.listed) for one in lists)
    return publication, lists


def next_monday(tables: Ingested) -> date:
    """The first Monday after the last booking: the latest snapshot that the data supports."""
    return tables.last_day + timedelta(days=7 - tables.last_day.weekday())


def current_tables(bank: Bank) -> Ingested:
    """The tables of the last ingest. Raises DataError before the first."""
    return read_ingested(bank.home)


def _champion(bank: Bank, as_of: date) -> Bundle | None:
    """The champion, if it may score this Monday: trained on nothing later, not too long ago, on these
    features and this label."""
    try:
        bundle = load(registry.champion(bank.data, bank.settings.bank))
    except DataError:
        return None
    age = as_of - trained_as_of(bundle)
    fits = {
        "its training day": timedelta(0) <= age < timedelta(weeks=bank.settings.training.retrain_weeks),
        "its features": bundle.model.columns == tuple(columns_of(bank.settings)),
        "its label": bundle.settings["label"] == settings_of(bank.settings)["label"],
    }
    differs = [name for name, same in fits.items() if not same]
    said = f"not used for {as_of} because of {' and '.join(differs)}" if differs else "used"
    log.info("champion  model=%s trained_as_of=%s %s", bundle.model_id, trained_as_of(bundle), said)
    return None if differs else bundle


def _promote(bank: Bank, bundle: Bundle) -> None:
    """Make the model champion, unless the champion is of a later Monday: a past week must not replace it."""
    try:
        current = load(registry.champion(bank.data, bank.settings.bank))
    except DataError:
        current = bundle
    if trained_as_of(current) <= trained_as_of(bundle):
        registry.promote(bank.data, bank.settings.bank, bundle.model_id)
