"""How a model becomes champion: trained, compared, approved by a second person, promoted; or refused, or taken back.

The audit log is the record: the champion is the last model that it says was promoted and not rolled back, and
MLflow's alias only repeats it. Each step is an entry; what it decides and its entry are one transaction.
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from configs.errors import DataError, did_you_mean
from models.bundle import Bundle, load
from models.smoke_test import smoke_test
from pipeline.artefacts import read_json, write_json
from pipeline.context import Context
from pipeline.evaluation.model_card import missing_in_card
from pipeline.evaluation.model_report import card_of
from pipeline.progress import log, step
from pipeline.tables import Ingested
from pipeline.training import registry
from pipeline.training.comparison import Decision, decide, differs
from serve.auth import access_log
from serve.store.audit import Entry, Head, append, entries, head, verify
from serve.store.store import Store

TRAINED, COMPARED, REFUSED = "trained", "compared", "refused"
APPROVED, PROMOTED, ROLLED_BACK = "approved", "promoted", "rolled back"
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
        found: list[str] = []
        for one in entries(self.connection, (PROMOTED, ROLLED_BACK)):
            if one.action == PROMOTED:
                found.append(one.subject)
            else:
                found.pop()
        return found

    def trainers(self, model_id: str) -> list[str]:
        """Who trained a model, the first first."""
        return [one.actor for one in entries(self.connection, (TRAINED,)) if one.subject == model_id]


@contextmanager
def audit_log(bank: Context) -> Iterator[Log]:
    """The verified log. Raises DataError, and records nothing, if it is broken."""
    with Store(bank.home.store) as store, store.write() as connection:
        broken = verify(connection, bank.audit_key)
        if broken:
            raise DataError(
                f"the audit log of bank {bank.settings.bank!r} is broken: {broken[0]}"
                f"{f' and {len(broken) - 1} more' if len(broken) > 1 else ''}. Keep the store as it is for whoever "
                "looks into it, and restore a copy from before."
            )
        yield Log(bank, connection)


def verified(bank: Context, noted: str = "") -> tuple[tuple[Entry, ...], Head | None]:
    """All entries and the head, if the chain is whole and holds the head ``noted`` (number:hash) earlier.

    Raises DataError naming every break.
    """
    with Store(bank.home.store) as store, store.read() as connection:
        broken = verify(connection, bank.audit_key, _head(noted) if noted else None)
        if broken:
            raise DataError(f"the audit log of bank {bank.settings.bank!r} is broken: {'; '.join(broken)}.")
        return entries(connection), head(connection)


def verified_reads(bank: Context, noted: str = "") -> Head | None:
    """The head of the service's access log, if it is whole and holds the head ``noted``; None before any read.

    Raises DataError naming every break.
    """
    broken, last = access_log.verified(bank.home.store, bank.audit_key, _head(noted) if noted else None)
    if broken:
        raise DataError(f"the access log of bank {bank.settings.bank!r} is broken: {'; '.join(broken)}.")
    return last


def _head(noted: str) -> Head:
    number, _, digest = noted.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise DataError(f"{noted!r} is not a head. Give its number, a colon and the 64 digits of its hash.")
    return Head(int(number), digest)


def champion(bank: Context) -> Bundle | None:
    """The present champion; None before the first. Raises DataError if its bundle is not whole."""
    with audit_log(bank) as record:
        known = record.champions()
    if not known:
        return None
    _mend_alias(bank, known[-1])
    return load(bank.home.models / known[-1], bank.bundle_key)


def champion_for(bank: Context, as_of: date) -> Bundle | None:
    """The champion, or for a past Monday the latest former one that had not seen its future; None if no model
    that was promoted can score this Monday."""
    with audit_log(bank) as record:
        known = record.champions()
    if known:
        _mend_alias(bank, known[-1])
    for model_id in reversed(known):
        bundle = load(bank.home.models / model_id, bank.bundle_key)
        wrong = differs(bank.settings, bundle)
        wrong += ["training day"] if bundle.trained_as_of > as_of else []
        said = f"not used for {as_of} because of its {' and '.join(wrong)}" if wrong else "used"
        log.info("champion  model=%s trained_as_of=%s %s", bundle.model_id, bundle.trained_as_of, said)
        if not wrong:
            return bundle
    return None


def introduce(bank: Context, tables: Ingested, bundle: Bundle) -> Decision:
    """Record a freshly trained model, compare it with the champion, keep the decision and say what comes next.

    Where approval is automatic a model that nothing speaks against becomes champion at once.
    """
    with audit_log(bank) as record:
        details = {"trained_as_of": bundle.metrics["trained_as_of"], "data": tables.fingerprint}
        record.note(bank.user, TRAINED, bundle.model_id, details)
    decision = compare(bank, tables, bundle)
    if decision.against:
        _refuse(bank, bank.user, decision)
    elif bank.settings.promotion.approval == "automatic":
        _promote(bank, bundle, decision, BY_THE_FIGURES)
        return decision
    log.info("promotion %s", standing(bank, bundle.model_id))
    return decision


def compare(bank: Context, tables: Ingested, bundle: Bundle) -> Decision:
    """Judge the model beside the champion and keep the decision, in ``decisions/`` and as an entry."""
    with step("compare") as counts:
        decision = decide(bank, tables, bundle, champion_or_none(bank))
        decision = replace(decision, against=(*decision.against, *card_gaps(bank, bundle)))
        path = decision_file(bank, bundle.model_id)
        write_json(path, decision.as_json())
        counts |= {
            "model": decision.challenger,
            "champion": decision.champion,
            "against": len(decision.against),
        }
    with audit_log(bank) as record:
        details = {
            "champion": decision.champion,
            "against": list(decision.against),
            "decision_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        record.note(bank.user, COMPARED, bundle.model_id, details)
    return decision


def card_gaps(bank: Context, bundle: Bundle) -> list[str]:
    """What the model's card lacks: a model that nobody can account for is not promoted."""
    return missing_in_card(card_of(bank, bundle))


