"""Plans in files, and the command: counted, proposed once, and approved by somebody else alone."""

from datetime import date

import pytest
from typer.testing import CliRunner

from configs.campaigns import Plan
from configs.errors import ConfigError, DataError
from pipeline.__main__ import app
from pipeline.campaigns.plans import UNMEASURED, campaign_in_words, read_plan
from serve.store import campaigns
from serve.store.campaigns import OwnApprovalError
from serve.store.store import Store
from tests.serve.conftest import a_score, published_run

PLAN = """title = "Term deposits"
size = 4
channel = "phone"
starts_on = 2026-11-16
ends_on = 2026-12-14
control_share = 0.0

[rule]
stages = ["mature"]
"""


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("size = 4", "sise = 4", r"size is missing; unknown key 'sise'. Did you mean 'size'\?$"),
        ("stages", "stage", r"unknown key 'rule.stage'. Did you mean 'stages'"),
        ('"mature"', '"matur"', "unknown stage 'matur'. Did you mean 'mature'"),
        ("2026-11-16", "2026-11-17", "2026-11-17 is a Tuesday"),
        ("2026-12-14", "2026-11-16", "must be after starts_on"),
        ("[rule]", "[rule", "is no TOML"),
    ],
)
def test_a_plan_that_cannot_be_says_where_and_what(tmp_path, before, after, sentence):
    file = tmp_path / "plan.toml"
    file.write_text(PLAN.replace(before, after))
    with pytest.raises(DataError, match=f"plan.toml.*{sentence}"):
        read_plan(file)


def test_a_plan_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_plan(tmp_path / "plan.toml")


@pytest.fixture
def command(tmp_path, make_lists, monkeypatch):
    """``make campaign`` of a bank whose run was published by hand."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN)
    scores = [a_score(name) for name in ("c1", "c2", "c3")]
    with Store(f"sqlite:///{tmp_path}/data/demo/store.db") as store:
        store.publish(published_run(cohort=3, excluded={}), scores, (), make_lists(scores))

    def run(*arguments):
        done = CliRunner().invoke(app, ["campaign", "--data", str(tmp_path / "data"), *arguments])
        if done.exception:
            raise done.exception
        return done.stdout

    return run


def test_the_command_proposes_once_and_takes_the_approval_of_a_second_person(command, tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(PLAN + 'branches = ["B9"]\n')
    with pytest.raises(DataError, match="unknown branch 'B9'"):
        command("--file", "plan.toml")  # counted as nobody, and refused once it was proposed
    file.write_text(PLAN)
    counted = command("--file", "plan.toml")
    assert "fits 3 customers" in counted
    assert UNMEASURED in counted
    assert "To propose it, say who: BY=<name>" in counted
    proposed = command("--file", "plan.toml", "--by", "Wang Fang")
    assert command("--file", "plan.toml", "--by", "Wang Fang") == proposed
    name = proposed.splitlines()[-1].split()[0]
    for by in ("Wang Fang", "WANG.FANG", "\uff37ang Fang"):
        with pytest.raises(OwnApprovalError, match="proposed by Wang Fang, who cannot approve it too"):
            command("--approve", name, "--by", by)
    with pytest.raises(DataError, match="Say who with BY"):
        command("--approve", name)
    with pytest.raises(ConfigError, match="one of FILE, APPROVE"):
        command("--approve", name, "--withdraw", name)
    assert f"{name} approved: Term deposits" in command("--approve", name, "--by", "Li Na")
    assert "Li Na: not now" in command("--withdraw", name, "--by", "Li Na", "--why", "not now")


def test_an_effect_in_words():
    plan = Plan(title="t", size=4, channel="phone", starts_on=date(2026, 11, 16), ends_on=date(2026, 12, 14),
                control_share=0.5)  # fmt: skip
    made = campaigns.Campaign("c", plan, "Wang", None, "Li", None, sent_on=date(2026, 11, 16))
    effect = {"contacts": 4, "control": 3, "lasting_control": 1, "state": "inconclusive", "known": 7,
              "waiting": 0, "next_outcome": None, "customers": {"kept": [1.0, -0.5, 2.0]}, "cost": 400.0,
              "currency": "CNY",
              "money": {"kept": [1500.0, -100.0, 3000.0]}, "net": [-385.0, -401.0, -370.0]}  # fmt: skip
    words = campaign_in_words(made, date(2027, 3, 1), effect)
    assert "inconclusive: 7 outcomes known\n" in words
    assert "money kept: 1,500 [-100, 3,000] CNY, cost 400, net -385 [-401, -370]" in words
