"""A sealed text holds in one place and by one key alone; a pseudonym takes a number's place in answers."""

import json
import random
import secrets

import pytest

from serve.auth.seals import Sealer, mask

KEY = secrets.token_bytes(32)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@pytest.fixture
def sealer():
    return Sealer(KEY, b"test")


@pytest.mark.parametrize("content", ["c1", "0000123", "客户7", "x" * 32, "'; DROP", '["run-1", 12, 40]'])
def test_a_content_has_one_text_that_leads_back_from_its_place_and_by_its_key(sealer, content):
    text = sealer.seal(content, "manager_list M1")
    assert content not in text
    assert text == Sealer(KEY, b"test").seal(content, "manager_list M1")
    assert sealer.open(text, "manager_list M1") == content
    assert sealer.open(text, "manager_list M2") is sealer.open(text) is None
    for other in (Sealer(secrets.token_bytes(32), b"test"), Sealer(KEY, b"another purpose")):
        assert other.open(text, "manager_list M1") is None


def test_a_spreadsheet_takes_no_pseudonym_for_a_formula(sealer):
    assert all(sealer.seal(f"c{number}").isalnum() for number in range(200))


def test_none_of_a_thousand_changed_texts_is_opened(sealer):
    chance, text = random.Random(5), sealer.seal("c1")
    for _ in range(1_000):
        at = chance.randrange(len(text) - 1)  # the last letter holds bits that no byte needs
        other = chance.choice([letter for letter in ALPHABET if letter != text[at]])
        assert sealer.open(text[:at] + other + text[at + 1 :]) is None


def test_what_was_never_sealed_leads_nowhere(sealer):
    text = sealer.seal("c1")
    for wrong in ("c1", "", "A", "客户", text[:-4], text + "AAAA", "a b", "=" * 9, "0" * 64):
        assert sealer.open(wrong) is None


def test_fields_are_masked_however_deep_and_nothing_else_is(sealer):
    deep = [{"customer_id": "c2", "tier": "t"}]
    answer = {"customer_id": "c1", "name": "张伟", "aum": 1.5, "customers": deep}
    masked = json.loads(mask(json.dumps(answer).encode(), {"customer_id", "name", "aum"}, sealer))
    deep = [{"customer_id": sealer.seal("c2"), "tier": "t"}]
    assert masked == {"customer_id": sealer.seal("c1"), "name": "", "aum": None, "customers": deep}