def approve(bank: Context, tables: Ingested, model_id: str, by: str) -> Decision:
    """Make a challenger champion in the name of ``by``, who must not be the one who trained it.

    It is verified, tried in a process of its own and compared with the champion of today once more, so that
    nothing rests on what was written down. Raises DataError with the reason, which is an entry as well.
    """
    bundle = _tried(bank, model_id)
    with audit_log(bank) as record:
        trainers, known = record.trainers(model_id), record.champions()
    if not trainers:
        raise DataError(f"nobody trained model {model_id} here: the audit log has no entry. Train it first.")
    if known and known[-1] == model_id:
        raise DataError(f"model {model_id} is the champion already.")
    name = _name(by)
    if _same_person(name, trainers):
        decision = Decision(model_id, known[-1] if known else None, (f"{name} trained it",), {})
        _refuse(bank, name, decision)
        raise DataError(
            f"model {model_id} was trained by {name}, who cannot approve it too. Ask a second person: "
            f"make promote BANK={bank.settings.bank} BUNDLE={model_id} BY=<name>."
        )
    decision = compare(bank, tables, bundle)
    if decision.against:
        _refuse(bank, name, decision)
        raise DataError(f"model {model_id} is not promoted: {'; '.join(decision.against)}.")
    _promote(bank, bundle, decision, name)
    return decision


def roll_back(bank: Context, by: str) -> str:
    """Return to the champion before the present one, in the name of ``by``; its model_id.

    Raises DataError if there is none, or its bundle is no longer whole.
    """
    with audit_log(bank) as record:
        known = record.champions()
    if len(known) < 2:
        raise DataError(f"bank {bank.settings.bank!r} has no earlier champion to return to.")
    present, previous = known[-1], known[-2]
    _tried(bank, previous)
    with audit_log(bank) as record:
        details = {"back_to": previous, "entered_by": bank.user}
        record.note(_name(by), ROLLED_BACK, present, details)
        registry.promote(bank.data, bank.settings.bank, previous)
    return previous


