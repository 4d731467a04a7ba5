"""A prepared answer is the answer: byte for byte, in each language, with whatever warning comes later."""

from dataclasses import replace
from datetime import date
from hashlib import sha256
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from configs.call_lists import CallList
from configs.codes import DECISIONS
from configs.published import Change, Decision, Reason, Run, Score
from serve.api import prepared
from serve.api.customers import customer_fields
from serve.api.prepared import FORM, answer, prepared_answers
from serve.http.responses import ResponseContext

RUN = Run("run-1", "demo", date(2026, 11, 16), "model-1", "CNY", 90, 1, MappingProxyType({}),
          MappingProxyType({"compared_with": "2026-11-09"}))  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
REASON = st.builds(Reason, TEXT, TEXT, st.none() | NUMBER, NUMBER, TEXT, TEXT)
RISK = st.none() | st.floats(0, 1)
SCORE = st.builds(
    Score,
    *(TEXT, st.none() | TEXT, st.none() | TEXT, TEXT, TEXT, st.booleans()),
    *(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63 - 1), TEXT),
    st.lists(REASON, max_size=3).map(tuple),
    *(RISK, RISK, st.floats(0, 1), st.none() | st.floats(-1, 1)),
    st.lists(st.builds(Change, TEXT, NUMBER, TEXT, TEXT), max_size=2).map(tuple),
)
CODE = st.sampled_from([(code, why) for code, reasons in DECISIONS.items() for why in reasons])
DECISION = st.builds(
    lambda code, *rest: Decision("", None, None, *code, *rest),
    CODE,
    st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(1, 2**31 - 1),
    st.none() | st.dates(),
    st.none() | st.dates(),
    *(st.none() | TEXT, st.none() | TEXT),
)


@pytest.mark.parametrize("language", ["en", "zh"])
@given(score=SCORE, decided=DECISION, warning=st.none() | TEXT)
def test_any_score_is_answered_by_its_fields(language, score, decided, warning):
    context = ResponseContext(RUN, language, warning)
    decision = replace(decided, customer_id=score.customer_id)
    (row,) = prepared_answers(RUN, [score], [CallList(None, None, (), 1, 0, 0, (decision,))])
    assert answer(context, getattr(row, language)) == to_json(customer_fields(context, score, decision))


def test_a_prepared_answer_takes_a_third_of_its_bytes(scores, lists):
    (row,) = prepared_answers(RUN, scores[:1], lists)
    decision = next(one for one in lists[0].decisions if one.customer_id == scores[0].customer_id)
    whole = to_json(customer_fields(ResponseContext(RUN), scores[0], decision))
    assert len(row.en) < len(whole) / 3


def test_other_bytes_have_another_form(make_score):
    """Where this fails, raise FORM and record the new digest: older answers are then not read as today's."""
    score = make_score("c1", risk_change=0.118, changes=(Change("outflow", 0.8, "money moves", "资金转出"),))
    steps = date(2026, 12, 7), None, "call", "致电"
    codes = {(code, why) for code, reasons in DECISIONS.items() for why in reasons} | {
        ("listed", "follow_up")
    }
    decisions = [Decision("c1", "B1", "M1", *code, 123_45, 1, *steps) for code in sorted(codes)]
    bodies = [
        to_json(customer_fields(ResponseContext(RUN, language), score, decision)) + prepared._EMPTY[language]
        for language in ("en", "zh")
        for decision in decisions
    ]
    assert (FORM, sha256(b"".join(bodies)).hexdigest()[:16]) == ("8", "49095b9d5cf53b83")
