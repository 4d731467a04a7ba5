"""Answers made when a run is published, for the question that is asked most: a customer's risk, nothing
beside it.

Who asks (serve/api/customer_risk.py) then takes one row and no objects. What comes before every answer, the
warning among it, is not in it. Compressed with an answer that holds no figures as the dictionary (RFC 1950,
FDICT), one takes a fifth of its bytes.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from types import MappingProxyType

from pydantic_core import to_json

from configs.call_lists import CallList
from configs.published import LANGUAGES, Decision, Language, PreparedAnswer, Reason, Run, Score
from configs.reason_groups import GROUPS
from serve.api.customers import customer_fields
from serve.http.responses import ResponseContext

# Raised whenever an answer's bytes change, its texts among them: what another release prepared is not read.
FORM = "8"
_RUN = Run("", "", date(2026, 1, 5), "", "CNY", 90, 0, MappingProxyType({}), MappingProxyType({}))
_REASONS = tuple(Reason(group, "", None, 0.0, "", "") for group in GROUPS)
_SCORE = Score("", "", "", "affluent", "mature", False, 0, 0, "low", _REASONS, 0.0, 0.0, 0.0, 0.0)
_DECISION = Decision("", None, None, "beyond_capacity", "less_to_keep", 0)


def prepared_answers(
    run: Run, scores: Iterable[Score], lists: Iterable[CallList]
) -> Iterator[PreparedAnswer]:
    """One per scored customer, each of whom has a decision of the lists."""
    decisions = {decision.customer_id: decision for call_list in lists for decision in call_list.decisions}
    contexts = [ResponseContext(run, language) for language in LANGUAGES]
    for score in scores:
        decision = decisions[score.customer_id]
        content = {
            context.language: _packed(context.language, _rest(context, score, decision))
            for context in contexts
        }
        yield PreparedAnswer(score.customer_id, score.branch_id, score.manager_id, FORM, **content)


def answer(context: ResponseContext, content: bytes) -> bytes:
    """The whole answer, from a row's content in the language of the context."""
    unpacking = zlib.decompressobj(zdict=_EMPTY[context.language])
    return to_json(context.source)[:-1] + b"," + unpacking.decompress(content)


def _rest(context: ResponseContext, score: Score, decision: Decision) -> bytes:
    """The bytes of an answer that follow what every answer says of itself, which comes first."""
    return to_json(customer_fields(context, score, decision))[len(to_json(context.source)) :]


def _packed(language: Language, rest: bytes) -> bytes:
    packing = zlib.compressobj(1, zdict=_EMPTY[language])
    return packing.compress(rest) + packing.flush()


_EMPTY: Mapping[Language, bytes] = {
    language: _rest(ResponseContext(_RUN, language), _SCORE, _DECISION) for language in LANGUAGES
}
