"""Who may make which model champion. Training, figures and trials are stood in for; log and MLflow are
real."""

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from configs.bank_folder import load_settings
from configs.errors import ConfigError, DataError
from models.bundle import Bundle, write
from pipeline import weekly
from pipeline.artefacts import write_text
from pipeline.context import Context
from pipeline.evaluation.model_report import page_of
from pipeline.training import promotion, registry
from serve.store.audit import append
from serve.store.store import Store
from tests.bundles import tiny_bundle

BUNDLE_KEY, AUDIT_KEY = bytes(range(3, 67, 2)), bytes(range(2, 66, 2))
KEYS = {
    "ATTRITION_BUNDLE_KEY": "a3" + BUNDLE_KEY[1:].hex(),
    "ATTRITION_AUDIT_KEY": "b7" + AUDIT_KEY[1:].hex(),
}
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TABLES = SimpleNamespace(fingerprint="abc")
SECOND_PERSON = load_settings("demo", {"promotion": {"approval": "second person"}})


@pytest.fixture
def bank(tmp_path, empty_registry, monkeypatch):
    """A bank with a second person; li is at the keyboard, no figure speaks against a model unless a test says
    so."""
    shutil.copy(empty_registry, tmp_path / "mlflow.db")
    for name, value in KEYS.items() | {("ATTRITION_USER", "li")}:
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(promotion, "smoke_test", lambda *_: None)
    monkeypatch.setattr(promotion, "contract_breaks", lambda *_: [])
    monkeypatch.setattr(promotion, "card_of", lambda *_: {})
    monkeypatch.setattr(promotion, "write_page", lambda *_: None)
    monkeypatch.setattr(registry, "svg_charts", lambda _: {})
    monkeypatch.setattr(promotion, "missing_in_card", lambda card: list(card))
    against(monkeypatch)
    return Context(SECOND_PERSON, tmp_path, lambda: AT)


def against(monkeypatch, *reasons):
    def compare(_bank, _tables, challenger, champion, _evaluated):
        name = champion.model_id if champion else None
        figures = {"challenger": challenger.model_id, "champion": name, "objections": list(reasons)}
        return figures | {"as_of": challenger.metrics["trained_as_of"]}

    monkeypatch.setattr(promotion, "compare", compare)


def trained(bank: Context, auroc: float = 0.8, as_of: str = "2026-11-16") -> Bundle:
    """A bundle as training leaves it: written, registered, introduced."""
    metrics = {"auroc": auroc, "trained_as_of": as_of, "mondays": [], "losses": []}
    bundle = tiny_bundle(metrics, {"bank": "demo"})
    folder = write(bundle, bank.home.models, bank.bundle_key)
    registry.record(bank.data, "demo", folder, bank.bundle_key, {})
    promotion.register_challenger(bank, TABLES, bundle, None)
    return bundle


def approved(bank: Context, auroc: float = 0.8, as_of: str = "2026-11-16") -> str:
    """The id of a model that wang has made champion."""
    model = trained(bank, auroc, as_of).model_id
    promotion.approve(bank, TABLES, model, "wang")
    return model


def log_of(bank: Context) -> list[tuple[str, str, str]]:
    found, _ = promotion.verified(bank)
    return [(one.actor, one.action, one.subject) for one in found]


def test_a_second_person_makes_a_challenger_champion_and_every_step_is_in_the_log(bank):
    model = trained(bank).model_id
    assert promotion.champion(bank) is None
    assert "waits for approval by anybody but li: make promote BANK=demo" in promotion.standing(bank, model)
    promotion.approve(bank, TABLES, model, "wang")
    assert promotion.champion(bank).model_id == model
    assert registry.champion(bank.data, "demo") == model
    assert log_of(bank) == [
        ("li", "trained", model),
        ("li", "compared", model),
        ("li", "compared", model),
        ("wang", "approved", model),
        ("wang", "promoted", model),
    ]


@pytest.mark.parametrize("name", ["li", " Li ", "ＬＩ", "LI"])
def test_who_trained_cannot_approve_however_the_name_is_written(bank, name):
    model = trained(bank).model_id
    with pytest.raises(DataError, match=r"who cannot approve it too\. Ask a second person: make promote"):
        promotion.approve(bank, TABLES, model, name)
    assert promotion.champion(bank) is None
    assert log_of(bank)[-1][1:] == ("refused", model)


