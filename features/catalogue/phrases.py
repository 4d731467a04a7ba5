"""The words that phrases are made of, per language, and what each measure and statistic means for a
reader."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from configs.errors import ConfigError

LANGUAGES = ("en", "zh")
Texts = Mapping[str, Mapping[str, Any]]  # by section and key


def load_texts(folder: Path) -> dict[str, Texts]:
    """The texts by language, from one TOML file each. Raises ConfigError for a key that one of them lacks."""
    texts: dict[str, Texts] = {
        name: tomllib.loads((folder / f"{name}.toml").read_text("utf-8")) for name in LANGUAGES
    }
    keys = {
        name: {(section, key) for section, rows in texts[name].items() for key in rows if section != "pieces"}
        for name in LANGUAGES
    }
    for name, other in (LANGUAGES, reversed(LANGUAGES)):
        for section, key in sorted(keys[other] - keys[name]):
            raise ConfigError(
                f"{folder / name}.toml lacks {key!r} in [{section}]. {other}.toml has it: add it."
            )
    return texts


TEXTS = load_texts(Path(__file__).parent)


class Noun(NamedTuple):
    """A measure: its reason group; ``worse`` +1 when more of it is worrying, -1 when less is, 0 when it
    depends."""

    group: str
    worse: int


class Pattern(NamedTuple):
    """A statistic: how a value is shown; ``worse`` turns the noun's direction (-1) or takes it away (0)."""

    unit: str
    worse: int


NOUNS = {
    "aum": Noun("balance", -1),
    "market_move": Noun("balance", -1),
    "demand": Noun("rollover", 1),
    "term": Noun("rollover", -1),
    "structured": Noun("rollover", -1),
    "wealth": Noun("rollover", -1),
    "fund": Noun("product", -1),
    "insurance": Noun("product", -1),
    "metal": Noun("product", -1),
    "trust": Noun("product", -1),
    "deposits": Noun("rollover", 0),
    "liquid": Noun("rollover", 1),
    "investment": Noun("rollover", -1),
    "tier": Noun("balance", -1),
    "next_tier": Noun("balance", 0),
    "past_outflow": Noun("balance", 1),
    "loan": Noun("product", 0),
    "inflow": Noun("inflow", -1),
    "outflow": Noun("outflow", 1),
    "net_flow": Noun("balance", -1),
    "inflow_elsewhere": Noun("inflow", -1),
    "outflow_elsewhere": Noun("outflow", 1),
    "outflow_broker": Noun("outflow", 1),
    "large_inflow": Noun("inflow", -1),
    "large_outflow": Noun("outflow", 1),
    "salary": Noun("salary", -1),
    "card": Noun("activity", -1),
    "cash_out": Noun("outflow", 1),
    "buy": Noun("product", -1),
    "redeem": Noun("product", 1),
    "booking": Noun("activity", -1),
    "counter": Noun("activity", 0),
    "mobile": Noun("activity", 0),
    "online": Noun("activity", 0),
    "atm": Noun("activity", 0),
    "login": Noun("interest", 0),
    "view_rates": Noun("interest", 1),
    "complaint": Noun("complaint", 1),
    "contact": Noun("contact", -1),
    "contact_answered": Noun("contact", -1),
    "product": Noun("product", -1),
    "product_class": Noun("product", -1),
    "maturing": Noun("rollover", 1),
    "matured": Noun("rollover", 1),
    "next_maturity": Noun("rollover", -1),
    "tenure": Noun("profile", -1),
    "lifecycle_stage": Noun("profile", 0),
    "manager": Noun("manager", 0),
    "manager_change": Noun("manager", -1),
    "survey_score": Noun("complaint", -1),
    "survey_service": Noun("complaint", -1),
    "survey_environment": Noun("complaint", -1),
    "survey_products": Noun("complaint", -1),
    "survey_brand": Noun("complaint", -1),
    "survey_manager": Noun("complaint", -1),
    "season": Noun("profile", 0),
    "spring_festival": Noun("profile", 0),
}

PATTERNS = {
    "last": Pattern("money", 1),
    "share": Pattern("share", 1),
    "mean": Pattern("money", 1),
    "min": Pattern("money", 1),
    "peak": Pattern("money", 0),
    "closing": Pattern("money", 0),
    "days_old": Pattern("days", 0),
    "step": Pattern("money", 1),
    "growth": Pattern("share", 1),
    "per_deposits": Pattern("share", 0),
    "per_demand": Pattern("share", 0),
    "per_wealth": Pattern("share", 0),
    "above": Pattern("change", 1),
    "below": Pattern("change", 0),
    "kept": Pattern("share", -1),
    "ticket": Pattern("money", 1),
    "per_outflow": Pattern("share", 1),
    "largest_share": Pattern("share", 0),
    "volatility": Pattern("share", 0),
    "zscore": Pattern("score", 1),
    "collapse": Pattern("flag", -1),
    "recent": Pattern("score", 1),
    "burstiness": Pattern("score", 0),
    "active_weeks": Pattern("count", 1),
    "median_gap": Pattern("count", -1),
    "longest_gap": Pattern("count", -1),
    "idle": Pattern("count", 0),
    "of_bookings": Pattern("share", 0),
    "days_since_first": Pattern("days", 0),
    "days_since_largest": Pattern("ago", -1),
    "days_after_term": Pattern("days", 0),
    "days_after_wealth": Pattern("days", 0),
    "days_after_salary": Pattern("days", 0),
    "weeks": Pattern("count", 0),
    "distinct": Pattern("count", 1),
    "customers": Pattern("count", 0),
    "vacant_days": Pattern("days", 1),
    "score": Pattern("score", 1),
    "sine": Pattern("score", 0),
    "cosine": Pattern("score", 0),
    "max": Pattern("money", 1),
    "change": Pattern("change", 1),
    "ratio": Pattern("share", 1),
    "drawdown": Pattern("share", -1),
    "rebound": Pattern("share", 1),
    "deviation": Pattern("share", 0),
    "slope": Pattern("change", 1),
    "difference": Pattern("change", 1),
    "sum": Pattern("money", 1),
    "count": Pattern("count", 1),
    "counterparties": Pattern("count", 1),
    "days_since": Pattern("ago", -1),
    "days_to": Pattern("ahead", 1),
    "per_aum": Pattern("share", 1),
    "speed": Pattern("share", 1),
    "days": Pattern("ago", 1),
    "code": Pattern("stage", 0),
    "vacant": Pattern("flag", 1),
    "held": Pattern("count", 1),
    "added": Pattern("count", 1),
}

# What says the same of the same measure in a figure that a manager can check: amounts, counts and days before
# ratios, trends and standard deviations. The first one that exists stands in; "4w" for "4w_per_13w".
STAND_INS = {
    "zscore": ("sum", "count"),
    "speed": ("count",),
    "per_aum": ("sum",),
    "per_outflow": ("sum",),
    "share": ("sum",),
    "largest_share": ("max",),
    "growth": ("step",),
    "slope": ("change",),
    "rebound": ("change",),
    "deviation": ("drawdown",),
    "recent": ("active_weeks",),
    "burstiness": ("longest_gap",),
    "median_gap": ("longest_gap",),
}
