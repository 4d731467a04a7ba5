"""A campaign in the words of its readers: whom it is for, and what it achieved."""

from collections.abc import Mapping
from typing import Any

from configs.call_lists import ListTerms
from configs.campaigns import AudienceRule, Plan
from configs.published import Run
from serve.texts.service import segment_in_words, tier_in_words
from serve.texts.wording import Wording


def rule_in_words(
    rule: AudienceRule, run: Run, terms: ListTerms | None, words: Wording
) -> list[tuple[str, str]]:
    """Each condition of a rule with its name; none for everybody. All of them must hold, any name of each."""

    def amount(bound: float | None) -> str:
        return words.amount(100 * bound, run.base_currency) if bound else ""

    named = {
        "segments": [segment_in_words(words, terms, name) for name in rule.segments],
        "tiers": [tier_in_words(words, terms, name) for name in rule.tiers],
        "stages": [words.term("stage", name) for name in rule.stages],
        "reasons": [words.group(name) for name in rule.reasons],
        "risk_bands": [words.term("band", name) for name in rule.risk_bands],
        "product_gaps": [words.term("class", name) for name in rule.product_gaps],
        "branches": list(rule.branches),
    }
    bounds = {
        "maturing_days": words("campaign.days", days=rule.maturing_days) if rule.maturing_days else "",
        "least_aum": amount(rule.least_aum),
        "least_money_at_risk": amount(rule.least_money_at_risk),
    }
    texts = {name: words("campaign.or").join(values) for name, values in named.items()} | bounds
    return [(words(f"campaign.rule.{name}"), text) for name, text in texts.items() if text]


def step_in_words(plan: Plan, words: Wording) -> str:
    """The next step of everybody on its list, for example "Phone call: Term deposits roll over"."""
    return words("campaign.step", channel=words.term("channel", plan.channel), title=plan.title)


def effect_in_words(effect: Mapping[str, Any], words: Wording) -> str:
    """The state of an effect, for example "Too early to tell."; one that is shown helps or harms."""
    shown = effect["state"] == "shown"
    harms = shown and effect["customers"]["difference"][0] < 0
    return words(f"campaign.effect.{'harms' if harms else effect['state']}")
