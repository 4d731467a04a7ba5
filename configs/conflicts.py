"""Settings that are right one by one and cannot work together: each a sentence with what to change."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from configs.dates import WEEK
from configs.errors import did_you_mean
from configs.settings import Settings
from configs.tables import CONTACT_CHANNELS, TABLES

# What looks at balances, and so at nothing where a bank counts customers.
OF_MONEY = (
    "tiers", "tier_rule", "cohort.min_aum", "cohort.max_aum", "label.min_drop", "label.dormant_floor",
    "label.base_weeks", "label.settle_days", "training.severity", "profit.call_cost", "profit.margin",
    "gates.max_aum_change", "gates.max_unexplained", "segments.medium_value", "segments.high_value",
    "products.offerable", "products.least_share", "win_back",
)  # fmt: skip
DEEPEST = 8  # different columns on one path of a tree; 2^8 cases a leaf in models/tree_paths.py


def conflicts(settings: Settings) -> Iterator[str]:
    """A sentence per conflict: both settings, their values, why, and what to change."""
    yield from _history(settings)
    yield from _tiers(settings)
    yield from _label(settings)
    yield from _trees(settings)
    yield from _words(settings)
    yield from _service(settings)
    yield from _win_back(settings)
    for currency in settings.fixed_rates:
        if not re.fullmatch(r"[A-Z]{3}", currency) or currency == settings.base_currency:
            yield (
                f"fixed_rates: {currency!r} is no foreign currency. Name one by its three letters (ISO 4217);"
                f" the base currency {settings.base_currency} needs no rate"
            )


def settings_of_money(settings: Settings, chosen: Mapping[str, Any]) -> Iterator[str]:
    """A sentence per setting among those that the bank ``chosen`` itself that could do nothing.

    There is none where the bank counts money.
    """
    if settings.counts == "money":
        return
    label, promotion = settings.label, settings.promotion
    if label.definition in ("aum_drop", "tier_downgrade", "closure", "dormancy"):
        yield (
            f"label.definition = {label.definition!r} looks at balances, and with counts = 'customers' there "
            "are none. Leave it out, which is 'silence', or deliver holdings and set counts = 'money'"
        )
    if promotion.decides == "aum_caught":
        yield (
            "promotion.decides = 'aum_caught' compares money, and with counts = 'customers' there is none. "
            "Leave it out, which is 'recall'"
        )
    for rule in settings.next_steps.bank_rules:
        if rule.maturing_days or (rule.reasons and not set(rule.reasons) - {"balance", "rollover"}):
            yield (
                f"next_steps: the rule {rule.en!r} asks for balances, and with counts = 'customers' there "
                "are none, so that it fits nobody. Leave it out"
            )
    for segment in settings.segments.rules:
        if segment.values and "low" not in segment.values:
            yield (
                f"segments: the rule {segment.name!r} asks for value, and with counts = 'customers' there is "
                "none, so that it fits nobody. Leave it out"
            )
    if len(settings.lists.channels) > 1:
        yield (
            "lists.channels: which of several is best is a question of money, and with counts = 'customers' "
            "there is none. Leave one"
        )
    for name in OF_MONEY:
        table, _, key = name.partition(".")
        inner = chosen.get(table, {})
        if table in chosen and (not key or (isinstance(inner, Mapping) and key in inner)):
            yield (
                f"{name} is about balances, and with counts = 'customers' there are none. Leave it out, or "
                "deliver holdings and set counts = 'money'"
            )


def _trees(settings: Settings) -> Iterator[str]:
    training = settings.training
    depth = training.lightgbm.get("max_depth")
    if not isinstance(depth, int) or not 1 <= depth <= DEEPEST:
        yield (
            f"training.lightgbm.max_depth = {depth}: reasons are worked out for trees of depth 1 to "
            f"{DEEPEST}. Set one of them"
        )
    for name, parameters in (("lightgbm", training.lightgbm), ("severity", training.severity)):
        rate = parameters.get("learning_rate", 0.1)
        if not isinstance(rate, int | float) or not 0.0001 <= rate <= 1:
            yield (
                f"training.{name}.learning_rate = {rate}: below 0.0001 a tree adds nothing, and above 1 more "
                "than it found. Set a number between"
            )


def _win_back(settings: Settings) -> Iterator[str]:
    terms = settings.win_back
    if terms.until_weeks <= max(terms.quiet_weeks, terms.lasting_weeks):
        yield (
            f"win_back.until_weeks = {terms.until_weeks} is not above quiet_weeks = {terms.quiet_weeks} and "
            f"lasting_weeks = {terms.lasting_weeks}: nobody could ever be asked to come back. Raise it"
        )


def _words(settings: Settings) -> Iterator[str]:
    names = {
        f"{table.name}.{column.name}" for table in TABLES.values() for column in table.columns if column.known
    }
    for name in sorted(set(settings.words) - names):
        yield f"words: {name!r} holds no words of a bank's own. {did_you_mean(name, names).rstrip('.')}"


def _service(settings: Settings) -> Iterator[str]:
    """What is for an unknown segment, tier or channel; standards that miss somebody, or are never tried."""
    words = (*CONTACT_CHANNELS, *settings.words.get("contacts.channel", ()), *settings.lists.talked)
    known = {
        "segment": settings.segments.names,
        "tier": [tier.name for tier in settings.tiers],
        "channel": list(dict.fromkeys(words)),
    }
    steps = settings.next_steps.bank_rules + settings.next_steps.rules
    named = [("next_steps: a next step", "tier", step.tiers) for step in steps]
    named += [("next_steps: a next step", "segment", step.segments) for step in steps]
    for channel in settings.lists.channels:
        what = f"lists.channels: {channel.name!r}"
        named += [(what, "tier", channel.tiers), (what, "segment", channel.segments)]
    for standard in settings.service_standards:
        chosen = {"segment": standard.segments, "tier": standard.tiers, "channel": standard.channels}
        named += [("service_standards: a standard", kind, names) for kind, names in chosen.items()]
    for what, kind, names in named:
        for name in names:
            if name not in known[kind]:
                hint = did_you_mean(name, known[kind]).rstrip(".")
                yield f"{what} is for the unknown {kind} {name!r}. {hint}"
    *before, last = settings.service_standards
    if not last.fits_everybody:
        yield (
            "service_standards: the last standard must fit everybody, or nothing is due to the others. Add "
            "one with days alone"
        )
    for place, standard in enumerate(before, start=1):
        if standard.fits_everybody:
            yield (
                f"service_standards: number {place}, of {standard.days} days, fits everybody, so that none "
                "after it is reached. Name segments or tiers in it, or make it the last"
            )


def _history(settings: Settings) -> Iterator[str]:
    label, first = settings.label, settings.training.first_after_weeks
    if first < label.base_weeks:
        yield (
            f"training.first_after_weeks = {first} is below label.base_weeks = {label.base_weeks}: before so "
            "many weeks of history no customer has an average AUM, so that nobody is eligible. Raise "
            f"first_after_weeks to {label.base_weeks}, or lower base_weeks"
        )
    if settings.store.keep_weeks < label.weeks_to_close:
        yield (
            f"store.keep_weeks = {settings.store.keep_weeks} is below the {label.weeks_to_close} weeks after "
            f"which an outcome is known (label.lead_days = {label.lead_days}, label.horizon_days = "
            f"{label.horizon_days}): predictions would be deleted before they are compared with it. Raise "
            f"keep_weeks to {label.weeks_to_close}, or shorten the outcome window"
        )


def _tiers(settings: Settings) -> Iterator[str]:
    for lower, higher in pairwise(settings.tiers):
        if lower.min_aum >= higher.min_aum:
            yield (
                f"tiers: {higher.name!r} begins at min_aum = {higher.min_aum:,.2f}, not above "
                f"{lower.min_aum:,.2f} of {lower.name!r} before it. List the tiers from the lowest bound to "
                "the highest, each bound once"
            )
    names = [tier.name for tier in settings.tiers]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"tiers: {names.count(name)} tiers are named {name!r}. Give each a name of its own"


def _label(settings: Settings) -> Iterator[str]:
    label, cohort = settings.label, settings.cohort
    if label.definition == "delivered" and label.lead_days != WEEK.days:
        yield (
            f"label.lead_days = {label.lead_days}: a delivered label counts from its day, up to six days "
            f"after its Monday. Leave lead_days at {WEEK.days}, and give all its days as horizon_days"
        )
    if settings.counts == "money" and label.settle_days > label.horizon_days:
        yield (
            f"label.settle_days = {label.settle_days} is above label.horizon_days = {label.horizon_days}: no "
            f"money can stay away so long within the window. Lower it to {label.horizon_days} or less"
        )
    second = settings.tiers[1].min_aum if len(settings.tiers) > 1 else None
    if label.definition == "tier_downgrade" and (second is None or cohort.max_aum <= second):
        yield (
            f"label.definition = 'tier_downgrade' finds nobody: the whole cohort, up to cohort.max_aum = "
            f"{cohort.max_aum:,.2f}, lies in the lowest tier, {settings.tiers[0].name!r}. Add [[tiers]] with "
            "a bound inside the cohort, or choose another definition"
        )
    if label.definition == "dormancy" and not label.dormant_floor:
        yield (
            "label.dormant_floor = 0 finds nobody: no silent customer has less. Say below which AUM, in base "
            "currency, what is left is a remainder"
        )
    if label.definition == "dormancy" and label.dormant_floor >= cohort.max_aum:
        yield (
            f"label.dormant_floor = {label.dormant_floor:,.2f} is not below cohort.max_aum = "
            f"{cohort.max_aum:,.2f}: whatever a silent customer has would count as a remainder. Lower "
            "dormant_floor, for example to a tenth of cohort.min_aum"
        )
