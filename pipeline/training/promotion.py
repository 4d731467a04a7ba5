"""The steps to champion: trained, compared, approved by a second person, promoted; or refused, or taken back.

The audit log is the record: the champion is the last model that it says was promoted and not rolled back, and
MLflow's alias only repeats it. Each step is an entry; what it decides and its entry are one transaction.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from configs.errors import DataError, did_you_mean
from configs.people import name_of, same_person
from models.bundle import Bundle, load
from models.smoke_test import smoke_test
from pipeline.artefacts import read_json, write_json
from pipeline.context import Context
from pipeline.evaluation.figures import Evaluated
from pipeline.evaluation.model_card import missing_in_card
from pipeline.evaluation.model_report import card_of, comparison_file, page_of, waits_for_page, write_page
from pipeline.progress import log, step
from pipeline.tables import Ingested
from pipeline.training import registry
from pipeline.training.comparison import compare, contract_breaks
from serve.auth import access_log, log_heads
from serve.store.audit import Entry, Head, append, entries, head, verify
from serve.store.store import Store
from serve.store.tables import runs

TRAINED, COMPARED, REFUSED = "trained", "compared", "refused"
APPROVED, PROMOTED, ROLLED_BACK = "approved", "promoted", "rolled back"
ROWS_GONE = "loaded rows gone"
BY_THE_FIGURES = "automatic approval"  # stands for the second person in banks to try things out with


@dataclass(frozen=True)
class Log:
    """The audit log in one write transaction."""

    bank: Context
    connection: Connection

    def note(self, actor: str, action: str, subject: str, details: dict[str, Any]) -> None:
        """Adds one entry and says its number and hash, which are thereby also kept where logs go."""
        entry = Entry(self.bank.clock(), actor, action, subject, details)
        added: Head = append(self.connection, entry, self.bank.audit_key)
        log.info("audit     %s %s by %s entry=%s", subject, action, actor, added)

    def champions(self) -> list[str]:
        """Every model that is or was champion and was not rolled back, the present one last."""
        champions: list[str] = []
        for entry in entries(self.connection, (PROMOTED, ROLLED_BACK)):
            if entry.action == PROMOTED:
                champions.append(entry.subject)
            elif champions[-1:] == [entry.subject]:  # of two who rolled back at once only one did
                champions.pop()
        return champions

    def compared(self) -> list[date]:
        """The Mondays as of which models were trained that have been compared, the oldest first."""
        logged = entries(self.connection, (TRAINED, COMPARED))
        trained = {
            entry.subject: entry.details["trained_as_of"] for entry in logged if entry.action == TRAINED
        }
        days = {trained[entry.subject] for entry in logged if entry.action == COMPARED}
        return sorted(map(date.fromisoformat, days))

    def trained(self) -> dict[str, str]:
        """The models that were trained, each with the fingerprint of its data, the first first."""
        return {entry.subject: entry.details["data"] for entry in entries(self.connection, (TRAINED,))}

    def expect(self, champions: list[str]) -> None:
        """Raises DataError where another command has changed the champion since it was looked at."""
        if self.champions() != champions:
            raise DataError(
                "another command changed the champion meanwhile, so that nothing was decided. Look at "
                f"make audit BANK={self.bank.settings.bank}, then run this again if it is still right."
            )

    def trainers(self, model_id: str) -> list[str]:
        """The people who trained a model, the first first."""
        return [entry.actor for entry in entries(self.connection, (TRAINED,)) if entry.subject == model_id]


@contextmanager
def audit_log(bank: Context) -> Iterator[Log]:
    """The verified log. Raises DataError, and records nothing, if it is broken."""
    with Store(bank.home.store) as store, store.write() as connection:
        broken = verify(connection, bank.audit_key)
        if broken:
            raise DataError(
                f"the audit log of bank {bank.settings.bank!r} is broken: {broken[0]}"
                f"{f' and {len(broken) - 1} more' if len(broken) > 1 else ''}. Keep the store as it is for "
                "whoever looks into it, and restore a copy from before."
            )
        yield Log(bank, connection)


def verified(bank: Context, noted: str = "") -> tuple[tuple[Entry, ...], Head | None]:
    """All entries and the head, if the chain is whole and holds the head ``noted`` (number:hash) earlier.

    Raises DataError naming every break.
    """
    with Store(bank.home.store) as store, store.read() as connection:
        noted_before = (_head(noted), log_heads.noted_audit_head(bank.home.store, connection))
        broken = verify(connection, bank.audit_key, *noted_before)
        if head(connection) is None and connection.execute(select(runs).limit(1)).first():
            broken.append("it has no entry, but a run was published, whose model was promoted by one")
        if broken:
            raise DataError(f"the audit log of bank {bank.settings.bank!r} is broken: {'; '.join(broken)}.")
        return entries(connection), head(connection)


def verified_reads(bank: Context, noted: str = "") -> Head | None:
    """The head of the service's access log, if it is whole and holds the heads noted; None for no read.

    Raises DataError naming every break.
    """
    with Store(bank.home.store) as store:
        noted_before = (_head(noted), log_heads.known_access_head(store))
    broken, last = access_log.verified(bank.home.store, bank.audit_key, *noted_before)
    if broken:
        raise DataError(f"the access log of bank {bank.settings.bank!r} is broken: {'; '.join(broken)}.")
    return last


def begin_new_access_log(bank: Context, by: str, why: str) -> None:
    """Notes who answers for a new access log and why. Raises DataError without a reason."""
    if not by.strip() or not why.strip():
        raise DataError("who answers for a new access log and why is not said. Give --by and --why.")
    with audit_log(bank) as log:
        last = log_heads.access_head(log.connection)
        log.note(by, log_heads.BEGUN_ANEW, "access log", {"why": why, "head_before": str(last or "none")})


def note_rows_gone(bank: Context, tables: Ingested) -> None:
    """Notes, once for each delivery, which loaded rows no file holds any more and why that was meant."""
    gone = read_json(tables.folder / "ingest.json")["rows_gone"]
    with audit_log(bank) as log:
        noted = {entry.subject for entry in entries(log.connection, (ROWS_GONE,))}
        if gone and tables.fingerprint not in noted:
            log.note(bank.user, ROWS_GONE, tables.fingerprint, gone)


def _head(noted: str) -> Head | None:
    return Head.parse(noted) if noted else None


def champion(bank: Context) -> Bundle | None:
    """The present champion; None before the first. Raises DataError if its bundle is not whole."""
    champions = _champions(bank)
    return load(bank.home.models / champions[-1], bank.bundle_key) if champions else None


def champion_for(bank: Context, as_of: date) -> Bundle | None:
    """The champion, or for a past Monday the latest former one that had not seen its future; None if no model
    that was promoted can score this Monday."""
    for model_id in reversed(_champions(bank)):
        bundle = load(bank.home.models / model_id, bank.bundle_key)
        wrong = contract_breaks(bank.settings, bundle)
        wrong += ["training day"] if bundle.trained_as_of > as_of else []
        use = f"not used for {as_of} because of its {' and '.join(wrong)}" if wrong else "used"
        log.info("champion  model=%s trained_as_of=%s %s", bundle.model_id, bundle.trained_as_of, use)
        if not wrong:
            return bundle
    return None


def champion_or_none(bank: Context) -> Bundle | None:
    """The champion, for training: one whose bundle is lost must not keep the bank from a new one."""
    try:
        return champion(bank)
    except DataError as error:
        log.warning("champion  not compared: %s", error)
        return None


def _champions(bank: Context) -> list[str]:
    """The champions by the audit log: MLflow's alias has no say."""
    with audit_log(bank) as record:
        return record.champions()


