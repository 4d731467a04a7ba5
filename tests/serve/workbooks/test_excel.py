"""The workbooks read back: what a manager sees, as text where it is text, and the same bytes each time."""

from dataclasses import replace
from datetime import date
from io import BytesIO
from itertools import product
from types import MappingProxyType
from typing import get_args

import pytest
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from configs.published import (
    ALERT_FEEDBACK,
    LANGUAGES,
    OUTCOMES,
    Change,
    Manager,
    Maturity,
    PastContact,
    Profile,
    RunExtras,
)
from configs.settings import Label
from serve.texts.wording import TEXTS
from serve.workbooks import excel
from serve.workbooks.excel import branch_workbook, manager_workbook, write_lists
from serve.workbooks.sheets import Context

M1 = Manager("M1", "张伟", "B1", 2)
NAMES, HEAD = 4, 5  # the hidden row of the columns' names, and that of the headings
FILLED = Profile(
    "c4",
    MappingProxyType({"demand": (0,) * 39 + tuple(range(100, 1400, 100)), "loan": (5,) * 52}),
    maturities=tuple(Maturity(f"定期{k}", "term", date(2026, 12, k), k * 1000_00) for k in (3, 4, 5, 6, 7)),
    contacts=(PastContact(date(2026, 10, 12), "M1", "phone", "service", "answered"),),
)


def read(content):
    return load_workbook(BytesIO(content))


def row(sheet, number):
    return [cell.value for cell in sheet[number]]


def cells_of(sheet, place):
    """One customer's row by the columns' names, without what is empty."""
    cells = zip(row(sheet, NAMES), row(sheet, HEAD + place), strict=True)
    return {name: value for name, value in cells if value is not None}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "lists"


@pytest.fixture
def context(make_run, settings):
    return Context(make_run(), settings.list_terms)


@pytest.fixture
def published(store, publish_run, profiles):
    filled = [FILLED if profile.customer_id == "c4" else profile for profile in profiles]
    publish_run(extras=RunExtras(filled))
    return store


@pytest.fixture
def lists(lists):
    """c4's decision says what to do first."""

    def with_step(decision):
        steps = {"next_step_en": "Say sorry first", "next_step_zh": "先致歉", "rests_on": "reason 214"}
        return replace(decision, **steps) if decision.customer_id == "c4" else decision

    return [replace(listed, decisions=tuple(map(with_step, listed.decisions))) for listed in lists]


@pytest.fixture
def read_session(published):
    with published.at_run() as read_session:
        yield read_session


@pytest.fixture
def write(context, store, make_run, make_lists):
    """M1's sheet of scores that are published alone."""

    def written(scores, manager=M1, extras=None, **run):
        lists = make_lists(scores, [manager])
        run = make_run(cohort=len(scores), excluded=MappingProxyType({}), **run)
        store.publish(run, scores, [], lists, extras or RunExtras())
        with store.at_run() as read_session:
            return read(manager_workbook(replace(context, run=run), lists[0], read_session)).active

    return written


@pytest.fixture
def sheet(context, lists, read_session):
    """M1's list."""
    return read(manager_workbook(context, lists[0], read_session)).active


def test_a_managers_sheet_holds_the_list_in_order(sheet):
    assert sheet.title == "联系名单"
    assert [cell for cell in row(sheet, HEAD) if "_" not in cell] == [
        "序号", "分组", "客户号", "层级、阶段", "管理资产（AUM）", "13周走势", "30天风险", "60天风险",
        "90天风险",
        "可挽留资金", "预计流失资金",
        "原因与变化", "90天内到期", "最近联系", "建议下一步", "方式", "联系结果", "备注",
        "约定回访日期", "本次预警是否有用？",
    ]  # fmt: skip
    assert cells_of(sheet, 1) == {
        "rank": 1, "part": "本周联系", "customer": "c4", "tier": "财富客户\n成熟期", "aum": 1843200.5,
        "line": "▁▁▁▂▃▃▄▄▅▆▆▇█",  # 1 … 13 yuan in whole eighths of 13, without the loan
        "risk_90d": 0.412, "keep": 88.2, "money": 500,
        "maturing": "2026年12月3日 定期3 3,000\n2026年12月4日 定期4 4,000\n"
        "2026年12月5日 定期5 5,000\n另有2笔：1.3万",
        "contact": "2026年10月12日\n电话\n已接通", "next_step": "先致歉",
        "how": "电话\n本行214位同类原因客户的实际结果",
        "run_id": "run-1", "manager_id": "M1", "customer_id": "c4",
    }  # fmt: skip
    second = cells_of(sheet, 2)
    assert second["why"] == "1. 近 4 周转往他行 480,000 元"
    assert second["contact"] == "无记录"
    assert sheet.max_row == HEAD + 2 + 5  # a blank row, then four notes


