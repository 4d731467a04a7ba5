"""The model card: what a model is for, what it rests on, what it is worth and who answers for it.

The parts are those that model-risk guidance asks for (SR 26-2 of the Federal Reserve, formerly SR 11-7):
facts come from the bundle and its figures, the rest is said by people in ``[card]`` of the bank's bank.toml.
"""

from collections.abc import Mapping
from typing import Any

from configs.settings import Settings
from configs.strict import MOST
from models.bundle import Bundle

Card = dict[str, tuple[str, ...]]  # the parts in order, each with its sentences; none where it is missing

# What to do where a part is missing.
_ASK = {
    "purpose": "say in [card] purpose what the model is for",
    "data": "run `make report`, which notes the data that the model was evaluated on",
    "label": "train again: the bundle does not say what counts as leaving",
    "assumptions": "say in [card] assumptions what has to hold",
    "limits": "say in [card] limits where the figures should not be trusted",
    "results": "run `make report`, which judges the model with intervals",
    "monitoring limits": "say in [card] monitoring at which figure who has to act",
    "owner": "say in [card] owner who answers for the model",
    "approver": "say in [card] approver who approves it",
}
# What each definition of attrition says, as docs/definitions.md does.
_LEFT = {
    "aum_drop": "at least {min_drop:.0%} of the average AUM of the {base_weeks} weeks before it is gone and "
    "has stayed away for {settle_days} days",
    "tier_downgrade": "AUM has been below the lower bound of the customer's tier for four weeks",
    "closure": "the record says closed, or no product but a loan has a balance",
    "dormancy": "the customer made no booking in the window and AUM is below {dormant_floor:,.0f}",
    "silence": "the customer made no booking in the window",
}
_MARKET = " Moves of the market and of exchange rates are no money gone."
_RESULTS = {
    "auroc": "AUROC {}",
    "average_precision": "average precision {}",
    "recall_at_10": "share of leavers in the first 10% of a Monday's list {}",
    "aum_caught_at_10": "share of the leaving money there {}",
    "ece": "expected calibration error {}",
}


def model_card(settings: Settings, bundle: Bundle, evaluation: Mapping[str, Any]) -> Card:
    """The card of a bundle; ``evaluation`` holds its figures and is empty where there are none."""
    words = settings.card
    return {
        "purpose": _sentences(words.purpose),
        "data": _data(bundle, evaluation),
        "label": _label(bundle),
        "assumptions": _sentences(*words.assumptions),
        "limits": _sentences(*words.limits),
        "results": _results(evaluation),
        "monitoring limits": _sentences(*words.monitoring),
        "owner": _sentences(words.owner),
        "approver": _sentences(words.approver),
    }


def missing_in_card(card: Card) -> list[str]:
    """One sentence per part without content, with what to do; none of a complete card."""
    return [f"the model card lacks its {part}: {_ASK[part]}" for part in missing_parts(card)]


def missing_parts(card: Card) -> list[str]:
    """The parts without content."""
    return [part for part in _ASK if not card.get(part)]


def card_markdown(model_id: str, card: Card) -> str:
    """The card as a page of Markdown; what is missing says so."""
    parts = [f"# Model card of {model_id}"]
    for part in _ASK:
        sentences = card.get(part) or (f"**Missing**: {_ASK[part]}.",)
        lines = [f"- {sentence}" for sentence in sentences] if len(sentences) > 1 else list(sentences)
        parts += [f"## {part.capitalize()}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _sentences(*texts: str) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())


def _data(bundle: Bundle, evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    """Fingerprint, dates and rows; nothing unless all are known."""
    data, used = evaluation.get("data"), bundle.metrics.get("snapshots")
    if not data or not used:
        return ()
    rows = ", ".join(f"{count:,} {table}" for table, count in data["rows"].items())
    return (
        f"Tables {data['fingerprint']}, bookings from {data['first_day']} to {data['last_day']}; "
        f"loaded: {rows}.",
        f"Trained as of {bundle.metrics['trained_as_of']} with outcomes known before that day, on "
        f"{bundle.metrics['customer_periods']:,} customer-periods and {len(bundle.model.columns)} features.",
        *(f"{verb} on {_span(used[name])}." for name, verb in _VERBS.items()),
    )


_VERBS = {"train": "Fitted", "tune": "Stopped and calibrated", "judge": "Evaluated"}


def _span(days: list[str]) -> str:
    return f"{len(days)} Mondays, {days[0]} to {days[-1]}" if len(days) > 1 else f"1 Monday, {days[0]}"


def _label(bundle: Bundle) -> tuple[str, ...]:
    """The definition of attrition in words; empty where the bundle does not say."""
    label, cohort = bundle.settings.get("label"), bundle.settings.get("cohort")
    if not label or not cohort:
        return ()
    if bundle.settings.get("counts") == "customers":
        return (
            f"{_gone(label)} No balance is delivered: every customer counts one.",
            "Looked at are customers who have been here for at least "
            f"{cohort['min_tenure_weeks']} weeks, have booked before the Monday, and had not left by then.",
        )
    to_below = f" to below {cohort['max_aum']:,.0f}" if cohort["max_aum"] < MOST else ""
    return (
        _gone(label),
        f"Looked at are customers with an average AUM from {cohort['min_aum']:,.0f}{to_below} "
        f"{bundle.settings['base_currency']} who have been here for at least "
        f"{cohort['min_tenure_weeks']} weeks.",
    )


def _gone(label: Mapping[str, Any]) -> str:
    """When a customer has left."""
    if label["definition"] == "delivered":
        return (
            f"A customer has left when the bank's own label says so, within {label['horizon_days']} days "
            "from its day on, a day of the week from the Monday on. Who has no label of that week is left "
            "out."
        )
    rule, ends = _LEFT[label["definition"]].format(**label), label["lead_days"] + label["horizon_days"]
    market = "" if label["definition"] == "silence" else _MARKET
    return (
        f"A customer has left when, {ends} days after the Monday ({label['lead_days']} days to act, then "
        f"{label['horizon_days']}), {rule}.{market}"
    )


def _results(evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    """The figures out of time; nothing unless every one has its interval."""
    figures = evaluation.get("figures", {})
    model, intervals = figures.get("model", {}), figures.get("intervals", {})
    shown = {name: text for name, text in _RESULTS.items() if "money" in figures or "aum" not in name}
    if any(name not in model or f"model.{name}" not in intervals for name in shown):
        return ()
    results = [
        text.format(with_interval(model[name], intervals[f"model.{name}"])) for name, text in shown.items()
    ]
    return (
        f"On {model['rows']:,} customers and Mondays that came after everything the model has seen, of whom "
        f"{model['attrition_rate']:.2%} left: {'; '.join(results)}.",
        "The brackets hold 95% of banks made by drawing the customers again.",
    )


def with_interval(value: float, ends: "list[float] | tuple[float, float] | None") -> str:
    """Three decimals, and the interval in brackets where there is one."""
    return f"{value:.3f}" if ends is None else f"{value:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"
