"""Through which channel a list contacts whom, so that its places keep most money, less what contacts cost.

Gains are taken in the order of the money that they keep, less its cost, per place: a larger contact counts
with what it adds to the smaller one before it, and one that no longer fits takes the places of those taken
last if it keeps more than they do. That is the greedy rule for the knapsack of which each item has several
sizes (Sinha and Zoltners, Operations Research 27, 1979), whose last places are filled as well as can be. It
misses less than the first gain that did not fit, and where all contacts take the same place, nothing.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from configs.call_lists import Week
from configs.list_settings import Channel, Lists
from configs.published import Score

PLACE = 100  # percent; sums of whole percents are exact


@dataclass(frozen=True)
class ChannelOption:
    """One channel that a customer may be contacted through.

    Money in minor units: what the contact is expected to keep, and that less its cost (``net_minor``).
    """

    channel: str
    percent_of_place: int
    keeps_minor: int
    net_minor: int


@dataclass(frozen=True)
class Gain:
    """The money that a contact through ``option`` adds to the customer's smaller one a level before, or to
    none."""

    customer_id: str
    level: int
    option: ChannelOption
    percent_of_place: int
    net_minor: int


def options_of(score: Score, lists: Lists, week: Week) -> list[ChannelOption]:
    """Those through which a contact is allowed and does no harm, whether it pays or not; the best first."""
    options = [
        option_of(score, channel, week)
        for channel in lists.channels
        if channel.fits(score) and not week.response.harms(score)
    ]
    return sorted(options, key=lambda option: (-option.net_minor, option.percent_of_place))


def option_of(score: Score, channel: Channel, week: Week) -> ChannelOption:
    keeps = round(score.money_at_risk_minor * week.response.share_kept(score, channel.name))
    net = keeps - week.costs_minor.get(channel.name, 0)
    return ChannelOption(channel.name, channel.percent_of_place, keeps, net)


def paying(options: Iterable[ChannelOption], week: Week) -> list[ChannelOption]:
    """Those that are expected to keep what they cost, and the bank's own floor."""
    least = week.least_value_minor
    return [option for option in options if option.net_minor >= 0 and option.keeps_minor >= least]


def gains_of(score: Score, options: Iterable[ChannelOption]) -> list[Gain]:
    """From the smallest contact worth its place to the largest; each adds less per place than that before.

    An option between two others that gives less per place than the two is left out.
    """
    gains: list[Gain] = []
    for option in sorted(options, key=lambda option: (option.percent_of_place, -option.net_minor)):
        if gains and option.net_minor <= gains[-1].option.net_minor:
            continue
        gain = _gain(score, gains, option)
        while (
            gains
            and gains[-1].net_minor * gain.percent_of_place <= gain.net_minor * gains[-1].percent_of_place
        ):
            gains.pop()
            gain = _gain(score, gains, option)
        gains.append(gain)
    return gains


def in_order(gains: Iterable[Gain], risk: Mapping[str, float]) -> list[Gain]:
    """The best use of a place first, then the higher risk; the id decides what is left."""

    def key(gain: Gain) -> tuple[float, float, str, int]:
        name = gain.customer_id
        return -gain.net_minor / gain.percent_of_place, -risk[name], name, gain.level

    return sorted(gains, key=key)


def stayers_up(gains: Sequence[Gain], stayers: Container[str], places: int) -> list[Gain]:
    """The gains with whoever was selected last week so many places higher, and first in a tie."""
    stays = [gain.level == 0 and gain.customer_id in stayers for gain in gains]
    order = sorted(range(len(gains)), key=lambda k: (k - places * stays[k], not stays[k], k))
    return [gains[k] for k in order]


def selected(gains: Sequence[Gain], room: int, control: Container[str] = ()) -> dict[str, ChannelOption]:
    """By customer with a place the contact that the customer gets, or would get but for the control group.

    ``room`` in percent of a place. ``control`` are those in the control group, who take none: so the list is
    full. Each of them is tried as if called, the others being assigned as they are. So a customer's own
    assignment has no say in place and channel, which is what makes the listed and the control group alike.
    """
    smallest = min((gain.percent_of_place for gain in gains), default=0)
    filled, tried = _Filled(room, [], {}), dict[str, ChannelOption]()
    for place, gain in enumerate(gains):
        name = gain.customer_id
        if filled.room < smallest:
            break
        if name not in control:
            filled.take(gain)
        elif gain.level == 0:
            called = _Filled(filled.room, [*filled.taken], {**filled.levels})
            for later in islice(gains, place, None):
                if called.room < smallest:
                    break
                if later.customer_id == name or later.customer_id not in control:
                    called.take(later)
            tried |= {who: option for who, option in called.options.items() if who == name}
    return filled.options | tried


@dataclass
class _Filled:
    """A list as far as it is filled; ``room`` is what is left, ``levels`` by customer the last one taken."""

    room: int
    taken: list[Gain]
    levels: dict[str, int]

    @property
    def options(self) -> dict[str, ChannelOption]:
        return {gain.customer_id: gain.option for gain in self.taken}

    def take(self, gain: Gain) -> None:
        """Takes a gain if the smaller contact was taken, and there is room or those taken last keep less."""
        if self.levels.get(gain.customer_id, -1) != gain.level - 1:
            return
        given_up = _given_up(self.taken, gain, self.room)
        if given_up is None:
            return
        for last in given_up:
            self.taken.remove(last)
            self.levels[last.customer_id] = last.level - 1
        self.taken.append(gain)
        self.levels[gain.customer_id] = gain.level
        self.room += sum(last.percent_of_place for last in given_up) - gain.percent_of_place


def _given_up(taken: Sequence[Gain], gain: Gain, room: int) -> list[Gain] | None:
    """Those taken last of others that must go to make room for a gain; None where they are worth more."""
    given_up, net_minor = list[Gain](), 0
    for last in reversed(taken):
        if gain.percent_of_place <= room:
            break
        if last.customer_id != gain.customer_id:
            given_up.append(last)
            room, net_minor = room + last.percent_of_place, net_minor + last.net_minor
    fits = gain.percent_of_place <= room
    return given_up if fits and (not given_up or net_minor < gain.net_minor) else None


def _gain(score: Score, gains: Sequence[Gain], option: ChannelOption) -> Gain:
    """The money that ``option`` adds to the last of a customer's ``gains``."""
    percent, net = option.percent_of_place, option.net_minor
    if gains:
        percent, net = percent - gains[-1].option.percent_of_place, net - gains[-1].option.net_minor
    return Gain(score.customer_id, len(gains), option, percent, net)
