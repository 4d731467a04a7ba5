"""The workbooks read back: what a manager sees, as text where it is text, and the same bytes each time."""

from io import BytesIO

import pytest
from openpyxl import load_workbook

from configs.published import Change, Manager
from serve.excel import branch_workbook, manager_workbook, write_lists
from serve.sheets import Context

HEAD = 4  # the row of the headings


def read(content):
    return load_workbook(BytesIO(content))


def row(sheet, number):
    return [cell.value for cell in sheet[number]]


@pytest.fixture
def context(make_run, settings):
    return Context(make_run(), settings, "zh")


def test_a_managers_sheet_holds_the_list_in_order(context, lists):
    sheet = read(manager_workbook(context, lists[0]))["联系名单"]
    assert row(sheet, HEAD)[:8] == [
        "序号", "客户号", "客户层级", "生命周期", "资产", "90天流失风险", "风险等级", "预计流失资金",
    ]  # fmt: skip
    assert row(sheet, HEAD)[8:] == ["原因 1", "原因 2", "原因 3", "联系结果", "备注"]
    assert row(sheet, HEAD + 1)[:8] == [1, "c4", "财富客户", "成熟期", 1843200.5, 0.412, "高", 500]
    assert row(sheet, HEAD + 2)[8:] == ["近 4 周转往他行 480,000 元", None, None, None, None]
    assert sheet.max_row == HEAD + 2 + 4  # a blank row, then three notes


def test_a_column_tells_the_change_where_there_was_a_run_before(make_run, make_score, make_lists, settings):
    run = make_run(manifest={"compared_with": "2026-11-09"})
    moved = make_score("a", risk_change=0.12, changes=(Change("salary", 0.4, "", "代发工资中断或减少"),))
    lists = make_lists([moved, make_score("b", 50_00)], [Manager("M1", "张伟", "B1", 2)])
    sheet = read(manager_workbook(Context(run, settings, "zh"), lists[0])).active
    assert row(sheet, HEAD)[8:] == ["原因 1", "原因 2", "原因 3", "较上周变化", "联系结果", "备注"]
    assert row(sheet, HEAD + 1)[11] == "较上周上升12个百分点：代发工资中断或减少"
    assert row(sheet, HEAD + 2)[11] is None
    (choice,) = sheet.data_validations.dataValidation
    assert str(choice.sqref) == "M5:M6"


def test_the_head_says_whose_list_of_which_day_and_run(context, lists):
    sheet = read(manager_workbook(context, lists[0])).active
    head = " ".join(sheet.cell(number, 1).value for number in (1, 2, 3))
    assert "张伟 (M1)" in head
    assert "2026-11-16" in head
    assert "run-1" in head
    assert "名单 2 人" in head
    assert "800 CNY" in head


def test_english_is_the_same_list_in_other_words(make_run, settings, lists):
    sheet = read(manager_workbook(Context(make_run(), settings, "en"), lists[0])).active
    assert row(sheet, HEAD + 2)[:9] == [
        2, "c1", "affluent", "Mature", 1843200.5, 0.412, "High", 300, "Moved 480,000 CNY to other banks",
    ]  # fmt: skip


def test_figures_have_formats_and_the_sheet_is_ready_to_use_and_print(context, lists):
    sheet = read(manager_workbook(context, lists[0])).active
    assert sheet["E5"].number_format == "#,##0"
    assert sheet["F5"].number_format == "0.0%"
    assert sheet.freeze_panes == "C5"
    assert sheet.auto_filter.ref == "A4:M6"
    assert sheet.print_title_rows == "$4:$4"
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
    (choice,) = sheet.data_validations.dataValidation
    assert str(choice.sqref) == "L5:L6"
    assert "愿意留下" in choice.formula1


@pytest.mark.parametrize("evil", ["=1+1", "+1", "@SUM(A1)", "{=1}", "http://x.y", "0012", "\x01a"])
def test_an_id_stays_the_text_it_is(context, make_score, make_lists, evil):
    lists = make_lists([make_score(evil)], [Manager("M1", "=cmd()", "B1", 2)])
    cell = read(manager_workbook(context, lists[0])).active["B5"]
    assert cell.data_type == "s"
    assert cell.hyperlink is None
    assert cell.value.replace("_x0001_", "\x01") == evil


def test_an_empty_list_says_so(context, make_lists):
    lists = make_lists([], [Manager("M1", "张伟", "B1", 2)])
    assert read(manager_workbook(context, lists[0])).active["A5"].value == "本周没有需要联系的客户。"


def test_a_branch_sees_its_managers_the_customers_without_one_and_the_total(context, lists):
    book = read(branch_workbook(context, lists))
    assert book.sheetnames == ["汇总", "无客户经理"]
    table = [row(book["汇总"], number) for number in range(HEAD + 1, HEAD + 4)]
    assert table == [
        ["M1", "张伟", 2, 4, 3, 1800, 2, 800, pytest.approx(800 / 1800)],
        ["无客户经理", None, None, 1, 1, 700, 1, 700, 1],
        ["机构合计", None, None, 5, 4, 2500, 3, 1500, 0.6],
    ]
    assert row(book["无客户经理"], HEAD + 1)[1] == "c5"


def test_the_same_run_gives_the_same_bytes(tmp_path, make_run, settings, lists):
    first, second = (write_lists(tmp_path / name, make_run(), lists, settings) for name in "ab")
    assert [path.name for path in first] == ["branch_B1.xlsx", "manager_M1.xlsx"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_rerun_leaves_no_file_of_another_run(tmp_path, make_run, settings, lists):
    (tmp_path / "manager_M0.xlsx").touch()
    (tmp_path / "manager_M1.xlsx.draft").touch()
    written = write_lists(tmp_path, make_run(), lists, settings)
    assert sorted(tmp_path.iterdir()) == written


def test_no_id_leaves_the_folder(tmp_path, make_run, make_score, make_lists, settings):
    scores = [make_score("a", manager_id="../../up", branch_id="../b")]
    written = write_lists(tmp_path, make_run(), make_lists(scores), settings)
    assert {path.parent for path in written} == {tmp_path}
    assert len(list(tmp_path.iterdir())) == 2


def test_customers_of_no_branch_have_a_workbook_too(tmp_path, make_run, make_score, make_lists, settings):
    scores = [make_score("a", manager_id=None, branch_id=None)]
    (path,) = write_lists(tmp_path, make_run(), make_lists(scores), settings)
    assert path.name == "no_branch.xlsx"
