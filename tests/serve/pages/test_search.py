"""The search of a customer by number."""

from urllib.parse import quote

import pytest

from tests.serve.pages.published_bank import EVIL_NUMBER, EXCLUDED

FIRST = "6217000000000000101"


def found(client, number):
    answer = client.get(f"/customers?number={quote(number)}")
    return answer.headers.get("location", answer.status_code)


@pytest.mark.parametrize(
    "typed",
    [
        FIRST, f"  {FIRST}\t", "6217 0000 0000 0000 101", "6217-0000-0000-0000-101", f"'{FIRST}",
        "6217\u00a00000\u20110000\u20140000\u2212101", "".join(chr(ord(digit) + 0xFEE0) for digit in FIRST),
    ],
)  # fmt: skip
def test_a_number_is_found_as_people_and_excel_write_it(manager, typed):
    assert found(manager, typed) == f"/customers/{FIRST}"


def test_a_number_that_is_markup_is_found_and_shown_as_text(manager):
    assert found(manager, EVIL_NUMBER) == f"/customers/{quote(EVIL_NUMBER, safe='')}"
    page = manager.get("/customers?number=<script>alert(3)</script>")
    assert (page.status_code, "<script" in page.text) == (404, False)


def test_a_foreign_number_and_an_unknown_one_are_answered_alike_and_each_is_in_the_audit(
    manager, access_entries
):
    foreign, unknown = "6217000000000000201", "6217000000000000999"
    pages = [manager.get(f"/customers?number={number}") for number in (foreign, unknown)]
    assert [page.status_code for page in pages] == [404, 404]
    assert pages[0].text.replace(foreign, "") == pages[1].text.replace(unknown, "")
    assert "No customer with this number among yours" in pages[0].text
    # Half a number, one more digit, and none at all find nobody either.
    assert [found(manager, text) for text in (FIRST[:-1], FIRST + "0", "", " ", EXCLUDED)] == [404] * 5
    found(manager, FIRST)
    reads = [
        (entry.subject, entry.details["status"])
        for entry in access_entries()
        if entry.action == "read customer"
    ]
    assert reads[:2] == [(foreign, 404), (unknown, 404)]
    assert reads[-1] == (FIRST, 303)


def test_who_may_not_see_customers_has_no_search(signed_in):
    assert 'name="number"' not in signed_in("analyst").get("/model").text
    assert signed_in("analyst").get(f"/customers?number={FIRST}").status_code == 403
    assert found(signed_in("admin"), EXCLUDED) == f"/customers/{EXCLUDED}"