def register(bank: Context) -> None:
    """Registers what the audit log has and MLflow has not: models, the pages of compared ones, the alias.

    The last of a run, for no list waits for it. What a run did not come to, because it was killed or
    refused, the next one does.
    """
    name = bank.settings.bank
    with audit_log(bank) as record:
        trained, champions = record.trained(), record.champions()
    with step("register") as counts:
        known, counts["models"] = registry.recorded(bank.data, name), 0
        for model_id, data in trained.items():
            folder = bank.home.models / model_id
            is_due = model_id not in known or waits_for_page(bank.home, model_id)
            if is_due and folder.is_dir():
                registry.record(bank.data, name, folder, bank.bundle_key, {"data": data})
                if waits_for_page(bank.home, model_id):
                    write_page(bank, load(folder, bank.bundle_key))
                counts["models"] += 1
        if champions and registry.champion(bank.data, name) != champions[-1]:
            registry.promote(bank.data, name, champions[-1])
            counts["champion"] = champions[-1]


def register_challenger(bank: Context, tables: Ingested, bundle: Bundle, evaluated: Evaluated | None) -> None:
    """Record a freshly trained model, compare it with the champion, keep the comparison, log what comes next.

    Where approval is automatic a model without objections becomes champion at once.
    """
    details = {"trained_as_of": str(bundle.trained_as_of), "data": tables.fingerprint}
    with audit_log(bank) as record:
        record.note(bank.user, TRAINED, bundle.model_id, details)
        champions = record.champions()
    comparison = _compare(bank, tables, bundle, evaluated)
    is_promoted = bank.settings.promotion.approval == "automatic" and not comparison["objections"]
    _conclude(bank, comparison, champions, BY_THE_FIGURES if is_promoted else "")
    if not is_promoted:
        log.info("promotion %s", standing(bank, bundle.model_id))


def _compare(bank: Context, tables: Ingested, bundle: Bundle, evaluated: Evaluated | None) -> dict[str, Any]:
    """The model beside the champion, kept in ``decisions/``; the model's page, which begins with it, is due.

    A gap in the model's card is an objection: a model that nobody can account for is not promoted.
    """
    with step("compare") as counts:
        comparison = compare(bank, tables, bundle, champion_or_none(bank), evaluated)
        comparison["objections"] += missing_in_card(card_of(bank, bundle))
        write_json(comparison_file(bank.home, bundle.model_id), comparison)
        page_of(bank.home, bundle.model_id).unlink(missing_ok=True)
        objections = len(comparison["objections"])
        counts |= {"model": bundle.model_id, "champion": comparison["champion"], "objections": objections}
    return comparison