def test_a_horizon_of_the_banks_own_heads_the_only_risk(context, settings, write, make_score):
    label = settings.label.model_copy(update={"definition": "delivered", "horizon_days": 180})
    object.__setattr__(context, "terms", settings.model_copy(update={"label": label}).list_terms)
    sheet = write([make_score("a", risk_90d=None, risk_own=0.25)], horizon_days=180)
    assert [cell for cell in row(sheet, HEAD) if "风险" in cell] == ["180天风险"]
    assert cells_of(sheet, 1)["risk_own"] == 0.25
    assert any("180天内" in str(cell.value) and "本行" in str(cell.value) for cell in sheet["A"])


@pytest.mark.parametrize(
    ("change", "text"),
    [(0.12, "▲ 较上周上升12个百分点：代发工资中断或减少"), (-0.02, None), (-0.03, "▼ 较上周下降3个百分点")],
)
def test_what_changed_stands_below_the_reasons(write, make_score, change, text):
    compared = MappingProxyType({"compared_with": "2026-11-09"})
    moved = make_score("a", risk_change=change, changes=(Change("salary", 0.4, "", "代发工资中断或减少"),))
    sheet = write([moved, make_score("b", 50_00)], manifest=compared)
    reason = "1. 近 4 周转往他行 480,000 元"
    assert cells_of(sheet, 1)["why"] == (f"{reason}\n{text}" if text else reason)
    assert cells_of(sheet, 2)["why"] == reason
    assert not {"maturing", "line"} & cells_of(sheet, 2).keys()  # published without profiles


def test_the_head_says_whose_list_of_which_day_and_run(sheet):
    head = " ".join(sheet.cell(number, 1).value for number in (1, 2, 3))
    assert "张伟 (M1)" in head
    assert "2026年11月16日" in head
    assert "run-1" in head
    assert "名单2人" in head
    assert "800元" in head


def test_english_is_the_same_list_in_other_words(context, lists, read_session):
    english = replace(context, terms=replace(context.terms, language="en"))
    sheet = read(manager_workbook(english, lists[0], read_session)).active
    first, second = cells_of(sheet, 1), cells_of(sheet, 2)
    assert first["tier"] == "affluent\nMature"
    assert first["contact"] == "12 Oct 2026\nPhone\nAnswered"
    assert first["maturing"].endswith("and 2 more: 13,000")
    assert second["why"] == "1. Moved 480,000 CNY to other banks"
    assert (first["next_step"], second.get("next_step")) == ("Say sorry first", None)


def test_figures_have_formats_and_the_sheet_is_ready_to_use_and_print(sheet):
    place = {name: get_column_letter(number) for number, name in enumerate(row(sheet, NAMES), start=1)}
    assert sheet[f"{place['aum']}6"].number_format == TEXTS["zh"]["excel.money"]
    assert sheet[f"{place['risk_90d']}6"].number_format == "0.0%"
    assert sheet.freeze_panes == "C6"
    assert sheet.auto_filter.ref == f"A5:{place['customer_id']}7"
    assert sheet.print_title_rows == "$5:$5"
    assert sheet.print_area == f"'联系名单'!$A$1:${place['feedback']}$13"
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
    assert "&P" in sheet.oddFooter.right.text
    rules = {str(rule.sqref): (rule.type, rule.formula1) for rule in sheet.data_validations.dataValidation}
    choices = {
        kind: ",".join(TEXTS["zh"][f"{kind}.{code}"] for code in codes)
        for kind, codes in (("outcome", OUTCOMES), ("feedback", ALERT_FEEDBACK))
    }
    assert rules == {
        f"{place[kind]}6:{place[kind]}7": ("list", f'"{words}"') for kind, words in choices.items()
    } | {
        f"{place['follow_up']}6:{place['follow_up']}7": (
            "date",
            str((date(2026, 11, 16) - date(1899, 12, 30)).days),
        )
    }
    assert sheet[f"{place['follow_up']}6"].number_format == "yyyy-mm-dd"


