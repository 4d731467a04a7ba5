"""Both languages say the same things, with the same figures in them."""

import re

from configs.published import EXCLUSION_CODES
from serve.texts.catalogue import OUTCOMES, TEXTS


def test_both_languages_have_the_same_keys_and_figures():
    figures = {
        language: {key: sorted(re.findall(r"{(\w+)", text)) for key, text in texts.items()}
        for language, texts in TEXTS.items()
    }
    assert figures["en"] == figures["zh"]


def test_every_code_and_outcome_has_words():
    for texts in TEXTS.values():
        assert {f"excluded.{code}" for code in EXCLUSION_CODES} <= set(texts)
        assert {f"outcome.{one}" for one in OUTCOMES} <= set(texts)


def test_the_choice_of_outcomes_fits_into_excels_limit():
    for texts in TEXTS.values():
        assert len(",".join(texts[f"outcome.{one}"] for one in OUTCOMES).encode("utf-16-le")) // 2 <= 255
        assert not any("," in texts[f"outcome.{one}"] for one in OUTCOMES if texts["font"] != "Calibri")
