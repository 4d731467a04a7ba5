"""A bank's own Python meets the laws of every feature, and what is wrong with it is said by file and line."""

import random
from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from configs import bank_folder
from configs.errors import ConfigError, DataError
from features.build import build, catalogue
from features.catalogue.document import features_doc
from features.catalogue.facts import facts_of
from features.engine.entities import make_entities
from pipeline.snapshots.build import partition_digest
from tests.test_no_leakage import looker, middle_of, seen_through, tomorrow

EXAMPLE = """
FEATURES = {
    "late_bookings": {"en": "bookings after 20:00", "zh": "20点后的交易笔数", "unit": "count",
                      "group": "activity", "worse": 1},
    "largest_balance": {"en": "largest single balance", "zh": "单笔最高余额", "unit": "money",
                        "group": "balance", "worse": -1},
}


def features(tables, customers, monday):
    bookings, holdings = tables["transactions"], tables["holdings"]
    late = bookings[bookings["booked_at"].dt.hour >= 20]
    return {
        "late_bookings": late.groupby("customer").size().reindex(customers, fill_value=0),
        "largest_balance": holdings.groupby("customer")["balance_base"].max(),
    }
"""
SHIPPED = sorted(path.read_text("utf-8") for path in bank_folder.BANKS.glob("*/features.py"))
CODES = [EXAMPLE, *SHIPPED]  # of every bank that has some


@pytest.fixture
def coded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes the demo bank's features.py."""
    monkeypatch.setattr(bank_folder, "BANKS", tmp_path)
    (tmp_path / "demo").mkdir()
    path = tmp_path / "demo" / "features.py"

    def write(text: str) -> Path:
        path.write_text(text, "utf-8")
        return path

    return write


def frame(tables, settings, history_from: date, monday: date):
    ((_, _, made),) = build(make_entities(tables), [monday], history_from, settings)
    return made.to_pandas().set_index("customer_id")


@pytest.mark.parametrize("code", CODES)
def test_no_code_sees_the_future_the_order_the_names_or_the_others(
    code, coded, draw_bank, tables_of, bank_settings
):
    coded(code)
    drawn, rng = draw_bank(3), random.Random(1)
    assert not seen_through(drawn, tables_of, bank_settings, 4)
    monday = middle_of(drawn)
    look = looker(tables_of, bank_settings, drawn.history_from, [monday])
    shuffled = {name: rng.sample(rows, len(rows)) for name, rows in deepcopy(drawn.bank).items()}
    assert look(shuffled) == look(drawn.bank)
    names = list(dict.fromkeys(row["customer_id"] for row in drawn.bank["customers"]))
    renamed = dict(zip(names, rng.sample([f"Z{k}" for k in range(len(names))], len(names)), strict=True))
    other = deepcopy(drawn.bank)
    for row in (row for rows in other.values() for row in rows if "customer_id" in row):
        row["customer_id"] = renamed[row["customer_id"]]
    own = list(catalogue(bank_settings))[-2:]
    before = frame(tables_of(drawn.bank), bank_settings, drawn.history_from, monday)[own]
    after = frame(tables_of(other), bank_settings, drawn.history_from, monday)[own]
    assert len(before) > 1
    np.testing.assert_array_equal(after.loc[[renamed[name] for name in before.index]], before)
    one = before.index[0]
    alone = {
        name: [row for row in rows if row.get("customer_id", one) == one] for name, rows in drawn.bank.items()
    }
    np.testing.assert_array_equal(
        frame(tables_of(alone), bank_settings, drawn.history_from, monday).loc[[one], own], before.loc[[one]]
    )


@pytest.mark.parametrize(
    "leak",
    ['tables["transactions"].index.max()', "hash(str(tables['events'].shape))", "customers.stop"],
)
def test_code_that_looks_at_the_others_is_noticed(leak, coded, draw_bank, tables_of, bank_settings):
    """What the laws above are for: a planted figure of the whole bucket changes with other customers."""
    coded(EXAMPLE.replace('"late_bookings": late.groupby("customer").size().reindex(customers, fill_value=0)',
                          f'"late_bookings": pd.Series({leak} % 1000, customers)').replace(
        "\nFEATURES", "\nimport pandas as pd\nFEATURES"))  # fmt: skip
    drawn = draw_bank(3)
    monday = middle_of(drawn)
    before = frame(tables_of(drawn.bank), bank_settings, drawn.history_from, monday)["late_bookings"]
    one = before.index[0]
    alone = {
        name: [row for row in rows if row.get("customer_id", one) == one] for name, rows in drawn.bank.items()
    }
    after = frame(tables_of(alone), bank_settings, drawn.history_from, monday)["late_bookings"]
    assert after[one] != before[one]


