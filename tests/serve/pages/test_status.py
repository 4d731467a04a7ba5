"""The page of the weekly run for operators: what stands on it, for whom, and without a published run."""

import re

import pytest

from serve.store.store import Store
from tests.serve.pages import published_bank


def plain(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.fixture
def page(signed_in):
    answer = signed_in("admin").get("/status")
    assert answer.status_code == 200
    return answer.text


def test_open_alarms_say_what_to_do_and_who_has_taken_them_up(page):
    text = plain(page)
    assert "Open alarms 1 and 1 acknowledged" in text
    assert "Machine step lists, Monday 16 Nov 2026" in text
    assert "What to do: Make room on the disk." in text
    assert (
        "Raised 16 Nov 2026 06:00 UTC. Last sent 16 Nov 2026 06:08 UTC. make acknowledge ALARM=3f2a91c0"
        in text
    )
    assert "Acknowledged by Li Na, 16 Nov 2026 09:00 UTC: a new app" in text
    assert "Deliver it." not in text


def test_sources_gates_steps_and_commands(page):
    text = plain(page)
    assert "digital events 25 Oct 2026 22" in text
    assert (
        "38 of 40 passed. Gate Verdict What to do AUM overridden check for balances in another unit" in text
    )
    assert "age of digital events declared late deliver what is missing and run the week again" in text
    assert "Declared late: digital events (moved to the new system)." in text
    assert "ingest 41.2" in text
    assert "lists failed 3.1" in text
    assert "Last weekly run exit code 5 16 Nov 2026 06:00" in text
    assert "weekly 16 Nov 2026 16 Nov 2026 07:00 UTC – not finished" in text
    assert "weekly 16 Nov 2026 16 Nov 2026 06:00 UTC 431 exit code 5" in text


def test_in_chinese(client, signed_in):
    client.headers["Accept-Language"] = "zh"
    text = plain(signed_in("admin").get("/status").text)
    assert "机器故障 步骤 lists，2026年11月16日（周一）" in text
    assert "数字渠道行为 2026年10月25日 22" in text
    assert "处理方法： 清理磁盘、补足缺少的权限或检修磁盘，然后重新运行该周。" in text
    assert "管理资产 人工放行 检查余额单位、缺失的持仓或错误的汇率" in text
    assert "数字渠道行为的时效 已声明延迟 补送缺失数据后重新运行该周，或用" in text
    # What the run itself said of an alarm, and what a person wrote, stay as they were written.
    for words in ("Deliver", "Make room", "passed", "overridden", "declared late", "look for"):
        assert words not in text


def test_no_customer_and_no_markup_of_others_stands_on_it(page):
    assert not any(number in page for number in published_bank.OF)
    assert published_bank.EVIL not in page


@pytest.mark.parametrize("role", ["manager", "branch_head", "analyst", "crm"])
def test_it_is_for_operators(signed_in, role):
    claims = {"manager": {"manager_id": "M1"}, "branch_head": {"branch_id": "B1"}}.get(role, {})
    assert signed_in(role, **claims).get("/status").status_code == 403


def test_before_the_first_run_it_says_so(service, signed_in, tmp_path):
    (tmp_path / "store.db").unlink()
    assert signed_in("admin").get("/status").status_code == 503
    with Store(service.store) as store, store.write():
        pass
    text = plain(signed_in("admin").get("/status").text)
    assert "No run has been published yet." in text
    assert "No open alarms." in text
    assert text.count("Nothing recorded yet.") == 4
