"""Family: money in and out, to other banks and brokers, salary, rate ratios, silence."""

from features.catalogue.grammar import Name, weeks
from features.catalogue.measures import CHANNELS
from features.engine.activity import Activity
from features.engine.tiles import Columns, ratio
from features.families.shared import Bucket

# Measures whose sum says more beside what the customer holds.
_PER_AUM = ("inflow", "outflow", "inflow_elsewhere", "outflow_elsewhere", "redeem", "buy")
_RATE_RATIOS = ("outflow", "outflow_elsewhere", "inflow", "booking", "login", "card")


def features(bucket: Bucket) -> Columns:
    """Every declared measure over every window, then ratios between them; money in base currency."""
    activity, balances = bucket.activity, bucket.balances
    windows = activity.calendar.windows
    for measure in bucket.measures:
        if measure.name in CHANNELS and measure.name != "counter":
            continue  # their shares say enough
        for statistic in measure.statistics:
            yield from _measure(activity, measure.name, statistic)
    for window in windows:
        net = activity.net("inflow", "outflow", window)
        yield Name("net_flow", "sum", weeks(window)), net
        yield Name("net_flow", "per_aum", weeks(window)), ratio(net, balances.mean(window))
        for name in _PER_AUM:
            yield (
                Name(name, "per_aum", weeks(window)),
                ratio(activity.total(name, window), balances.mean(window)),
            )
    for name in _RATE_RATIOS:
        yield from _rate_ratios(activity, name)
    yield from _channels(activity)


def _channels(activity: Activity) -> Columns:
    """The share of the customer's own bookings that came through each channel."""
    for channel in CHANNELS:
        for window in (13, 52):
            part, whole = activity.count(channel, window), activity.count("booking", window)
            yield Name(channel, "of_bookings", weeks(window)), ratio(part, whole)


def _measure(activity: Activity, name: str, statistic: str) -> Columns:
    if statistic == "days_since":
        yield Name(name, statistic), activity.days_since(name)
        return
    of = {"sum": activity.total, "count": activity.count, "max": activity.largest}[statistic]
    for window in activity.calendar.windows:
        yield Name(name, statistic, weeks(window)), of(name, window)


def _rate_ratios(activity: Activity, name: str) -> Columns:
    """The last weeks' rate over the longer window's: 1 = as usual, 0 = stopped."""
    counts = {window: activity.count(name, window) / window for window in activity.calendar.windows}
    for short, long in zip(activity.calendar.windows, activity.calendar.windows[1:], strict=False):
        yield Name(name, "speed", f"{weeks(short)}_per_{weeks(long)}"), ratio(counts[short], counts[long])