def test_what_is_for_programs_is_hidden(sheet):
    assert sheet.row_dimensions[NAMES].hidden
    hidden = {
        name
        for number, name in enumerate(row(sheet, NAMES), start=1)
        if sheet.column_dimensions[get_column_letter(number)].hidden
    }
    # openpyxl notes a run of hidden columns at its first.
    assert hidden == {"run_id"}
    last = sheet.column_dimensions[get_column_letter(row(sheet, NAMES).index("run_id") + 1)]
    assert last.max == len(row(sheet, NAMES))


@pytest.mark.parametrize("evil", ["=1+1", "+1", "@SUM(A1)", "{=1}", "http://x.y", "0012", "\x01a"])
def test_an_id_stays_the_text_it_is(write, make_score, evil):
    sheet = write([make_score(evil)], replace(M1, name="=cmd()"))
    for number, name in enumerate(row(sheet, NAMES), start=1):
        if name in ("customer", "customer_id"):
            cell = sheet.cell(HEAD + 1, number)
            assert cell.data_type == "s"
            assert cell.hyperlink is None
            assert cell.value.replace("_x0001_", "\x01") == evil


def test_words_from_the_bank_are_never_formulas(write, make_score):
    """A product, a channel and an outcome that begin like formulas, also after another word."""
    evil = "=cmd|'/c calc'!A1"
    profile = Profile(
        "c4",
        MappingProxyType({}),
        (Maturity(evil, "term", date(2026, 12, 3), 1_00),),
        contacts=(PastContact(date(2026, 10, 12), "M1", evil, evil, evil),),
    )
    sheet = write([make_score("c4")], extras=RunExtras([profile]))
    assert evil in cells_of(sheet, 1)["maturing"]
    assert not [cell for cells in sheet for cell in cells if cell.data_type == "f"]


RISK_NOTES = {
    (
        "aum_drop",
        "en",
    ): "Risk: how likely at least 50% of the customer's AUM leaves the bank within 90 days from 23 Nov 2026.",
    ("aum_drop", "zh"): "流失风险：自2026年11月23日起90天内，客户至少50%的管理资产离开本行的概率。",
    (
        "tier_downgrade",
        "en",
    ): "Risk: how likely the customer's AUM falls below the lower bound of the tier and "
    "has stayed there for four weeks when 90 days from 23 Nov 2026 have passed.",
    (
        "tier_downgrade",
        "zh",
    ): "流失风险：客户管理资产跌破其层级下限，且自2026年11月23日起满90天时已连续四周低于该下限的概率。",
    (
        "closure",
        "en",
    ): "Risk: how likely the customer closes the accounts, or empties every product except loans, "
    "within 90 days from 23 Nov 2026.",
    ("closure", "zh"): "流失风险：自2026年11月23日起90天内，客户销户，或除贷款外所有产品余额清零的概率。",
    (
        "dormancy",
        "en",
    ): "Risk: how likely the customer makes no transactions within 90 days from 23 Nov 2026 and then has "
    "an AUM below 5,000 CNY.",
    (
        "dormancy",
        "zh",
    ): "流失风险：自2026年11月23日起90天内，客户没有任何自主交易，且期满时管理资产低于5,000元的概率。",
    (
        "silence",
        "en",
    ): "Risk: how likely the customer makes no transactions within 90 days from 23 Nov 2026.",
    ("silence", "zh"): "流失风险：自2026年11月23日起90天内，客户没有任何自主交易的概率。",
    (
        "delivered",
        "en",
    ): "Risk: how likely the customer is to leave within 90 days from 16 Nov 2026, by the bank's own "
    "record of who left.",
    ("delivered", "zh"): "流失风险：自2026年11月16日起90天内，客户按本行自有流失记录流失的概率。",
}


@pytest.mark.parametrize(("definition", "language"), RISK_NOTES)
def test_the_note_on_risk_says_what_the_banks_definition_says(
    context, settings, lists, read_session, definition, language
):
    label = settings.label.model_copy(update={"definition": definition, "dormant_floor": 5_000})
    terms = settings.model_copy(update={"label": label, "language": language}).list_terms
    sheet = read(manager_workbook(replace(context, terms=terms), lists[0], read_session)).active
    assert sheet.cell(sheet.max_row - 2, 1).value == RISK_NOTES[definition, language]


