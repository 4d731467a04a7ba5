"""The families of features in the order of the columns; each is the file of its name."""

from collections.abc import Iterator
from dataclasses import dataclass

from configs.settings import Settings
from features.activity import Activity, make_activity
from features.balances import balances
from features.classes import classes
from features.firsts import firsts
from features.flows import flows
from features.grammar import Name
from features.holdings import holdings
from features.large import large
from features.lifecycle import lifecycle
from features.measures import Measure, declared
from features.months import months
from features.past import past
from features.relationship import relationship
from features.rhythm import rhythm
from features.rollover import rollover
from features.season import season
from features.surveys import surveys
from features.tiers import tiers
from features.tiles import Calendar, Grid
from features.wealth import Steps, Wealth, make_steps, make_wealth
from features.world import World

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