def test_everybody_who_ever_trained_these_bytes_counts(bank, monkeypatch):
    model = trained(bank).model_id
    monkeypatch.setenv("ATTRITION_USER", "wang")
    assert trained(bank).model_id == model
    for name in ("li", "wang"):
        with pytest.raises(DataError, match="cannot approve it too"):
            promotion.approve(bank, TABLES, model, name)
    promotion.approve(bank, TABLES, model, "zhao")


@pytest.mark.parametrize("name", ["", "  "])
def test_nobody_cannot_approve(bank, name):
    model = trained(bank).model_id
    with pytest.raises(DataError, match="Say who with BY"):
        promotion.approve(bank, TABLES, model, name)


def test_what_speaks_against_a_model_keeps_the_champion_and_is_said(bank, monkeypatch):
    first = approved(bank)
    against(monkeypatch, "its ECE is 0.0500, above 0.02")
    second = trained(bank, 0.9).model_id
    sentence = f"model {second} stays a challenger: its ECE is 0.0500, above 0.02"
    assert promotion.standing(bank, second) == sentence
    with pytest.raises(DataError, match=r"is not promoted: its ECE is 0\.0500"):
        promotion.approve(bank, TABLES, second, "wang")
    assert promotion.champion(bank).model_id == first
    steps = [one[:2] for one in log_of(bank)[-4:]]
    assert steps == [("li", "compared"), ("li", "refused"), ("li", "compared"), ("wang", "refused")]


def test_the_decision_is_kept_and_its_hash_is_in_the_log(bank):
    model = trained(bank).model_id
    path = promotion.comparison_file(bank.home, model)
    assert json.loads(path.read_text("utf-8"))["challenger"] == model
    found, _ = promotion.verified(bank)
    assert found[1].details["decision_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def dies(*_):
    raise DataError("the process that loaded it was ended by SIGABRT")


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (
            lambda patch: patch.setattr(promotion, "card_of", lambda *_: {"lacks its owner": ()}),
            "lacks its owner",
        ),
        (lambda patch: patch.setattr(promotion, "smoke_test", dies), "SIGABRT"),
        (
            lambda patch: against(patch, "it is worse"),
            "it is worse",
        ),  # by a new comparison, not by the kept one
    ],
    ids=["card", "smoke test", "comparison"],
)
def test_what_stands_against_a_model_when_it_is_approved_keeps_it_from_promotion(
    bank, monkeypatch, since, said
):
    model = trained(bank).model_id
    since(monkeypatch)
    with pytest.raises(DataError, match=said):
        promotion.approve(bank, TABLES, model, "wang")
    assert promotion.champion(bank) is None


def test_one_command_returns_to_the_champion_before_and_again_to_the_one_before_that(bank):
    models = [approved(bank, auroc) for auroc in (0.7, 0.8, 0.9)]
    assert promotion.roll_back(bank, "zhao") == models[1]
    assert promotion.champion(bank).model_id == models[1]
    assert registry.champion(bank.data, "demo") == models[1]
    assert log_of(bank)[-1] == ("zhao", "rolled back", models[2])
    assert promotion.roll_back(bank, "zhao") == models[0]
    with pytest.raises(DataError, match="no earlier champion"):
        promotion.roll_back(bank, "zhao")
    promotion.approve(bank, TABLES, models[2], "wang")
    assert promotion.roll_back(bank, "zhao") == models[0]


def test_no_roll_back_to_a_bundle_that_is_no_longer_whole(bank):
    models = [approved(bank, auroc) for auroc in (0.7, 0.8)]
    (bank.home.models / models[0] / "metrics.json").write_text("{}")
    with pytest.raises(DataError, match=r"metrics\.json is changed"):
        promotion.roll_back(bank, "zhao")
    assert promotion.champion(bank).model_id == models[1]


def test_if_the_log_cannot_be_written_nothing_is_promoted(bank, monkeypatch):
    first = approved(bank)
    second = trained(bank, 0.9).model_id
    before = log_of(bank)

    def full(connection, entry, key):
        if entry.action == "promoted":
            raise OSError(28, "No space left on device")
        return append(connection, entry, key)

    with monkeypatch.context() as patch:
        patch.setattr(promotion, "append", full)
        with pytest.raises(DataError, match="No space left"):
            promotion.approve(bank, TABLES, second, "wang")
    assert promotion.champion(bank).model_id == first
    assert registry.champion(bank.data, "demo") == first
    assert log_of(bank) == before


def meanwhile(monkeypatch, name: str, command) -> None:
    """Another command ends while ``promotion.<name>`` is at work for this one."""
    work = getattr(promotion, name)

    def both(*arguments):
        monkeypatch.setattr(promotion, name, work)
        command()
        return work(*arguments)

    monkeypatch.setattr(promotion, name, both)