def test_a_cut_that_lets_the_monday_through_is_noticed(
    coded, draw_bank, tables_of, bank_settings, monkeypatch
):
    """A balance of the Monday itself changes nothing; with a planted leak it does."""
    coded(EXAMPLE)
    drawn = draw_bank(3)
    monday = middle_of(drawn)
    look = looker(tables_of, bank_settings, drawn.history_from, [monday])
    bank, large = deepcopy(drawn.bank), Decimal(9_000_000)
    bank["holdings"] += [
        row | {"valued_on": monday, "known_on": monday, "balance": large, "balance_base": large}
        for row in drawn.bank["holdings"]
    ]
    assert look(bank) == look(drawn.bank)
    monkeypatch.setattr("features.families.bank_code.seen", tomorrow)
    assert look(bank) != look(drawn.bank)


def test_the_figures_by_hand_and_the_words(coded, draw_bank, tables_of, bank_settings):
    coded(EXAMPLE)
    entries = catalogue(bank_settings)
    assert list(entries)[-2:] == ["late_bookings", "largest_balance"]
    assert entries["late_bookings"].phrase == {"en": "bookings after 20:00", "zh": "20点后的交易笔数"}
    assert "`late_bookings`" in features_doc(bank_settings)
    facts = {fact.key: fact for fact in facts_of(bank_settings)}
    assert facts["late_bookings"].text["zh"] == "20点后的交易笔数：{figure}"
    assert facts["largest_balance"].when == "largest_balance < median_largest_balance"
    drawn = draw_bank(3)
    monday = middle_of(drawn)
    made = frame(tables_of(drawn.bank), bank_settings, drawn.history_from, monday)
    late = [row["customer_id"] for row in drawn.bank["transactions"] if counts(row, monday)]
    assert dict(made["late_bookings"]) == {customer: late.count(customer) for customer in made.index}
    assert late


def counts(row, monday: date) -> bool:
    """After 20:00 within the last 52 weeks, known by the Monday and not corrected by then."""
    day = row["booked_at"].date()
    known = row["known_on"] < monday and (row.get("superseded_on") or monday) >= monday
    return row["booked_at"].hour >= 20 and monday - timedelta(weeks=52) <= day < monday and known


def test_the_code_changes_its_banks_partitions_alone(coded, bank_settings):
    before, other = (partition_digest(settings, "t") for settings in (bank_settings, replaced(bank_settings)))
    coded(EXAMPLE)
    first = partition_digest(bank_settings, "t")
    coded(EXAMPLE.replace(">= 20", ">= 21"))
    assert len({before, first, partition_digest(bank_settings, "t")}) == 3
    assert partition_digest(replaced(bank_settings), "t") == other


def replaced(settings):
    return settings.model_copy(update={"bank": "berka"})


@pytest.mark.parametrize(
    ("before", "after", "kind", "sentence"),
    [
        ('"zh": "20点后的交易笔数", ', "", ConfigError, "'late_bookings' has no words in Chinese: set 'zh'"),
        ('"group": "activity"', '"group": "active"', ConfigError, "group = 'active' is none of"),
        ('"worse": 1', '"wors": 1', ConfigError, "'wors' is no key. Did you mean 'worse'"),
        ('"late_bookings": {', '"late_bookings_13w": {', ConfigError, "no window such as 13w"),
        ("def features(", "def features(:", ConfigError, "line 10: invalid syntax"),
        ("FEATURES = {", "import nothing_there\nFEATURES = {", ConfigError, "line 2: ModuleNotFoundError"),
        ('["balance_base"]', '["balance"]', DataError, "line 15: KeyError: 'Column not found: balance'"),
        ('"largest_balance": holdings', '"largest": holdings', DataError, "declares largest_balance"),
        ('["balance_base"].max()', '["balance_base"].max() / 0', DataError, "'largest_balance' is infinite"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_with_file_and_line(
    before, after, kind, sentence, coded, draw_bank, tables_of, bank_settings
):
    assert before in EXAMPLE
    path, drawn = coded(EXAMPLE.replace(before, after)), draw_bank(3)
    with pytest.raises(kind) as caught:
        frame(tables_of(drawn.bank), bank_settings, drawn.history_from, middle_of(drawn))
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
