"""A prepared answer is the answer: byte for byte, in each language, with whatever warning comes later."""

from datetime import date
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from configs.published import Change, Reason, Run, Score
from serve.answers.customers import customer_fields
from serve.answers.prepared import answer, prepared_answers
from serve.answers.source import View

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
    *(RISK, RISK, RISK, st.none() | st.floats(-1, 1)),
    st.lists(st.builds(Change, TEXT, NUMBER, TEXT, TEXT), max_size=2).map(tuple),
)


@pytest.mark.parametrize("language", ["en", "zh"])
@given(score=SCORE, warning=st.none() | TEXT)
def test_any_score_is_told_as_its_fields_are(language, score, warning):
    view = View(RUN, language, warning)
    (prepared,) = prepared_answers(RUN, [score])
    assert answer(view, getattr(prepared, language)) == to_json(customer_fields(view, score))


def test_a_prepared_answer_takes_a_third_of_its_bytes(scores):
    (prepared,) = prepared_answers(RUN, scores[:1])
    whole = to_json(customer_fields(View(RUN), scores[0]))
    assert len(prepared.en) < len(whole) / 3