def test_of_two_who_roll_back_at_once_one_does(bank, monkeypatch):
    first, second, third = (approved(bank, auroc) for auroc in (0.7, 0.8, 0.9))
    meanwhile(monkeypatch, "smoke_test", lambda: promotion.roll_back(bank, "zhao"))
    with pytest.raises(DataError, match="another command changed the champion meanwhile"):
        promotion.roll_back(bank, "wang")
    assert promotion.champion(bank).model_id == second
    assert promotion.roll_back(bank, "wang") == first
    assert third not in (first, second)


def test_of_two_who_approve_at_once_one_does(bank, monkeypatch):
    first, second = (trained(bank, auroc).model_id for auroc in (0.7, 0.8))
    meanwhile(monkeypatch, "compare", lambda: promotion.approve(bank, TABLES, first, "zhao"))
    with pytest.raises(DataError, match="another command changed the champion meanwhile"):
        promotion.approve(bank, TABLES, second, "wang")
    assert promotion.champion(bank).model_id == first
    with pytest.raises(DataError, match="no earlier champion"):
        promotion.roll_back(bank, "wang")


def test_a_roll_back_that_is_logged_twice_takes_back_one_champion(bank):
    first, second, third = (approved(bank, auroc) for auroc in (0.7, 0.8, 0.9))
    with promotion.audit_log(bank) as record:
        for _ in range(3):
            record.note("wang", promotion.ROLLED_BACK, third, {"back_to": second})
    assert promotion.champion(bank).model_id == second
    assert promotion.roll_back(bank, "wang") == first


@pytest.mark.parametrize("killed_in", ["compare", "write_json", "_conclude"])
def test_a_run_killed_before_the_decision_decides_when_it_runs_again(bank, monkeypatch, killed_in):
    automatic = replace(bank, settings=load_settings("demo"))
    bundle = trained(bank, 0.7)
    assert promotion.compared_on(bank) == [date(2026, 11, 16)]
    better = tiny_bundle(bundle.metrics | {"auroc": 0.9, "trained_as_of": "2026-11-23"}, {"bank": "demo"})
    registry.record(bank.data, "demo", write(better, bank.home.models, bank.bundle_key), bank.bundle_key, {})

    def kill(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(promotion, killed_in, kill)
        with pytest.raises(KeyboardInterrupt):
            promotion.register_challenger(automatic, TABLES, better, None)
    assert promotion.compared_on(bank) == [date(2026, 11, 16)]  # so that the next run trains again
    promotion.register_challenger(automatic, TABLES, better, None)
    assert promotion.champion(bank).model_id == better.model_id


def test_if_mlflow_fails_the_log_says_nothing_of_a_promotion(bank, monkeypatch):
    model = trained(bank).model_id

    def fail(*_):
        raise DataError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(registry, "promote", fail)
        with pytest.raises(DataError, match="planted"):
            promotion.approve(bank, TABLES, model, "wang")
    assert promotion.champion(bank) is None


def test_an_alias_moved_by_hand_has_no_say(bank):
    first, second = (trained(bank, auroc).model_id for auroc in (0.7, 0.8))
    promotion.approve(bank, TABLES, first, "wang")
    registry.promote(bank.data, "demo", second)
    assert promotion.champion(bank).model_id == first
    promotion.register(bank)
    assert registry.champion(bank.data, "demo") == first


def test_a_run_registers_last_what_it_trained_and_what_the_one_before_left(bank, monkeypatch):
    """A killed run leaves a bundle that MLflow does not know, and no page; then nothing is left to do."""
    pages = []
    monkeypatch.setattr(promotion, "write_page", lambda _, bundle: pages.append(bundle.model_id))
    automatic = replace(bank, settings=load_settings("demo"))
    models = []
    for auroc in (0.7, 0.8):
        metrics = {"auroc": auroc, "trained_as_of": "2026-11-16", "mondays": [], "losses": []}
        bundle = tiny_bundle(metrics, {"bank": "demo"})
        write(bundle, bank.home.models, bank.bundle_key)
        promotion.register_challenger(automatic, TABLES, bundle, None)
        models.append(bundle.model_id)
    assert promotion.champion(automatic).model_id == models[1]
    assert registry.recorded(bank.data, "demo") == set()
    promotion.register(automatic)
    assert registry.recorded(bank.data, "demo") == {*models}
    assert registry.champion(bank.data, "demo") == models[1]
    assert pages == models
    for model in models:
        write_text(page_of(bank.home, model), "<p>")
    monkeypatch.setattr(registry, "_client", None)  # takes seconds to load
    promotion.register(automatic)
    assert pages == models


def test_a_person_can_promote_what_a_killed_run_left(bank):
    bundle = tiny_bundle({"auroc": 0.7, "trained_as_of": "2026-11-16", "mondays": [], "losses": []},
                         {"bank": "demo"})  # fmt: skip
    write(bundle, bank.home.models, bank.bundle_key)
    promotion.register_challenger(bank, TABLES, bundle, None)
    promotion.approve(bank, TABLES, bundle.model_id, "wang")
    assert registry.champion(bank.data, "demo") == bundle.model_id


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET subject = 'another' WHERE action = 'promoted'",
        "DELETE FROM audit WHERE action = 'trained'",
        "UPDATE audit SET actor = 'wang' WHERE action = 'trained'",
    ],
)
def test_nothing_goes_on_over_a_broken_log(bank, change):
    model = approved(bank)
    with Store(bank.home.store) as store, store.write() as connection:
        connection.execute(text(change))
    for step in (
        lambda: promotion.champion(bank),
        lambda: promotion.roll_back(bank, "wang"),
        lambda: promotion.approve(bank, TABLES, model, "wang"),
        lambda: promotion.verified(bank),
    ):
        with pytest.raises(DataError, match="the audit log of bank 'demo' is broken"):
            step()


