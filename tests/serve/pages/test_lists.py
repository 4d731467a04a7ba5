"""A manager's list as a page, and a branch's own."""

import re
from dataclasses import asdict, replace
from types import MappingProxyType
from urllib.parse import unquote

import pytest
from sqlalchemy import event

from serve.store.store import Store, keep_figures
from serve.workbooks.excel import write_lists
from tests.serve.pages import published_bank
from tests.serve.pages.published_bank import EVIL, EVIL_NUMBER

LISTED = [number for number, (_, manager) in published_bank.OF.items() if manager == "M1"]
DONE = LISTED[1:2] + LISTED[3:4]
TO_DO = [number for number in LISTED if number not in DONE]
RUN = published_bank.run(7).run_id


def shown(page):
    """The customers of a page in its order, as the links of its rows name them."""
    return [unquote(number) for number in re.findall(r'href="/customers/([^?"]+)\?run=[^"]*">', page.text)]


def tile(page, name):
    """What a tile leads to, and what it says."""
    found = re.search(
        rf'<dt>{name}</dt><dd><a href="[^"]*?run=[^&"]*(?:&amp;)?([^"]*)"[^>]*><b>([^<]*)', page
    )
    return found[1], found[2]


def test_a_list_shows_its_customers_by_rank_with_everything_a_row_says(manager):
    page = manager.get("/lists/M1")
    assert page.status_code == 200
    assert shown(page) == TO_DO + DONE  # the most money first: customers lie in that order
    row = re.search(r'<tr id="c-1".*?</tr>', page.text, re.DOTALL)[0]
    first = published_bank.score(0, LISTED[0], 7)
    for text in (
        "4,800,000",  # AUM
        "68%",  # 0.06 + 0.62
        "High",
        f"{first.money_at_risk_minor // 100:,}",
        "Moved 480,000 CNY to other banks",
        "up 12 points since last week",
        "4 Dec 2026",
        "900,000",
        "Discuss renewal",
        "Phone",
        "1,214 outcomes",
        "Record outcome",
    ):  # fmt: skip
        assert text in row, text


def test_a_row_with_an_outcome_says_so_and_the_figures_count_it(manager):
    page = manager.get("/lists/M1").text
    row = re.search(r'<tr id="c-2".*?</tr>', page, re.DOTALL)[0]
    assert "Will stay" in row
    assert "Record outcome" not in row
    assert tile(page, "To call") == ("state=to_do", "5")  # seven listed, of two an outcome is known
    assert tile(page, "Done") == ("state=done", "2")