def _conclude(bank: Context, comparison: dict[str, Any], champions: list[str], approver: str = "") -> None:
    """The comparison and what follows from it, in one transaction: if one cannot be written, none is.

    A refusal where there are objections, else a promotion where there is an approver.
    """
    model_id, objections = comparison["challenger"], comparison["objections"]
    digest = hashlib.sha256(comparison_file(bank.home, model_id).read_bytes()).hexdigest()
    details = {"champion": comparison["champion"]}
    entered = details | {"entered_by": bank.user}
    with audit_log(bank) as record:
        record.expect(champions)
        record.note(
            bank.user, COMPARED, model_id, details | {"objections": objections, "decision_sha256": digest}
        )
        if objections:
            record.note(approver or bank.user, REFUSED, model_id, entered | {"objections": objections})
        elif approver:
            record.note(approver, APPROVED, model_id, entered)
            record.note(approver, PROMOTED, model_id, entered)
            if approver != BY_THE_FIGURES:  # nobody waits for a run's alias: it follows with the model
                registry.promote(bank.data, bank.settings.bank, model_id)


def approve(bank: Context, tables: Ingested, model_id: str, by: str) -> dict[str, Any]:
    """Make a challenger champion in the name of ``by``, who must not be the one who trained it.

    It is verified, smoke tested and compared with the champion of today once more, so that nothing rests on
    what was written down. Raises DataError with the reason, which is an entry as well.
    """
    name = name_of(by)
    with audit_log(bank) as record:
        trainers, champions = record.trainers(model_id), record.champions()
    if champions and champions[-1] == model_id:
        raise DataError(f"model {model_id} is the champion already.")
    bundle = _smoke_tested(bank, model_id)
    if not trainers:
        raise DataError(f"nobody trained model {model_id} here: the audit log has no entry. Train it first.")
    if any(same_person(name, trainer) for trainer in trainers):
        details = {"objections": [f"{name} trained it"], "champion": champions[-1] if champions else None}
        with audit_log(bank) as record:
            record.note(name, REFUSED, model_id, details | {"entered_by": bank.user})
        raise DataError(
            f"model {model_id} was trained by {name}, who cannot approve it too. Ask a second person: "
            f"make promote BANK={bank.settings.bank} BUNDLE={model_id} BY=<name>."
        )
    comparison = _compare(bank, tables, bundle, None)
    register(bank)
    _conclude(bank, comparison, champions, name)
    if comparison["objections"]:
        raise DataError(f"model {model_id} is not promoted: {'; '.join(comparison['objections'])}.")
    return comparison


def roll_back(bank: Context, by: str) -> str:
    """Return to the champion before the present one, in the name of ``by``; its model_id.

    Raises DataError if there is none, or its bundle is no longer whole.
    """
    with audit_log(bank) as record:
        champions = record.champions()
    if len(champions) < 2:
        raise DataError(f"bank {bank.settings.bank!r} has no earlier champion to return to.")
    previous, present = champions[-2:]
    _smoke_tested(bank, previous)
    with audit_log(bank) as record:
        record.expect(champions)
        record.note(name_of(by), ROLLED_BACK, present, {"back_to": previous, "entered_by": bank.user})
        registry.promote(bank.data, bank.settings.bank, previous)
    return previous


def standing(bank: Context, model_id: str) -> str:
    """The last comparison of a challenger as a sentence: why it stays one, or who may approve it."""
    objections = read_json(comparison_file(bank.home, model_id))["objections"]
    if objections:
        return f"model {model_id} stays a challenger: {'; '.join(objections)}"
    with audit_log(bank) as record:
        trainers = " or ".join(dict.fromkeys(record.trainers(model_id)))
    return (
        f"model {model_id} waits for approval by anybody but {trainers}: "
        f"make promote BANK={bank.settings.bank} BUNDLE={model_id} BY=<name>"
    )


def compared_on(bank: Context) -> list[date]:
    """The Mondays as of which models were trained that have been compared."""
    with audit_log(bank) as record:
        return record.compared()


def _smoke_tested(bank: Context, model_id: str) -> Bundle:
    names = [path.name for path in bank.home.models.glob("*") if path.is_dir()]
    if model_id not in names:
        raise DataError(
            f"there is no bundle {model_id!r} in {bank.home.models}. {did_you_mean(model_id, names)}"
        )
    folder = bank.home.models / model_id
    with step("try") as counts:
        bundle = load(folder, bank.bundle_key)
        smoke_test(folder, bank.bundle_key, bank.settings.promotion.smoke_test_seconds)
        counts["model"] = model_id
    return bundle