def test_a_head_written_down_is_looked_for(bank):
    trained(bank)
    _, head = promotion.verified(bank)
    trained(bank, 0.9)
    promotion.verified(bank, str(head))
    with pytest.raises(DataError, match="entry 2 is not the one whose hash was written down"):
        promotion.verified(bank, f"2:{'0' * 64}")
    with pytest.raises(DataError, match="is not a head"):
        promotion.verified(bank, "2")


def test_a_model_nobody_trained_here_or_nobody_knows_is_refused(bank, monkeypatch):
    bundle = trained(bank)
    other = replace(bundle, metrics={"auroc": 0.99, "trained_as_of": "2026-11-16"})
    write(other, bank.home.models, bank.bundle_key)
    with pytest.raises(DataError, match="nobody trained model"):
        promotion.approve(bank, TABLES, other.model_id, "wang")
    for name in ("nonsense", "", ".", f"../models/{bundle.model_id}"):
        with pytest.raises(DataError, match=f"there is no bundle '{name}'"):
            promotion.approve(bank, TABLES, name, "wang")
    promotion.approve(bank, TABLES, bundle.model_id, "wang")
    monkeypatch.setattr(promotion, "smoke_test", None)  # a champion is not tried again to be refused
    with pytest.raises(DataError, match="is the champion already"):
        promotion.approve(bank, TABLES, bundle.model_id, "wang")


def test_a_past_monday_is_scored_by_the_former_champion(bank):
    old, new = (approved(bank, as_of=day) for day in ("2026-08-03", "2026-11-16"))
    assert promotion.champion_for(bank, date(2026, 11, 16)).model_id == new
    assert promotion.champion_for(bank, date(2026, 11, 9)).model_id == old
    assert promotion.champion_for(bank, date(2026, 7, 27)) is None
    shutil.rmtree(bank.home.models / old)
    assert promotion.champion_for(bank, date(2026, 11, 16)).model_id == new


def test_automatic_approval_needs_no_second_person_but_the_figures(bank, monkeypatch):
    trying = replace(bank, settings=load_settings("demo"))
    first = trained(trying).model_id
    assert promotion.champion(trying).model_id == first
    assert ("automatic approval", "promoted", first) in log_of(trying)
    against(monkeypatch, "it is not better")
    trained(trying, 0.9)
    assert promotion.champion(trying).model_id == first


def test_a_lost_champion_does_not_keep_the_bank_from_a_new_one(bank):
    first = approved(bank)
    shutil.rmtree(bank.home.models / first)
    with pytest.raises(DataError, match="there is no bundle"):
        promotion.champion(bank)
    second = approved(bank, 0.9)
    assert promotion.champion(bank).model_id == second


def test_the_keys_appear_nowhere(bank, caplog):
    caplog.set_level("INFO", "attrition")
    approved(bank)
    found = caplog.text.encode()
    assert b"promoted by wang" in found
    found += b"".join(path.read_bytes() for path in bank.data.rglob("*") if path.is_file())
    for text_of in KEYS.values():
        assert text_of.encode() not in found
        assert bytes.fromhex(text_of) not in found