def test_in_chinese(manager):
    page = manager.get("/lists/M1", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert '<html lang="zh-CN">' in page
    for text in (
        "本周联系名单",
        "近 4 周转往他行 480,000 元",
        "较上周上升12个百分点",
        "到期前沟通续接",
        "1,214例结果",
        "愿意留下",
    ):
        assert text in page, text


def test_names_that_are_markup_stay_text(signed_in):
    """One customer's number and one manager's name are scripts."""
    page = signed_in("crm").get("/lists/M1")
    assert EVIL_NUMBER not in page.text
    assert "&#34;&gt;&lt;script&gt;alert(2)" in page.text
    assert "<script" not in page.text
    other = signed_in("crm").get("/lists/M2")
    assert EVIL not in other.text
    assert "&lt;script&gt;alert(1)" in other.text


def test_a_branchs_own_list(signed_in):
    client = signed_in("branch_head", branch_id="B1")
    page = client.get("/branches/B1/list")
    assert shown(page) == ["6217000000000000901", "6217000000000000902"]
    assert client.get("/branches/B2/list").status_code == 404
    assert signed_in("manager", manager_id="M1").get("/branches/B1/list").status_code == 403


def test_a_sequence_of_pages_stays_with_its_run(manager, store_url, settings, monkeypatch):
    """Three rows a page: the second page is of the first one's run, although another is served by then."""
    monkeypatch.setattr("serve.pages.lists.ROWS", 3)
    first = manager.get("/lists/M1")
    following = re.search(r'href="(/lists/M1\?run=[^"]*&amp;after=3)"', first.text)[1].replace("&amp;", "&")
    assert (sorted(shown(first)), f"run={RUN}" in following) == (LISTED[:3], True)
    scores = tuple(published_bank.score(place, number, 7) for place, number in enumerate(published_bank.OF))
    upside_down = tuple(
        replace(score, money_at_risk_minor=1000 * (1 + place)) for place, score in enumerate(scores)
    )
    with Store(store_url) as store:
        lists = published_bank.lists(upside_down, settings.lists, published_bank.MONDAY)
        store.publish(
            published_bank.run(7, run_id="later", excluded=MappingProxyType({})), upside_down, (), lists
        )
    second = manager.get(following)
    assert sorted(shown(second)) == LISTED[3:6]
    assert "A newer run is available" in second.text
    assert shown(manager.get("/lists/M1")) == LISTED[::-1][:3]
    assert manager.get("/lists/M1?run=never").status_code == 404


def test_a_list_takes_a_few_statements_however_long(manager, client):
    """Seven rows: a statement each for what is chosen, figures, scores, profiles, outcomes, who is new …"""
    statements = []
    engine = client.app.state.store.engine
    manager.get("/lists/M1")  # the first answer looks for the access log, too
    event.listen(engine, "before_cursor_execute", lambda *event: statements.append(event[2]))
    client.get("/healthz")
    assert manager.get("/lists/M1").status_code == 200
    of_answers = [sql for sql in statements if sql.startswith("SELECT") and "audit.action" not in sql]
    assert len(of_answers) <= 20


@pytest.mark.parametrize("after", ["-1", "x", "1e9", "99999999"])
def test_an_odd_cursor_is_refused(manager, after):
    assert manager.get(f"/lists/M1?after={after}").status_code == 422


def test_the_downloaded_workbook_has_the_bytes_of_the_weekly_runs(
    manager, signed_in, client, settings, tmp_path, access_entries
):
    store, terms = client.app.state.store, settings.list_terms
    assert manager.get("/lists/M1/workbook").status_code == 404  # published without the bank's terms
    assert "workbook" not in manager.get("/lists/M1").text
    with store.write() as connection:
        keep_figures(connection, RUN, "terms", asdict(terms))
    for language in ("zh", "en"):
        with store.at_run() as session:
            scores = session.page()
            lists = published_bank.lists(scores, settings.lists, published_bank.MONDAY)
            written = write_lists(tmp_path / language, session, lists, replace(terms, language=language))
        answer = manager.get("/lists/M1/workbook", headers={"Accept-Language": language})
        assert answer.content == next(path for path in written if path.name == "manager_M1.xlsx").read_bytes()
        assert answer.headers["content-disposition"].endswith("manager_M1.xlsx")
    page = manager.get("/lists/M1").text
    assert f'href="/lists/M1/workbook?run={RUN}"' in page
    assert "at least 50% of" in page  # what the risk is a risk of
    assert manager.get("/lists/M2/workbook").status_code == 404
    assert manager.get("/branches/B1/list/workbook").status_code == 403
    own = signed_in("branch_head", branch_id="B1").get("/branches/B1/list/workbook")
    assert (own.status_code, own.headers["content-type"].split(".")[-1]) == (200, "sheet")
    reads = [
        (entry.subject, entry.details["status"]) for entry in access_entries() if entry.actor != "service"
    ]
    assert ("M1", 200) in reads
    assert ("M2", 404) in reads
    assert reads[-1] == ("B1", 200)


def test_a_choice_is_in_the_address_and_survives_a_change_of_language(manager):
    chosen = "/lists/M1?band=high&reason=outflow&state=to_do&sort=aum"
    page = manager.get(chosen).text
    assert [name in page for name in ('value="high" selected', 'value="aum" selected')] == [True, True]
    assert f'name="back" value="{chosen.replace("&", "&amp;")}"' in page
    answer = manager.post("/language", data={"language": "zh", "back": chosen})
    assert (answer.status_code, answer.headers["location"]) == (303, chosen)
    assert shown(manager.get(chosen)) == shown(manager.get("/lists/M1?reason=outflow&state=to_do"))
    assert shown(manager.get("/lists/M1?state=done")) == DONE
    for odd in ("band=none", "sort=name", "show=everybody", "state=open"):
        assert manager.get(f"/lists/M1?{odd}").status_code == 422
