"""The rows of a bucket and their running sums, which all families share."""

from dataclasses import dataclass

from configs.settings import Settings
from features.catalogue.measures import Measure, declared
from features.engine.activity import Activity, make_activity
from features.engine.balances import Balances, make_balances
from features.engine.entities import Entities
from features.engine.tiles import Calendar


@dataclass(frozen=True)
class Bucket:
    """The rows of one bucket as cut, and their running sums."""

    entities: Entities
    calendar: Calendar
    settings: Settings
    measures: tuple[Measure, ...]
    balances: Balances
    activity: Activity


def make_bucket(entities: Entities, calendar: Calendar, settings: Settings) -> Bucket:
    """Add all rows once. Raises ConfigError for a measure that the bank declared wrongly."""
    measures = declared(settings)
    balances = make_balances(entities.tables["holdings"], calendar, len(entities))
    activity = make_activity(entities, calendar, measures)
    return Bucket(entities, calendar, settings, measures, balances, activity)
