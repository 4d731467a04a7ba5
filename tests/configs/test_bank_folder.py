"""Settings are one frozen object; an error names the file, the key and the nearest key."""

from pathlib import Path
from typing import Any

import pytest

from configs import bank_folder as module
from configs.bank_folder import find_raw, load_select, load_settings
from configs.errors import ConfigError, DataError
from configs.settings import Settings


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a bank of its own."""
    monkeypatch.setattr(module, "BANKS", tmp_path)
    folder = tmp_path / "tiny"
    folder.mkdir()
    text = 'title = "T"\nlanguage = "en"\nbase_currency = "CNY"\n[sources]\ntxn = { files = "t.csv" }\n'
    text += '[[tiers]]\nname = "all"\nname_zh = "全部"\nmin_aum = 0\n'
    (folder / "bank.toml").write_text(text, "utf-8")
    return folder


RICH = {"name": "rich", "en": "Rich", "zh": "富", "values": ["high"]}


def tier(name: str, min_aum: float) -> dict[str, Any]:
    return {"name": name, "name_zh": name, "min_aum": min_aum}


def refused(bank: str, overrides: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as raised:
        load_settings(bank, overrides)
    return str(raised.value)


@pytest.mark.parametrize("name", ["demo", "berka"])
def test_the_banks_that_ship_load(name: str) -> None:
    settings = load_settings(name)
    assert settings.bank == name
    assert all(load_select(name, table) for table in ("customers", "transactions", "holdings"))


def test_the_bank_wins_over_the_defaults_key_by_key(bank: Path) -> None:
    before = load_settings("tiny")
    with (bank / "bank.toml").open("a") as file:
        file.write("[label]\nlead_days = 14\n[features]\nwindows = [8]\n")
    after = load_settings("tiny")
    assert (after.label.lead_days, after.label.horizon_days) == (14, before.label.horizon_days)
    assert after.features.windows == (8,)
    assert load_settings("tiny", {"label": {"lead_days": 0}}).label.lead_days == 0


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"quarantine_limt": 0.1}, "unknown key 'quarantine_limt'. Did you mean 'quarantine_limit'?"),
        ({"cohort": {"min_aumm": 1}}, "unknown key 'cohort.min_aumm'. Did you mean 'min_aum'?"),
        ({"sources": {"txn": {"delimeter": ";"}}},
         "unknown key 'sources.txn.delimeter'. Did you mean 'delimiter'?"),
        ({"sources": {"tiers": {"files": "x", "formt": "csv"}}},
         "unknown key 'sources.tiers.formt'. Did you mean 'format'?"),
        ({"tiers": [{"name": "a", "name_zh": "a", "min_aum": 0, "name_hz": "a"}]},
         "unknown key 'tiers.0.name_hz'. Did you mean 'name_zh'?"),
        ({"bands": {"zzz": 1}}, "unknown key 'bands.zzz'. Known: high, medium."),
        ({"cohort": {"min_aum": "500000"}}, "cohort.min_aum: Input should be a valid number, found '500000'"),
        ({"cohort": 3}, "cohort: Input should be a valid dictionary or instance of Cohort, found 3"),
        ({"label": {"lead_days": "7"}}, "label.lead_days: Input should be a valid integer, found '7'"),
        ({"label": {"lead_days": 7.5}}, "label.lead_days: Input should be a valid integer, found 7.5"),
        ({"label": {"definition": "delivered", "horizon_days": 366}},
         "label.horizon_days: Input should be less than or equal to 365, found 366"),
        ({"label": {"definition": "delivered", "lead_days": 14}},
         "label.lead_days = 14: a delivered label counts from its day, up to six days after its Monday."),
        ({"label": {"definition": "delivered", "horizon_days": 10}},
         "label.settle_days = 14 is above label.horizon_days = 10: no money can stay away so long"),
        ({"label": {"definition": "delivered", "horizon_days": 180}},
         "store.keep_weeks = 26 is below the 27 weeks after which an outcome is known"),
        ({"label": {"horizon_days": 45}},
         "label: horizon_days = 45 must be 30, 60 or 90 with definition = 'aum_drop'"),
        ({"label": {"min_drop": 1.5}}, "label.min_drop: Input should be less than or equal to 1, found 1.5"),
        ({"label": {"settle_days": 31}},
         "label.settle_days: Input should be less than or equal to 30, found 31"),
        ({"quarantine_limit": True}, "quarantine_limit: Input should be a valid number, found True"),
        ({"features": {"windows": [4, 4]}}, "features: windows (4, 4) must ascend without repeats"),
        ({"features": {"windows": [13, 4]}}, "features: windows (13, 4) must ascend without repeats"),
        ({"features": {"windows": []}}, "features.windows: must not be empty"),
        ({"tiers": []}, "tiers: must not be empty"),
        ({"cohort": {"min_aum": 9, "max_aum": 9}}, "cohort: min_aum 9.0 must be below max_aum 9.0"),
        ({"bands": {"high": 0.1, "medium": 0.1}}, "bands: medium 0.1 must be below high 0.1"),
        ({"sources": {"txn": {"format": "csv"}}, "bank": "x"},
         "the bank is named by its folder. Leave the key"),
        ({"sources": {"new": {}}}, "sources.new: files must be a pattern below the raw folder"),
        ({"sources": {"txn": {"files": "/data/*.csv"}}},
         "sources.txn: files must be a pattern below the raw folder, such as 'txn_*.csv', not '/data/*.csv'"),
        ({"sources": {"txn": {"files": "t.csv", "query": "SELECT 1"}}},
         "sources.txn: query, table and dsn_env are for format 'postgres'"),
        ({"sources": {"new": {"format": "postgres", "query": "SELECT 1", "table": "t", "dsn_env": "DSN"}}},
         "sources.new: format 'postgres' takes dsn_env and either query or table, and no files"),
        ({"sources": {"new": {"format": "postgres", "table": "t"}}},
         "sources.new: format 'postgres' takes dsn_env"),
        ({"sources": {"txn": {"files": ""}}}, "sources.txn: files must be a pattern below the raw folder"),
        ({"sources": {"txn": {"encoding": "utf-88"}}},
         "sources.txn.encoding: unknown encoding 'utf-88'; use for example utf-8 or gb18030"),
        ({"sources": {"txn": {"encoding": "base64"}}}, "sources.txn.encoding: unknown encoding 'base64'"),
        ({"training": {"first_after_weeks": 12}},
         "training.first_after_weeks = 12 is below label.base_weeks = 13: before so many weeks of history no "
         "customer has an average AUM, so that nobody is eligible. Raise first_after_weeks to 13, or lower"),
        ({"store": {"keep_weeks": 13}},
         "store.keep_weeks = 13 is below the 14 weeks after which an outcome is known (label.lead_days = 7, "
         "label.horizon_days = 90): predictions would be deleted before they are compared with it. Raise"),
        ({"label": {"lead_days": 97}}, "store.keep_weeks = 26 is below the 27 weeks after which an outcome"),
        ({"tiers": [tier("a", 0), tier("b", 9), tier("wealth", 9)]},
         "tiers: 'wealth' begins at min_aum = 9.00, not above 9.00 of 'b' before it. List the tiers from"),
        ({"tiers": [tier("wealth", 9), tier("a", 0)]}, "tiers: 'a' begins at min_aum = 0.00, not above 9.00"),
        ({"tiers": [tier("wealthy", 0)]},
         "next_steps: a next step is for the unknown tier 'wealth'. Did you mean 'wealthy'?"),
        ({"tiers": [tier("mass", 0) | {"service_days": 60}, tier("wealth", 9)]},
         "tiers.0.service_days is now 'days' of a standard: [[service_standards]] with tiers = ['<name>']"),
        ({"tiers": [tier("wealth", 0), tier("wealth", 9)]}, "tiers: 2 tiers are named 'wealth'. Give each"),
        ({"tiers": [tier("", 0)]}, "tiers.0.name: String should have at least 1 character, found ''"),
        ({"label": {"definition": "tier_downgrade"}, "cohort": {"min_aum": 0, "max_aum": 500_000}},
         "label.definition = 'tier_downgrade' finds nobody: the whole cohort, up to cohort.max_aum = "
         "500,000.00, lies in the lowest tier, 'mass'. Add [[tiers]] with a bound inside the cohort"),
        ({"label": {"definition": "dormancy", "dormant_floor": 5e6}},
         "label.dormant_floor = 5,000,000.00 is not below cohort.max_aum = 5,000,000.00: whatever a silent"),
        ({"training": {"lightgbm": {"max_depth": -1}}},
         "training.lightgbm.max_depth = -1: reasons are worked out for trees of depth 1 to 8. Set one"),
        ({"training": {"lightgbm": {"max_bin": 2**64}}},
         "training.lightgbm.max_bin: must be a number within ±2,147,483,647, or a word, not 184467440"),
        ({"training": {"lightgbm": {"learning_rate": 0}}},
         "training.lightgbm.learning_rate = 0: below 0.0001 a tree adds nothing, and above 1 more than it"),
        ({"training": {"severity": {"learning_rate": 3}}}, "training.severity.learning_rate = 3: below 0"),
        ({"training": {"severity": {"learning_rate": ""}}},
         "training.severity.learning_rate: must be a number within ±2,147,483,647, or a word, not ''"),
        ({"training": {"seed": -1}}, "training.seed: Input should be greater than or equal to 0, found -1"),
        ({"promotion": {"min_slope": 1.2}}, "promotion.min_slope: Input should be less than 1, found 1.2"),
        ({"promotion": {"max_slope": 0.9}}, "promotion.max_slope: Input should be greater than 1, found 0.9"),
        ({"fixed_rates": {"CNY": 1.0}}, "fixed_rates: 'CNY' is no foreign currency. Name one by its three"),
        ({"fixed_rates": {"usd": 7.0}}, "fixed_rates: 'usd' is no foreign currency. Name one by its three"),
        ({"fixed_rates": {"USD": 0.0}},
         "fixed_rates.USD: Input should be greater than or equal to 0.00000001"),
        ({"base_currency": "yuan"}, "base_currency: String should match pattern '^[A-Z]{3}$', found 'yuan'"),
        ({"sources": {"txn": {"delimiter": "||"}}},
         "sources.txn.delimiter: String should have at most 1 character"),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_is_named_with_what_helps(overrides: dict[str, Any], said: str) -> None:
    assert f"banks/demo/bank.toml: {said}" in refused("demo", overrides)


def amounts(settings: Settings) -> tuple[float, ...]:
    cohort = settings.cohort
    return (
        cohort.min_aum, cohort.max_aum, settings.label.dormant_floor, settings.features.large_amount,
        settings.profit.call_cost,
    )  # fmt: skip


@pytest.mark.usefixtures("bank")
def test_amounts_that_a_bank_leaves_out_are_made_from_its_tiers() -> None:
    """No amount fits every currency: in yen the second tier begins at 30 million, in pounds at 75,000."""
    assert amounts(load_settings("tiny")) == (0, 1e15, 0, 1e15, 0)
    for begins, made in ((30_000_000, (3e7, 1e15, 3e6, 3e7, 9000)), (75_000, (75e3, 1e15, 7500, 75e3, 22.5))):
        assert amounts(load_settings("tiny", {"tiers": [tier("a", 0), tier("b", begins)]})) == made
    settings = {"cohort": {"min_aum": 100, "max_aum": 200}, "profit": {"call_cost": 5}}
    assert amounts(load_settings("tiny", settings)) == (100, 200, 10, 100, 5)


def test_a_bank_that_counts_customers_needs_no_setting_about_balances(bank: Path) -> None:
    text = (bank / "bank.toml").read_text("utf-8").partition("[[tiers]]")[0]
    (bank / "bank.toml").write_text(f'counts = "customers"\n{text}', "utf-8")
    settings = load_settings("tiny")
    assert (settings.label.definition, settings.promotion.decides) == ("silence", "recall")
    assert settings.label.horizons == (90,)
    assert [tier.name for tier in settings.tiers] == ["all"]
    assert not any("aum" in name for name in settings.training.peers)
    assert load_settings("tiny", {"label": {"horizon_days": 60}}).label.horizons == (60,)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"tiers": [tier("a", 0), tier("b", 5)]}, "tiers is about balances"),
        ({"cohort": {"min_aum": 0}}, "cohort.min_aum is about balances"),
        ({"cohort": {"max_aum": 10.0}}, "cohort.max_aum is about balances"),
        ({"label": {"min_drop": 0.5}}, "label.min_drop is about balances"),
        ({"label": {"dormant_floor": 5}}, "label.dormant_floor is about balances"),
        ({"profit": {"call_cost": 5}}, "profit.call_cost is about balances"),
        ({"gates": {"max_aum_change": 0.5}}, "gates.max_aum_change is about balances"),
        ({"training": {"severity": {"max_depth": 2}}}, "training.severity is about balances"),
        ({"label": {"definition": "aum_drop"}}, "label.definition = 'aum_drop' looks at balances"),
        ({"label": {"definition": "dormancy"}}, "label.definition = 'dormancy' looks at balances"),
        ({"promotion": {"decides": "aum_caught"}}, "promotion.decides = 'aum_caught' compares money"),
        (
            {"next_steps": {"bank_rules": [{"reasons": ["rollover"], "en": "Roll", "zh": "a"}]}},
            "next_steps: the rule 'Roll' asks for balances",
        ),
        (
            {"next_steps": {"bank_rules": [{"maturing_days": 9, "en": "Due", "zh": "a"}]}},
            "next_steps: the rule 'Due' asks for balances",
        ),
        ({"segments": {"medium_value": 5}}, "segments.medium_value is about balances"),
        (
            {"segments": {"rules": [RICH, {"name": "rest", "en": "Rest", "zh": "其余"}]}},
            "segments: the rule 'rich' asks for value",
        ),
    ],
)
def test_a_setting_about_balances_that_are_not_there_is_refused(
    bank: Path, overrides: dict[str, Any], said: str
) -> None:
    text = (bank / "bank.toml").read_text("utf-8").partition("[[tiers]]")[0]
    (bank / "bank.toml").write_text(f'counts = "customers"\n{text}', "utf-8")
    refusal = refused("tiny", overrides)
    assert said in refusal
    assert "Leave it out" in refusal


@pytest.mark.usefixtures("bank")
def test_a_floor_that_nothing_says_is_asked_for() -> None:
    refusal = refused("tiny", {"label": {"definition": "dormancy"}})
    assert "label.dormant_floor = 0 finds nobody: no silent customer has less. Say below which AUM" in refusal


def test_a_win_back_list_that_must_stay_empty_is_refused() -> None:
    said = refused("demo", {"win_back": {"until_weeks": 8}})
    assert "win_back.until_weeks = 8 is not above quiet_weeks = 8" in said


def test_each_wrong_key_is_named() -> None:
    said = refused("demo", {"label": {"lead_days": -1}, "lists": {"reasons": 9}})
    assert "label.lead_days" in said
    assert "lists.reasons" in said


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("training.half_life_weeks", "is fixed"),
        ("next_steps.own", "is now 'bank_rules'"),
        ("promotion.trial_seconds", "is now 'smoke_test_seconds'"),
        ("promotion.trial_memory_mb", "is fixed at 4,096 MB"),
        ("mail.attempts", "is fixed at 5"),
        ("mail.wait_seconds", "is fixed at 5, doubled"),
        ("mail.timeout_seconds", "is fixed at 30"),
        ("mail.lease_seconds", "is fixed at 600"),
    ],
)
def test_a_setting_of_before_is_refused_with_what_holds_instead(name: str, instead: str) -> None:
    section, key = name.split(".")
    assert f"bank.toml: {name} {instead}" in refused("demo", {section: {key: 3}})


def test_an_unknown_bank_names_the_nearest_one() -> None:
    assert refused("dmo", {}).endswith("Did you mean 'demo'?")
    assert "Known: berka, demo," in refused("../banks/demo", {})
    assert "Known: berka, demo," in refused("", {})


def test_a_file_that_is_no_toml_names_the_line(bank: Path) -> None:
    (bank / "bank.toml").write_text('title = "T"\nlanguage = en\n')
    said = refused("tiny", {})
    assert said.startswith(f"{bank / 'bank.toml'} is not TOML: ")
    assert said.endswith("(at line 2, column 12). Correct that line.")


def test_a_file_that_is_not_utf8_is_named(bank: Path) -> None:
    for name in ("bank.toml", "customers.sql"):
        (bank / name).write_bytes('title = "银行"\n'.encode("gb18030"))
    assert refused("tiny", {}) == f"{bank / 'bank.toml'} is not UTF-8. Save it as UTF-8."
    with pytest.raises(ConfigError, match=r"customers\.sql is not UTF-8"):
        load_select("tiny", "customers")


@pytest.mark.parametrize("end", ["", ";", " ;\n", "\n\n", " -- a comment", "; -- a comment"])
def test_a_select_can_stand_in_parentheses(bank: Path, end: str) -> None:
    (bank / "events.sql").write_text(f"SELECT 1{end}")
    select = load_select("tiny", "events")
    assert select is not None
    assert ";" not in select
    assert select.endswith("\n")
    assert load_select("tiny", "surveys") is None


def test_files_of_a_source_are_sorted_and_those_in_folders_count(bank: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    names = ("t2", "t1/part-1", "t1/_SUCCESS", "t1/.part-1.crc", "t1/b/part-0", "t1/_temporary/part-9", "x")
    for name in names:
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_text("")
    (raw / "t0").mkdir()

    def found(files: str) -> list[str]:
        settings = load_settings("tiny", {"sources": {"txn": {"files": files}}})
        return [path.relative_to(raw).as_posix() for path in find_raw(settings, raw, "txn")]

    assert found("t*") == ["t1/b/part-0", "t1/part-1", "t2"]
    assert found("t1") == found("t1/**") == found("t1/*") == ["t1/b/part-0", "t1/part-1"]
    assert found("t1/_S*") == ["t1/_SUCCESS"]
    with pytest.raises(DataError, match=r"'t1/\.\*' leads to .*part-1\.crc, but there are only hidden files"):
        found("t1/.*")
    with pytest.raises(DataError, match=r"'t0' leads to .*t0, but the folder is empty"):
        found("t0")
    with pytest.raises(DataError, match="nothing matches 't\\*'"):
        find_raw(load_settings("tiny", {"sources": {"txn": {"files": "t*"}}}), bank, "txn")
