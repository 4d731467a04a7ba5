"""The weekly run: each step reads what the one before wrote; a rerun replaces, never appends."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import date, timedelta
from itertools import chain
from logging import INFO, WARNING
from pathlib import Path
from typing import Any

from configs.call_lists import CallList
from configs.dates import WEEK, monday
from configs.errors import DataError
from configs.files import whole_folder
from configs.published import RunExtras
from models.bundle import Bundle
from models.smoke_test import smoke_test
from pipeline.alarms.run_alarms import raise_run_alarms
from pipeline.campaigns.effect import estimate_effects, write_effects
from pipeline.campaigns.sending import send_due
from pipeline.context import Context
from pipeline.evaluation.intake_page import write_intake_page
from pipeline.evaluation.model_report import card_of, evaluate_after_training
from pipeline.gates.cohorts import standing
from pipeline.gates.gates import NO_WAIVER, EvaluatedDelivery, Waiver, evaluate_delivery, evaluate_run
from pipeline.ingest.findings import read_findings
from pipeline.ingest.ingest import ingest
from pipeline.ingest.recorded_contacts import overlay_contacts
from pipeline.ingest.renumbered import newest_numbers
from pipeline.lists.call_lists import check_salt, choose_lists
from pipeline.lists.experiment import LOOK_BACK, Effect, estimate_effect, with_assignments, write_effect
from pipeline.lists.policies import follow_figures
from pipeline.lists.service import branch_heads
from pipeline.lists.tier_watches import tier_watches
from pipeline.monitoring.calibration import VERDICTS, asks_for_training, calibration, group_in_words
from pipeline.monitoring.coverage import coverage, departures
from pipeline.monitoring.drift import drift
from pipeline.monitoring.handovers import handovers
from pipeline.monitoring.load import Staff, call_outcomes, load_figures
from pipeline.monitoring.matured import Counted, count_matured, keep_matured, read_matured
from pipeline.progress import log, progress_bar, progress_text, step
from pipeline.satisfaction.figures import satisfaction_figures
from pipeline.scoring.profiles import profiles
from pipeline.scoring.reasons import Models, last_published
from pipeline.scoring.score import Publication, score
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.snapshots.labelled import label_counts, with_outcome
from pipeline.structure.expected import with_expected
from pipeline.structure.facts import build_structure, mondays_of_year
from pipeline.structure.figures import published_segments, structure_figures
from pipeline.structure.products import product_figures, products_on
from pipeline.tables import Ingested
from pipeline.training import promotion
from pipeline.training.datasets import plan_or_datasets
from pipeline.training.selects import changed_selects, keep_selects
from pipeline.training.train import check_settings, comparison_table, train
from pipeline.win_back.win_back import run_win_back
from serve.api.prepared import prepared_answers
from serve.store import contacts, renumbering
from serve.store.store import Store, keep_figures
from serve.workbooks.excel import write_lists


def run_weekly(
    context: Context, raw: Path, snapshot_date: date, waiver: Waiver = NO_WAIVER, rows_gone: str = ""
) -> tuple[Publication, tuple[CallList, ...]]:
    """Ingest, gates, training when it is due, scores by the champion, their gates, publication, lists.

    Raises GateError where a gate refuses: of the delivery before anything is learnt from it, of scores and
    lists before they are published.
    """
    monday(snapshot_date)
    check_salt(context.settings)
    tables = run_ingest(context, raw, rows_gone)
    counted, figures = run_calibration(context, tables, snapshot_date)
    evaluated = run_gates(context, tables, snapshot_date, figures, waiver)
    with step("matured") as counts:
        keep_matured(counted)
        counts["files"] = len(counted)
    bundle = scoring_model(context, tables, snapshot_date, figures)
    for table in changed_selects(context, bundle.model_id):
        log.warning(
            "champion  %s.sql has changed since model=%s was trained: its features may mean something else. "
            "Train a challenger (make train)", table, bundle.model_id,
        )  # fmt: skip
    published = run_publish(context, tables, bundle, evaluated, figures)
    promotion.register(context)
    return published


def run_ingest(context: Context, raw: Path, rows_gone: str = "") -> Ingested:
    """The tables of the raw files, with the contacts recorded in the store laid over them.

    ``rows_gone`` says why loaded rows may be missing from all files; that is noted in the audit log.
    """
    check_settings(context.settings)
    with step("ingest") as counts, progress_text("ingest") as on_file:
        tables = ingest(context.settings, raw, context.home, on_file, rows_gone)
        if rows_gone:
            promotion.note_rows_gone(context, tables)
        for name in ("rows_in", "loaded", "superseded", "quarantined", "duplicates"):
            counts[name] = sum(getattr(count, name) for count in tables.counts)
        _follow_numbers(context, tables)
        with Store(context.home.store) as store, store.write() as connection:
            recorded = contacts.oldest_first(connection)
        tables = overlay_contacts(context.home, tables, recorded)
        write_intake_page(context.settings, context.home, tables)
    for finding in read_findings(context.settings, tables):
        log.log(WARNING if finding.warning else INFO, "ingest    %s", finding.text)
    return tables


def _follow_numbers(context: Context, tables: Ingested) -> None:
    """Put what managers recorded under old numbers of customers under the newest; the audit log says so.

    Published runs keep the old numbers.
    """
    newest = newest_numbers(tables).newest
    if newest:
        with promotion.audit_log(context) as audit_log:
            moved = renumbering.follow_numbers(audit_log.connection, newest)
            if moved:
                details = {"rows": moved}
                audit_log.note(context.user, "renumber customers", tables.fingerprint, details)


def run_calibration(
    context: Context, tables: Ingested, snapshot_date: date
) -> tuple[Counted, dict[str, Any]]:
    """Outcomes counted for this Monday, not kept yet; and the predictions of earlier runs beside
    all that had matured, with a verdict on noise."""
    with step("calibration") as counts, progress_bar("labels") as on_labels:
        counted = count_matured(context, tables, snapshot_date, on_labels)
        matured = read_matured(context.home, context.settings.label, snapshot_date, counted)
        figures = calibration(context.settings, matured, snapshot_date)
        counts |= {"matured": len(counted), "verdict": figures["verdict"], "alarms": figures["alarms"]}
    for group in figures["groups"]:
        if group["since"]:
            words = group_in_words(group), VERDICTS[group["verdict"]], group["since"]
            log.warning("alarm     %s: %s, since %s", *words)
    return counted, figures


def run_gates(
    context: Context, tables: Ingested, snapshot_date: date, figures: Mapping[str, Any], waiver: Waiver
) -> EvaluatedDelivery:
    """The verdicts of the gates on a delivery and its calibration ``figures``; nothing was learnt yet.

    Before the first model its limits are learnt from the Mondays that will train it.
    """
    with step("snapshots") as counts, progress_bar("features") as on_features:
        earlier = standing(context.home, tables, snapshot_date - WEEK)[-1:]
        if not promotion.compared_on(context):
            earlier = [*plan_or_datasets(context, tables, snapshot_date, on_features).mondays]
        mondays = [*earlier, snapshot_date]
        counts["written"] = build_snapshots(context.settings, context.home, tables, mondays, on_features)
        counts["of"] = len(mondays)
    with step("gates") as counts:
        evaluated = evaluate_delivery(context, tables, snapshot_date, figures, waiver)
        counts["figures"] = len(evaluated.verdicts)
    return evaluated


def run_train(context: Context, tables: Ingested, snapshot_date: date) -> Bundle:
    """A model of what had matured by ``snapshot_date``, compared with the champion, not registered yet."""
    check_settings(context.settings)
    with progress_bar("features") as on_features:
        split = plan_or_datasets(context, tables, snapshot_date, on_features)
    snapshots = (*split.train, *split.tune, *split.evaluation)
    with step("snapshots") as counts, progress_bar("features") as on_features:
        counts["written"] = build_snapshots(context.settings, context.home, tables, snapshots, on_features)
        counts["of"] = len(snapshots)
    with step("labels") as counts, progress_bar("labels") as on_labels:
        counts["written"] = build_outcomes(
            context.settings, context.home, tables, snapshots, snapshot_date, on_labels
        )
        if context.settings.label.definition == "delivered":
            counts |= label_counts(context.home, snapshots)
    with step("train") as counts, progress_bar("training") as on_round:
        rounds = context.settings.training.rounds
        trained = train(context, split, snapshot_date, lambda done, _: on_round(done, rounds))
        bundle, rows, _ = trained
        counts |= {"model": bundle.model_id, "rounds": bundle.metrics["rounds"], "evaluated_rows": len(rows)}
    keep_selects(context, bundle.model_id)
    folder, seconds = context.home.models / bundle.model_id, context.settings.promotion.smoke_test_seconds
    with step("report"), ThreadPoolExecutor(1) as pool:
        tried = pool.submit(smoke_test, folder, context.bundle_key, seconds)
        champion = promotion.champion_or_none(context)
        evaluated = evaluate_after_training(context, tables, trained, champion)
        tried.result()  # raises DataError where the bundle is refused
    log.info("out of time\n%s", comparison_table(bundle.metrics).round(3).to_string())
    promotion.register_challenger(context, tables, bundle, evaluated)
    return bundle


def run_score(
    context: Context, tables: Ingested, bundle: Bundle, snapshot_date: date
) -> tuple[Publication, tuple[CallList, ...], Effect]:
    """The scores of one Monday, the effect of earlier calls and the lists that rest on both; nothing is
    published."""
    with step("score") as counts, progress_bar("features") as on_features:
        previous = last_published(context, bundle, snapshot_date)
        snapshots = [previous[0].snapshot_date, snapshot_date] if previous else [snapshot_date]
        build_snapshots(context.settings, context.home, tables, snapshots, on_features)
        publication = score(context.settings, context.home, tables, Models(bundle, previous), snapshot_date)
        counts |= {"cohort": len(publication.scores), "excluded": len(publication.exclusions)}
    with step("effect") as counts, progress_bar("labels") as on_labels:
        effect = estimate_effect(context, tables, snapshot_date, on_labels)
        counts |= {"known": effect.figures["known"], "waiting": effect.figures["waiting"]}
    with step("choose") as counts:
        publication, lists = choose_lists(context, tables, publication, effect)
        counts["listed"] = sum(len(call_list.listed) for call_list in lists)
    return publication, lists, with_assignments(context.settings, effect, publication, lists)


def run_publish(
    context: Context,
    tables: Ingested,
    bundle: Bundle,
    evaluated: EvaluatedDelivery,
    figures: Mapping[str, Any],
) -> tuple[Publication, tuple[CallList, ...]]:
    """Score one Monday, publish it in one transaction with the ``figures`` of its calibration, write the
    workbooks.

    Raises GateError, and publishes nothing, where a gate refuses the run.
    """
    snapshot_date = evaluated.monday
    publication, lists, effect = run_score(context, tables, bundle, snapshot_date)
    campaign_effects = estimate_effects(context, tables, snapshot_date, lambda *_: None)
    with step("structure") as counts, progress_bar("structure") as on_structure:
        counts["written"] = build_structure(
            context.settings, context.home, tables, snapshot_date, on_structure
        )
    with step("run-gates") as counts:
        drifted = drift(context.home, bundle, snapshot_date)
        publication, gates = evaluate_run(context, tables, evaluated, (publication, lists), drifted)
        counts |= {"figures": len(gates["gates"]), "overridden": len(gates["overridden"])}
    gone = run_win_back(context, tables, publication)
    with step("figures") as counts:
        extras = _extras(context, tables, publication, lists, effect.rows)
        extras = replace(
            extras, drift=drifted, calibration=figures, gates=gates, former_customers=gone.customers
        )
        counts["drifted"] = drifted["drifted"] if drifted else None
    run, folder = publication.run, context.home.lists / str(snapshot_date)
    with step("publish") as counts, Store(context.home.store) as store:
        counts["run"] = run.run_id
        store.keep_card(bundle.model_id, card_of(context, bundle))
        # The run is committed once its workbooks are on disk; they are shown once it is committed.
        with (
            whole_folder(folder) as draft,
            store.publishing(
                run, publication.scores, publication.exclusions, lists, extras, context.clock()
            ) as read_session,
            step("lists") as listed,
        ):
            write_effect(read_session.connection, effect)
            write_effects(read_session.connection, campaign_effects)
            terms = context.settings.list_terms
            keep_figures(read_session.connection, run.run_id, "terms", asdict(terms))
            keep_figures(read_session.connection, run.run_id, "win_back", gone.figures)
            listed["files"] = len(write_lists(draft, read_session, lists, terms))
            listed["customers"] = sum(len(call_list.listed) for call_list in lists)
            served = read_session.served_run() == run
        keep = context.settings.store
        # A past week filled in stays at least until the next new one, and finds the assignments it rests on.
        assignment_weeks = keep.keep_weeks + LOOK_BACK.days // 7
        counts["pruned"] = store.prune(keep.keep_weeks, keep.keep_profiles, assignment_weeks) if served else 0
    if served:
        raise_run_alarms(context, snapshot_date, drifted, figures)
        follow_figures(context, effect.rows, snapshot_date)
        send_due(context, tables)
    return publication, lists


def _extras(
    context: Context,
    tables: Ingested,
    publication: Publication,
    lists: Sequence[CallList],
    assigned: Sequence[Any],
) -> RunExtras:
    """``assigned`` are the assignments of earlier Mondays with their outcomes."""
    snapshot_date, scores = publication.run.snapshot_date, publication.scores
    home, mondays = context.home, mondays_of_year(tables, snapshot_date)
    matured = with_outcome(context.settings, tables, mondays, snapshot_date)[-1:]
    build_outcomes(context.settings, home, tables, matured, snapshot_date, lambda *_: None)
    structured = structure_figures(context.settings, home, mondays, published_segments(home, publication))
    left = departures(tables, scores, snapshot_date)
    capacities = {manager.manager_id: manager.weekly_capacity for manager in publication.managers}
    outcomes = call_outcomes(assigned, context.settings.figures.least_customers)
    staff = Staff(capacities, branch_heads(tables), left, outcomes)
    held = products_on(context.settings, home, tables, snapshot_date)
    return RunExtras(
        profiles(tables, snapshot_date, {score.customer_id for score in scores}, held.of_cohort()),
        coverage(scores, snapshot_date),
        left,
        prepared_answers=prepared_answers(publication.run, scores, lists),
        branch_figures=chain(
            with_expected(structured, context.settings, home, mondays),
            product_figures(context.settings, home, tables, mondays, held),
            load_figures(context.settings, scores, staff, snapshot_date),
            satisfaction_figures(context.settings, home, tables, mondays),
        ),
        tier_watches=tier_watches(context.settings, context.home, snapshot_date),
        handovers=handovers(context.settings, tables, scores, publication.managers, snapshot_date),
    )


def scoring_model(
    context: Context, tables: Ingested, snapshot_date: date, figures: Mapping[str, Any] | None = None
) -> Bundle:
    """The model that scores this Monday; a challenger is trained first when it is due.

    The champion goes on scoring while a challenger waits for approval. Raises DataError, saying what to do,
    if no promoted model can score this Monday.
    """
    usable = promotion.champion_for(context, snapshot_date)
    if usable is not None and not _due(context, usable, snapshot_date, figures):
        return usable
    challenger = run_train(context, tables, snapshot_date)
    usable = promotion.champion_for(context, snapshot_date)
    if usable is not None:
        return usable
    present = promotion.champion(context)
    is_past = present is not None and present.trained_as_of > snapshot_date
    if is_past and context.settings.promotion.approval == "automatic":
        log.info("champion  model=%s trained for this past Monday alone", challenger.model_id)
        return challenger
    raise DataError(
        f"no model that was promoted can score {snapshot_date}; "
        f"{promotion.standing(context, challenger.model_id)}"
    )


def _due(context: Context, usable: Bundle, snapshot_date: date, figures: Mapping[str, Any] | None) -> bool:
    """True where model and last decision about a challenger are older than ``training.retrain_weeks``, or
    than an alarm on the predictions."""
    days = [usable.trained_as_of, *promotion.compared_on(context)]
    latest = max(day for day in days if day <= snapshot_date)
    if figures and asks_for_training(figures, latest):
        log.warning("champion  a challenger is trained: %s", VERDICTS[figures["verdict"]])
        return True
    return snapshot_date - latest >= timedelta(weeks=context.settings.training.retrain_weeks)