def test_a_bank_without_keys_is_told_what_to_do(tmp_path, monkeypatch):
    real = Context(SECOND_PERSON, tmp_path)
    with pytest.raises(ConfigError, match=r"ATTRITION_BUNDLE_KEY is not set\. Make a key with `openssl rand"):
        _ = real.bundle_key
    assert not list(tmp_path.iterdir())
    trying = Context(load_settings("demo"), tmp_path / "data")
    assert trying.bundle_key == trying.bundle_key != trying.audit_key
    assert len(trying.bundle_key) == 32
    path = tmp_path / "data" / "bundle-key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others"):
        _ = trying.bundle_key
    monkeypatch.setenv("ATTRITION_BUNDLE_KEY", "00" * 32)
    for one in (real, trying):
        with pytest.raises(ConfigError, match="ATTRITION_BUNDLE_KEY is weak: it repeats itself"):
            _ = one.bundle_key


def test_the_user_is_named_by_the_environment_or_the_account(bank, monkeypatch):
    assert bank.user == "li"
    monkeypatch.delenv("ATTRITION_USER")
    monkeypatch.setenv("LOGNAME", "account")
    assert bank.user == "account"


@pytest.fixture
def trained_on(monkeypatch):
    """The Mondays on which the weekly run trained."""
    days: list[date] = []

    def run_train(of, _tables, as_of):
        days.append(as_of)
        return trained(of, 0.5 + len(days) / 100, str(as_of))

    monkeypatch.setattr(weekly, "run_train", run_train)
    return days


def test_a_challenger_is_trained_when_due_and_the_champion_goes_on_scoring(bank, trained_on):
    """Trained on 3 August and due after 13 weeks, on 2 November; the week after a decision is there
    already."""
    model = approved(bank, as_of="2026-08-03")
    mondays = [date(2026, 10, 26), date(2026, 11, 2), date(2026, 11, 2), date(2026, 11, 9)]
    assert {weekly.scoring_model(bank, TABLES, day).model_id for day in mondays} == {model}
    assert trained_on == [date(2026, 11, 2)]


def test_an_alarm_on_the_predictions_trains_a_challenger_once(bank, trained_on):
    """Trained on 3 August; an alarm of 5 October asks for a new model, six weeks before the next is due."""
    model = approved(bank, as_of="2026-08-03")
    alarm = {"retrain_since": "2026-10-05", "verdict": "more"}
    calm = {"retrain_since": None, "verdict": "within_noise"}
    assert weekly.scoring_model(bank, TABLES, date(2026, 9, 28), calm).model_id == model
    for day in (date(2026, 10, 5), date(2026, 10, 5), date(2026, 10, 12)):
        assert (
            weekly.scoring_model(bank, TABLES, day, alarm).model_id == model
        )  # the challenger waits for approval
    assert trained_on == [date(2026, 10, 5)]


def test_a_new_bank_scores_only_after_an_approval(bank, trained_on):
    sentence = r"no model that was promoted can score 2026-11-16; model .* waits for"
    with pytest.raises(DataError, match=sentence):
        weekly.scoring_model(bank, TABLES, date(2026, 11, 16))
    model = log_of(bank)[0][2]
    promotion.approve(bank, TABLES, model, "wang")
    assert weekly.scoring_model(bank, TABLES, date(2026, 11, 16)).model_id == model
    assert len(trained_on) == 1


def test_a_model_that_is_refused_scores_nothing(bank, trained_on, monkeypatch):
    against(monkeypatch, "its ECE is 0.0500, above 0.02")
    for one in (bank, replace(bank, settings=load_settings("demo"))):
        with pytest.raises(DataError, match=r"can score 2026-11-16; model .* stays a challenger: its ECE is"):
            weekly.scoring_model(one, TABLES, date(2026, 11, 16))
    assert len(trained_on) == 2


def test_a_past_monday_gets_a_model_of_its_own_only_where_approval_is_automatic(
    bank, trained_on, monkeypatch
):
    model = approved(bank)
    against(monkeypatch, "the champion was trained later, on 2026-11-16")
    with pytest.raises(DataError, match=r"can score 2026-07-27; .* the champion was trained later"):
        weekly.scoring_model(bank, TABLES, date(2026, 7, 27))
    trying = replace(bank, settings=load_settings("demo"))
    scorer = weekly.scoring_model(trying, TABLES, date(2026, 7, 20))
    assert scorer.metrics["trained_as_of"] == "2026-07-20"
    assert promotion.champion(bank).model_id == model
    assert trained_on == [date(2026, 7, 27), date(2026, 7, 20)]
