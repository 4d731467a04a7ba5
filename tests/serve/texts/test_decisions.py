"""Each decision in a sentence of both languages: on the list, or why not and until when."""

from dataclasses import replace
from datetime import date

import pytest

from configs.codes import DECISIONS
from configs.published import LANGUAGES, Decision
from serve.texts.decisions import channel_in_words, decision_in_words, rests_on_in_words, until_of
from serve.texts.wording import TEXTS
from tests.serve.conftest import published_run

CODES = [(code, why) for code, reasons in DECISIONS.items() for why in reasons]


def a_decision(code: str, why: str) -> Decision:
    listed = code == "listed"
    return Decision("c1", "B1", "M1", code, why, 57_534_665, 3 if listed else None, date(2026, 12, 7))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("counts", [{}, {"counts": "customers"}])
def test_every_decision_has_a_sentence_of_its_own(make_run, language, counts):
    run = make_run(manifest=counts)
    sentences = {
        decision_in_words(run, a_decision(*code), language): code
        for code in [*CODES, ("listed", "follow_up")]
    }
    assert len(sentences) == len({*CODES, ("listed", "follow_up")})
    for sentence, (code, _) in sentences.items():
        assert sentence.startswith(("Listed, no. 3: ", "已列入名单，第3位：")) == (code == "listed")
        assert not set("{}_–") & set(sentence)
        assert ("7 Dec 2026" in sentence or "2026年12月7日" in sentence) == (
            code in ("cooled_down", "in_campaign", "held_out")
        )
        assert not counts or not any(word in sentence for word in ("keep", "CNY", "元", "挽留"))


def test_a_manager_reads_the_day_the_place_and_the_money(make_run):
    run = make_run()
    assert decision_in_words(run, a_decision("cooled_down", "contacted"), "en") == (
        "Not listed: contacted recently; may be called again from 7 Dec 2026."
    )
    assert decision_in_words(run, a_decision("listed", "most_to_keep"), "zh") == (
        "已列入名单，第3位：联系后预计可挽留57.5万元。"
    )


def test_a_code_of_another_release_is_shown_as_it_is(make_run):
    assert decision_in_words(make_run(), a_decision("asleep", "at_night"), "en") == "asleep.at_night"
    assert not any(key.startswith("decision.asleep") for key in TEXTS["en"])


def test_the_end_of_the_experiment_is_no_day_of_a_listed_customer():
    assert until_of(a_decision("listed", "stays")) is None
    assert until_of(a_decision("held_out", "drawn")) == date(2026, 12, 7)


def test_how_to_contact_and_what_it_rests_on(settings):
    """Of the control group nobody reads how it would be contacted."""
    visit = replace(a_decision("listed", "stays"), channel="visit", rests_on="stage 1214")
    terms = replace(settings.list_terms, made_by={"visit": "branch_head", "phone": "manager"})
    words = {
        language: (channel_in_words(terms, visit, language), rests_on_in_words(visit, language))
        for language in LANGUAGES
    }
    assert words == {
        "en": (
            "Visit, by the branch head",
            "Our own outcomes of 1,214 customers with this reason, risk and stage",
        ),
        "zh": ("面访（支行行长）", "本行1,214位原因、风险、阶段均相同客户的实际结果"),
    }
    assumed = replace(visit, channel="phone", rests_on="setting")
    assert channel_in_words(None, assumed, "zh") == channel_in_words(terms, assumed, "zh") == "电话"
    assert rests_on_in_words(assumed, "en") == "An assumption, not yet measured here"
    held_out = replace(a_decision("held_out", "drawn"), channel="visit", rests_on="setting")
    assert channel_in_words(terms, held_out, "en") == ""
    most = replace(visit, why="most_to_keep")
    assert decision_in_words(published_run(), most, "en").startswith("Listed, no. 3: a visit is expected to")
