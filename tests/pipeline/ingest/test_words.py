"""Words that nothing knows, that no feature looks at, and filters that match nothing are said by name."""

from typing import Any

import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError, DataError
from pipeline.context import Context
from pipeline.ingest.findings import read_findings
from pipeline.weekly import run_ingest
from tests.pipeline.conftest import SELECTS, TXN_HEADER, booking

MEASURE = """
[[features.measures]]
name = "counter_cash"
table = "transactions"
where = { kind = ["cash_out"], channel = ["%s"] }
statistics = ["count"]
en = "cash"
zh = "现金"
group = "outflow"
"""


def findings(bank: Any) -> list[str]:
    return [finding.text for finding in read_findings(bank.settings(), bank.ingest())]


def declare_events(bank: Any, *kinds: str) -> None:
    bank.declare("[sources]", '[sources]\nevt = { files = "evt.csv" }')
    bank.select(
        "events",
        "SELECT CUST AS customer_id, DAY AS occurred_at, KIND AS kind, DAY AS known_on, _file, _line "
        "FROM evt",
    )
    lines = [f"C1,2024-03-{day:02},{kind}\n" for day, kind in enumerate(kinds, start=1)]
    bank.write("evt.csv", "CUST,DAY,KIND\n" + "".join(lines))


def declare_channel(bank: Any, *channels: str) -> None:
    """A booking by each of these channels, in the column MEMO."""
    bank.select(
        "transactions", SELECTS["transactions"].replace("KIND AS kind", "KIND AS kind, MEMO AS channel")
    )
    lines = [booking(NO=f"N{k}", MEMO=channel) for k, channel in enumerate(channels)]
    bank.write("txn_1.csv", TXN_HEADER + "".join(lines))


def declare_measure(bank: Any, measure: str) -> None:
    path = bank.folder / "bank.toml"
    path.write_text(path.read_text("utf-8") + measure, "utf-8")


def test_unknown_kinds_of_events_are_named_with_the_nearest(tiny: Any) -> None:
    declare_events(tiny, "login", "Login", "Login", "chat")
    assert findings(tiny)[0] == (
        "events.kind: 3 rows hold words that no feature, filter or rule knows: 'Login' (2, did you mean "
        "'login'?), 'chat' (1). Decode them in configs/banks/tiny/events.sql, or declare them as "
        'words."events.kind" in bank.toml.'
    )


def test_unknown_channels_are_named(tiny: Any) -> None:
    declare_channel(tiny, "mobile", "MOBILE", "wechat", "auto")
    texts = findings(tiny)
    assert texts[0].startswith(
        "transactions.channel: 2 rows hold words that no feature, filter or rule knows: "
    )
    assert "'MOBILE' (1, did you mean 'mobile'?), 'wechat' (1)" in texts[0]
    assert "transactions.channel: no feature looks at MOBILE (1), auto (1), wechat (1)." in texts


def test_unknown_words_of_contacts_and_surveys_are_named(tiny: Any) -> None:
    tiny.declare_contacts(
        "SELECT NO AS contact_id, CUST AS customer_id, RM AS manager_id, DAY AS contacted_at, CH AS channel, "
        "WHY AS purpose, RES AS outcome, DAY AS known_on, _file, _line FROM con",
        "M1\n",
    )
    tiny.write("con_1.csv", "NO,CUST,RM,DAY,CH,WHY,RES\nK1,C1,M1,2024-03-01,Phone,sales,no-answer\n"
               "K2,C1,M1,2024-03-02,visit,service,\n")  # fmt: skip
    tiny.declare_surveys("ITEM", "5")
    tiny.write("ask.csv", "NO,CUST,DAY,ITEM\nQ1,C1,2024-03-01,managers\nQ2,C1,2024-03-01,brand\n")
    named = [text.partition(" knows: ")[2].partition(". ")[0] for text in findings(tiny)[:4]]
    assert named == [
        "'Phone' (1, did you mean 'phone'?)",
        "'sales' (1, did you mean 'sale'?)",
        "'no-answer' (1, did you mean 'no_answer'?)",
        "'managers' (1, did you mean 'manager'?)",
    ]


