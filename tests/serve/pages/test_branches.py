"""The branch board and the overview of branches."""

import re

from serve.store.branch_summary import BranchRow
from tests.serve.pages import published_bank


def rows(page, heading):
    """The rows of the table under a heading, as lists of their cells' texts."""
    part = page.text[page.text.index(f'id="{heading}"') :]
    body = part[part.index("<tbody>") : part.index("</tbody>")]
    return [
        [text_of(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    ]


def text_of(markup):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", markup)).strip()


def test_a_board_shows_who_has_what_at_risk_and_how_far_the_lists_are(signed_in):
    """The figures are those of COVERAGE; two of M1's seven listed are called, one of M2's two."""
    page = signed_in("branch_head", branch_id="B1").get("/branches/B1")
    assert page.status_code == 200
    first, second = rows(page, "managers")
    cells = [cell.split(" ")[-1] for cell in (first[1], first[3], first[4], first[5])]
    assert cells == ["9,200,000", "7", "5", "57%"]
    assert first[6] == "Load 7 calls, room for 13 more"
    assert first[7] == "Done 2 / 7"
    assert first[8] == "Outcomes of the calls Will stay 1 Undecided, call again 1"
    assert second[0] == "&lt;script&gt;alert(1)&lt;/script&gt; M2"
    assert second[7] == "Done 1 / 2"
    assert "<b>45%</b>" in page.text  # 4 + 1 + 0 of 7 + 2 + 2 customers were spoken with in time
    assert "3 of 11 calls recorded" in page.text
    assert rows(page, "outcomes") == [
        ["Will stay", "1", "33%"],
        ["Undecided, call again", "1", "33%"],
        ["No answer", "1", "33%"],
    ]
    assert rows(page, "left") == [["M0", "2", "2", "900,000"]]


def test_unassigned_customers_come_first_with_what_to_do_and_figures_lead_to_their_customers(signed_in):
    """Two of B1's customers have no manager, 900,000 at risk; both are on the branch's own list."""
    page = signed_in("branch_head", branch_id="B1").get("/branches/B1").text
    run = published_bank.run(7).run_id
    first = page[page.index("<h2") : page.index("</section>")]
    assert "2 customers are unassigned" in first
    assert "900,000 CNY at risk, 1 at high risk." in first
    assert "0 of 2 done" in first
    assert re.findall(r'href="([^"]+)"', first) == [
        f"/branches/B1/list?run={run}",
        f"/branches/B1/customers?run={run}",
    ]
    for path in (
        "/lists/M1/customers?run={}",
        "/lists/M1/customers?run={}&amp;band=high",
        "/lists/M2?run={}",
    ):
        assert f'href="{path.format(run)}"' in page
    assert "2 of them are still unassigned" in page


def test_a_manager_whose_capacity_is_used_up_has_a_full_list():
    assert BranchRow("M1", listed=3, capacity=3).load == "full"
    assert BranchRow("M1", listed=2, capacity=3).load == "room"
    assert BranchRow("M1", listed=2).load == "unknown"


def test_another_branch_is_as_unknown_as_one_that_does_not_exist(signed_in):
    client = signed_in("branch_head", branch_id="B1")
    foreign, unknown = client.get("/branches/B2"), client.get("/branches/none")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.text == unknown.text
    assert signed_in("admin").get("/branches/B2").status_code == 200


def test_the_overview_holds_the_branches_within_reach(signed_in):
    """B1: 9.2 + 1.7 + 0.9 millions at risk, two managers, two customers without one."""
    page = signed_in("admin").get("/branches")
    linked = re.findall(r'href="/branches/(\w+)\?', page.text)
    assert linked == ["B1", "B2"]
    row = re.search(r'<tr>\s*<th scope="row"><a href="/branches/B1.*?</tr>', page.text, re.DOTALL)[0]
    assert re.findall(r">([\d,]+%?)<", row) == ["11,800,000", "11", "8", "45%", "2", "2"]
    assert re.findall(
        r'href="/branches/(\w+)\?', signed_in("branch_head", branch_id="B2").get("/branches").text
    ) == ["B2"]


def test_a_run_without_figures_says_so(signed_in):
    client = signed_in("branch_head", branch_id="B1")
    page = client.get("/branches/B1?run=2026-10-19-run3")
    assert page.status_code == 200
    assert "published without figures of branches" in page.text


def test_in_chinese(signed_in):
    page = signed_in("branch_head", branch_id="B1").get("/branches/B1", headers={"Accept-Language": "zh"})
    for text in ("支行 B1", "维护覆盖率", "未分配客户经理", "1,180万", "离任经理的客户"):
        assert text in page.text, text
