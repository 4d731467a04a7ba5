"""A cursor holds in one place alone, and one changed bit is noticed."""

import random

from serve.http.cursors import Cursors, Position

AT = Position("2026-11-16-3fa94c1b", 12, 40)


def test_there_and_back_in_one_place():
    cursors = Cursors(b"k" * 32)
    text = cursors.text(AT, "manager_list M1")
    assert cursors.position(text, "manager_list M1") == AT
    assert cursors.position(text, "manager_list M2") is None
    assert Cursors(b"j" * 32).position(text, "manager_list M1") is None
    assert AT.run_id not in text


def test_none_of_a_thousand_changed_cursors_is_read():
    cursors, chance = Cursors(b"k" * 32), random.Random(5)
    text = cursors.text(AT, "p")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    for _ in range(1_000):
        at = chance.randrange(len(text) - 1)  # the last letter holds bits that no byte needs
        other = chance.choice([one for one in alphabet if one != text[at]])
        assert cursors.position(text[:at] + other + text[at + 1 :], "p") is None
    assert cursors.position("客户", "p") is cursors.position("", "p") is None