def standing(bank: Context, model_id: str) -> str:
    """What the last decision about a challenger means, as a sentence: why it stays one, or who may approve it."""
    against = read_json(decision_file(bank, model_id))["against"]
    if against:
        return f"model {model_id} stays a challenger: {'; '.join(against)}"
    with audit_log(bank) as record:
        trainers = " or ".join(dict.fromkeys(record.trainers(model_id)))
    return (
        f"model {model_id} waits for approval by anybody but {trainers}: "
        f"make promote BANK={bank.settings.bank} BUNDLE={model_id} BY=<name>"
    )


def decision_file(bank: Context, model_id: str) -> Path:
    """Where the last decision about a model lies."""
    return bank.home.root / "decisions" / f"{model_id}.json"


def decisions(bank: Context) -> list[dict[str, Any]]:
    """The last decision about each model, the latest trained last."""
    found = [read_json(path) for path in sorted((bank.home.root / "decisions").glob("*.json"))]
    return sorted(found, key=lambda one: (one["as_of"], one["challenger"]))


def champion_or_none(bank: Context) -> Bundle | None:
    """For training: a champion whose bundle is lost must not keep the bank from a new one."""
    try:
        return champion(bank)
    except DataError as error:
        log.warning("champion  not compared: %s", error)
        return None


def _tried(bank: Context, model_id: str) -> Bundle:
    """The bundle, after it was verified and had scored in a process of its own."""
    folder, limits = bank.home.models / model_id, bank.settings.promotion
    if not folder.is_dir():
        known = [path.name for path in bank.home.models.glob("*") if path.is_dir()]
        raise DataError(
            f"there is no bundle {model_id!r} in {bank.home.models}. {did_you_mean(model_id, known)}"
        )
    with step("try") as counts:
        bundle = load(folder, bank.bundle_key)
        smoke_test(folder, bank.bundle_key, limits.smoke_test_seconds)
        counts["model"] = model_id
    return bundle


def _refuse(bank: Context, actor: str, decision: Decision) -> None:
    with audit_log(bank) as record:
        details = {"against": list(decision.against), "champion": decision.champion, "entered_by": bank.user}
        record.note(actor, REFUSED, decision.challenger, details)


def _promote(bank: Context, bundle: Bundle, decision: Decision, by: str) -> None:
    """Approval, promotion and alias in one transaction: if one cannot be written, neither are the others."""
    with audit_log(bank) as record:
        details = {"champion": decision.champion, "entered_by": bank.user}
        record.note(by, APPROVED, bundle.model_id, details)
        record.note(by, PROMOTED, bundle.model_id, details)
        registry.promote(bank.data, bank.settings.bank, bundle.model_id)


def _mend_alias(bank: Context, model_id: str) -> None:
    """Somebody moved MLflow's alias by hand, or a promotion was cut short: it has no say, and is set right."""
    try:
        alias = registry.champion(bank.data, bank.settings.bank).name
    except DataError:
        alias = "no model"
    if alias != model_id:
        log.warning("champion  MLflow named %s; the audit log says %s, which stands", alias, model_id)
        registry.promote(bank.data, bank.settings.bank, model_id)


def _name(by: str) -> str:
    """A person's name as it is written down. Raises DataError for none."""
    name = " ".join(unicodedata.normalize("NFKC", by).split())
    if not name:
        raise DataError("somebody must stand for this. Say who with BY=<name>.")
    return name


def _same_person(name: str, others: Sequence[str]) -> bool:
    """However the name is written: ＬＩ Na is li na."""
    return name.casefold() in {_name(one).casefold() for one in others}