def test_the_map_of_items_and_the_scale_are_the_banks(tiny: Any) -> None:
    """An item outside the map, one of the map that nobody answers, and scores outside the scale are named."""
    tiny.declare_surveys("ITEM", "SCORE")
    rows = [("Q1", 0), ("Q1", 7), ("Q1", 8), ("Q2x", 5), ("brand", 7)]
    lines = [f"R{k},C{k + 1},2024-03-01,{item},{score}\n" for k, (item, score) in enumerate(rows)]
    tiny.write("ask.csv", "NO,CUST,DAY,ITEM,SCORE\n" + "".join(lines))
    items = "items = [{ name = 'Q1', factor = 'brand' }, { name = 'Q2', asks = 'overall' }]"
    tiny.declare("[sources]", f"[survey]\nlowest = 0\nhighest = 7\n{items}\n[sources]")
    with pytest.raises(DataError, match="score: '8' is above 7"):
        tiny.ingest(quarantine_rows=0, quarantine_limit=0.02)
    sentences = [finding.text for finding in read_findings(tiny.settings(), tiny.ingest())]
    assert "knows: 'Q2x' (1), 'brand' (1). Decode" in sentences[0]
    assert "map them to factors in [survey] items" in sentences[0]
    assert sentences[1].startswith("[survey] items: no answer is to 'Q2'. Correct")


def test_words_of_the_banks_own_are_not_named(tiny: Any) -> None:
    declare_events(tiny, "login", "chat", "page")
    before = tiny.ingest().fingerprint
    tiny.declare("[sources]", 'words = { "events.kind" = ["chat", "page"] }\n[sources]')
    texts = findings(tiny)
    assert not [text for text in texts if "knows" in text]
    assert "events.kind: no feature looks at chat (1), page (1)." in texts
    assert tiny.ingest().fingerprint == before  # nothing is read again


def test_words_of_a_banks_own_measure_are_known(tiny: Any) -> None:
    declare_channel(tiny, "wechat")
    declare_measure(tiny, MEASURE % "wechat")
    assert not [text for text in findings(tiny) if "knows" in text]


@pytest.mark.parametrize("name", ["events.kid", "transactions.kind", "holdings.balance"])
def test_words_of_a_column_without_words_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"words: '{name}' holds no words of a bank's own"):
        load_settings("demo", {"words": {name: ["x"]}})


def test_a_filter_of_the_bank_that_matches_nothing_is_named(tiny: Any) -> None:
    declare_channel(tiny, "counter", "mobile")
    declare_measure(tiny, MEASURE % "countr")
    (text,) = [text for text in findings(tiny) if "[[features.measures]]" in text]
    assert text == (
        "[[features.measures]] 'counter_cash' matches no row of transactions in the whole history, where "
        "nothing is kind = 'cash_out', channel = 'countr' (did you mean 'counter'?). Its features are 0 or "
        "empty: mend its filter in bank.toml, or leave it out."
    )


def test_a_filter_of_a_table_that_is_not_delivered_is_named(tiny: Any) -> None:
    measure = MEASURE.replace("transactions", "events").replace(', channel = ["%s"]', "")
    declare_measure(tiny, measure)
    assert [text for text in findings(tiny) if "'counter_cash' matches no row of events" in text]


def test_features_without_a_row_are_said_in_one_sentence(tiny: Any) -> None:
    declare_events(tiny, "login")
    sentence = "events: no row of the whole history is view_rates, complaint; these features are 0 or empty."
    assert sentence in findings(tiny)


def test_the_log_of_an_ingest_says_them(tiny: Any, caplog: pytest.LogCaptureFixture) -> None:
    declare_events(tiny, "Login", "complaint")
    with caplog.at_level("INFO", logger="attrition"):
        run_ingest(Context(tiny.settings(), tiny.home.root), tiny.raw)
    lines = {record.getMessage(): record.levelname for record in caplog.records}
    assert [level for line, level in lines.items() if "'Login' (1, did you mean 'login'?)" in line] == [
        "WARNING"
    ]
    assert [level for line, level in lines.items() if "no row of the whole history is login" in line] == [
        "INFO"
    ]
