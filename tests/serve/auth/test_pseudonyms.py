"""A pseudonym is one customer's, leads back with the key alone, and takes the number's place in every
answer."""

import json
import secrets

import pytest

from serve.auth.pseudonyms import Pseudonyms

KEY = secrets.token_bytes(32)


@pytest.fixture
def pseudonyms():
    return Pseudonyms(KEY)


@pytest.mark.parametrize("number", ["c1", "0000123", "客户7", "x" * 32, "'; DROP"])
def test_a_number_has_one_pseudonym_and_comes_back(pseudonyms, number):
    assert number not in pseudonyms.of(number)
    assert (
        pseudonyms.of(number) == Pseudonyms(KEY).of(number) != Pseudonyms(secrets.token_bytes(32)).of(number)
    )
    assert pseudonyms.number(pseudonyms.of(number)) == number


def test_a_spreadsheet_takes_no_pseudonym_for_a_formula(pseudonyms):
    assert all(pseudonyms.of(f"c{number}").isalnum() for number in range(200))


def test_what_is_no_pseudonym_leads_nowhere(pseudonyms):
    good = pseudonyms.of("c1")
    foreign = Pseudonyms(secrets.token_bytes(32)).of("c1")
    changed = ["B" if good[0] == "A" else "A", *good[1:]]
    for wrong in ("c1", "", "A", "客户", good[:-4], good + "AAAA", "".join(changed), foreign, "a b", "=" * 9):
        assert pseudonyms.number(wrong) is None


def test_fields_are_masked_however_deep_and_nothing_else_is(pseudonyms):
    deep = [{"customer_id": "c2", "tier": "t"}]
    answer = {"customer_id": "c1", "name": "张伟", "aum": 1.5, "customers": deep}
    masked = json.loads(pseudonyms.mask(json.dumps(answer).encode(), {"customer_id", "name", "aum"}))
    deep = [{"customer_id": pseudonyms.of("c2"), "tier": "t"}]
    assert masked == {"customer_id": pseudonyms.of("c1"), "name": "", "aum": None, "customers": deep}
