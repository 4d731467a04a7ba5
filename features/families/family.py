"""The families of features in the order of the columns; each is the file of its name."""

from collections.abc import Iterator
from dataclasses import dataclass

from configs.settings import Settings
from features.catalogue.measures import Measure, declared
from features.engine.activity import Activity, make_activity
from features.engine.balances import BalanceChanges, Balances, make_balance_changes, make_balances
from features.engine.entities import Entities
from features.engine.tiles import Calendar, Columns
from features.families.balances import balance_features
from features.families.classes import classes
from features.families.firsts import firsts
from features.families.flows import flows
from features.families.holdings import holdings
from features.families.large import large
from features.families.lifecycle import lifecycle
from features.families.months import months
from features.families.past import past
from features.families.relationship import relationship
from features.families.rhythm import rhythm
from features.families.rollover import rollover
from features.families.season import season
from features.families.surveys import surveys
from features.families.tiers import tiers


@dataclass(frozen=True)
class Shared:
    """What families share: the rows as cut, and their running sums."""

    entities: Entities
    calendar: Calendar
    measures: tuple[Measure, ...]
    changes: BalanceChanges
    balances: Balances
    activity: Activity


def gather(entities: Entities, calendar: Calendar, settings: Settings) -> Shared:
    """Add all rows once. Raises ConfigError for a measure that the bank declared wrongly."""
    measures = declared(settings)
    changes = make_balance_changes(entities.tables["holdings"])
    balances = make_balances(changes, calendar, len(entities))
    return Shared(
        entities, calendar, measures, changes, balances, make_activity(entities, calendar, measures)
    )


def families(on: Shared, settings: Settings) -> Iterator[tuple[str, Columns]]:
    """Each family by its name: pairs of a feature's name and its grid (snapshot × customer)."""
    yield "balances", balance_features(on.balances)
    yield "classes", classes(on.balances)
    yield "months", months(on.changes, on.balances)
    yield "tiers", tiers(on.balances, settings.tiers)
    yield "flows", flows(on.activity, on.balances, on.measures)
    yield "large", large(on.entities, on.activity, settings.features.large_amount)
    yield "rhythm", rhythm(on.activity)
    yield "holdings", holdings(on.changes, on.balances)
    yield "rollover", rollover(on.changes, on.balances)
    yield "firsts", firsts(on.entities, on.calendar)
    yield "lifecycle", lifecycle(on.entities, on.activity, on.balances)
    yield "past", past(on.changes, on.balances, settings.label)
    yield "relationship", relationship(on.entities, on.calendar)
    yield "surveys", surveys(on.entities, on.calendar)
    yield "season", season(on.calendar, len(on.entities))
