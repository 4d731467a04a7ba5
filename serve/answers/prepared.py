"""Answers made when a run is published, for the question that is asked most: a customer's risk, nothing beside it.

Who asks (serve/http/fast_path.py) then takes one row and no objects. What comes before every answer, the warning
among it, is not in it. Compressed with an answer that holds no figures as the dictionary (RFC 1950, FDICT), one
takes a fifth of its bytes.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from pydantic_core import to_json

from configs import published, reason_groups
from configs.published import LANGUAGES, Language, PreparedAnswer, Reason, Run, Score
from serve.answers import customers, source
from serve.answers.source import View
from serve.texts import catalogue as texts
from serve.texts import score_change as moved

_RUN = Run("", "", date(2026, 1, 5), "", "CNY", 90, 0, MappingProxyType({}), MappingProxyType({}))
_REASONS = tuple(Reason(group, "", None, 0.0, "", "") for group in reason_groups.GROUPS)
_SCORE = Score("", "", "", "affluent", "mature", False, 0, 0, "low", _REASONS, 0.0, 0.0, 0.0, 0.0)


def prepared_answers(run: Run, scores: Iterable[Score]) -> Iterator[PreparedAnswer]:
    """One per scored customer."""
    for score in scores:
        content = {language: _packed(language, _rest(View(run, language), score)) for language in LANGUAGES}
        yield PreparedAnswer(score.customer_id, score.branch_id, score.manager_id, FORM, **content)


def answer(view: View, content: bytes) -> bytes:
    """The whole answer, from a row's content in the language of the view."""
    unpacking = zlib.decompressobj(zdict=_EMPTY[view.language])
    return to_json(view.source)[:-1] + b"," + unpacking.decompress(content)


def _rest(view: View, score: Score) -> bytes:
    """The bytes of an answer that follow what every answer says of itself."""
    fields = customers.customer_fields(view, score)
    return to_json({name: one for name, one in fields.items() if name not in view.source})[1:]


def _packed(language: Language, rest: bytes) -> bytes:
    packing = zlib.compressobj(1, zdict=_EMPTY[language])
    return packing.compress(rest) + packing.flush()


_EMPTY: Mapping[Language, bytes] = {language: _rest(View(_RUN, language), _SCORE) for language in LANGUAGES}


def _form() -> str:
    """Of the sources that shape an answer: what another release has prepared is not taken for this one's."""
    shaping = (published.__file__, reason_groups.__file__, moved.__file__, source.__file__)
    read = (
        Path(one).read_bytes()
        for one in (*map(str, texts.FILES.values()), *shaping, customers.__file__, __file__)
    )
    return sha256(b"".join(read)).hexdigest()[:8]


FORM = _form()
