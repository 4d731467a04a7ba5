"""The families of features in the order of the columns; each is the file of its name."""

from collections.abc import Iterator
from dataclasses import dataclass

from configs.settings import Settings
from features.catalogue.grammar import Name
from features.catalogue.measures import Measure, declared
from features.engine.activity import Activity, make_activity
from features.engine.balances import Steps, Wealth, make_steps, make_wealth
from features.engine.entities import World
from features.engine.tiles import Calendar, Grid
from features.families.balances import balances
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

Family = Iterator[tuple[Name, Grid]]


@dataclass(frozen=True)
class Shared:
    """What families share: the rows as cut, and their running sums."""

    world: World
    calendar: Calendar
    measures: tuple[Measure, ...]
    steps: Steps
    wealth: Wealth
    activity: Activity


def gather(world: World, calendar: Calendar, settings: Settings) -> Shared:
    """Add all rows once. Raises ConfigError for a measure that the bank declared wrongly."""
    measures = declared(settings)
    steps = make_steps(world.tables["holdings"])
    wealth = make_wealth(steps, calendar, len(world))
    return Shared(world, calendar, measures, steps, wealth, make_activity(world, calendar, measures))


def families(on: Shared, settings: Settings) -> Iterator[tuple[str, Family]]:
    """Each family by its name: pairs of a feature's name and its grid (snapshot × customer)."""
    yield "balances", balances(on.wealth)
    yield "classes", classes(on.wealth)
    yield "months", months(on.steps, on.wealth)
    yield "tiers", tiers(on.wealth, settings.tiers)
    yield "flows", flows(on.activity, on.wealth, on.measures)
    yield "large", large(on.world, on.activity, settings.features.large_amount)
    yield "rhythm", rhythm(on.activity)
    yield "holdings", holdings(on.steps, on.wealth)
    yield "rollover", rollover(on.steps, on.wealth)
    yield "firsts", firsts(on.world, on.calendar)
    yield "lifecycle", lifecycle(on.world, on.activity, on.wealth)
    yield "past", past(on.steps, on.wealth, settings.label)
    yield "relationship", relationship(on.world, on.calendar)
    yield "surveys", surveys(on.world, on.calendar)
    yield "season", season(on.calendar, len(on.world))