def test_every_definition_has_its_note_on_risk():
    definitions = get_args(Label.model_fields["definition"].annotation)
    assert set(RISK_NOTES) == set(product(definitions, LANGUAGES))


def test_an_empty_list_says_so(write):
    assert write([])["A6"].value == "本周没有需要联系的客户。"


def test_a_branch_sees_its_managers_the_customers_without_one_and_the_total(context, lists, read_session):
    book = read(branch_workbook(context, lists, read_session))
    assert book.sheetnames == ["汇总", "未分配客户经理"]
    table = [row(book["汇总"], number) for number in range(HEAD + 1, HEAD + 4)]
    assert table == [
        ["M1", "张伟", 2, 4, 3, 1800, 2, 800, pytest.approx(800 / 1800)],
        ["未分配客户经理", None, None, 1, 1, 700, 1, 700, 1],
        ["支行合计", None, None, 5, 4, 2500, 3, 1500, 0.6],
    ]
    assert cells_of(book["未分配客户经理"], 1)["customer_id"] == "c5"
    assert "manager_id" not in cells_of(book["未分配客户经理"], 1)


def test_a_branchs_managers_stand_by_money_at_risk(context, lists, read_session):
    money = lists[0].money_at_risk_minor + 1
    richer = replace(lists[0], manager=Manager("M2", "李娜", "B1", 2), money_at_risk_minor=money, listed=())
    summary = read(branch_workbook(context, [*lists, richer], read_session))["汇总"]
    assert [summary.cell(HEAD + place, 1).value for place in (1, 2, 3)] == ["M2", "M1", "未分配客户经理"]


def test_the_same_run_gives_the_same_bytes(tmp_path, read_session, settings, lists):
    first, second = (write_lists(tmp_path / name, read_session, lists, settings.list_terms) for name in "ab")
    assert [path.name for path in first] == ["branch_B1.xlsx", "manager_M1.xlsx"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_no_id_leaves_the_folder(folder, read_session, lists, settings):
    manager = replace(M1, manager_id="../../up", branch_id="../b")
    outside = replace(lists[0], branch_id="../b", manager=manager)
    written = write_lists(folder, read_session, [outside], settings.list_terms)
    assert {path.parent for path in written} == {folder}
    assert len(list(folder.iterdir())) == 2


def test_customers_of_no_branch_have_a_workbook_too(folder, read_session, lists, settings):
    written = write_lists(
        folder, read_session, [*lists, replace(lists[1], branch_id=None)], settings.list_terms
    )
    assert "no_branch.xlsx" in [path.name for path in written]


def test_a_bank_without_managers_and_branches_has_one_workbook_of_one_sheet(
    folder, read_session, lists, settings
):
    (path,) = write_lists(folder, read_session, [replace(lists[1], branch_id=None)], settings.list_terms)
    assert path.name == "list.xlsx"
    (sheet,) = load_workbook(path).worksheets
    assert sheet.title == "联系名单"
    title, facts = (sheet.cell(row, 1).value for row in (1, 2))
    assert title == "本周客户联系名单 · 公共名单"
    assert "支行" not in facts
    assert "None" not in facts


def test_a_summary_of_managers_without_branches_names_none(folder, read_session, lists, settings):
    without = [
        replace(one, branch_id=None, manager=one.manager and replace(one.manager, branch_id=""))
        for one in lists
    ]
    written = {path.name: path for path in write_lists(folder, read_session, without, settings.list_terms)}
    assert set(written) == {"manager_M1.xlsx", "summary.xlsx"}
    summary = load_workbook(written["summary.xlsx"]).worksheets[0]
    texts = [str(cell.value) for row in summary.iter_rows() for cell in row if cell.value is not None]
    assert texts[0] == "流失预警汇总"
    assert "合计" in texts
    assert not [text for text in texts if "支行" in text or "None" in text]


def test_a_number_is_a_part_of_a_name_that_a_file_system_takes():
    """Quoted, a Chinese sign takes nine characters; what is cut off stands in the digest."""
    assert excel.in_name("B/1") == "B%2F1"
    names = [
        excel.in_name(number) for number in ("经" * 64, "经" * 63 + "理", "M" * 64, "M" * 255, "M" * 254)
    ]
    assert len(set(names)) == 5
    assert all(len(f"manager_{name}.xlsx".encode()) <= 255 for name in names)
