"""What the command ``effect`` prints: whether calls help, how sure that is, and what is missing to know."""

from collections.abc import Iterator, Mapping
from typing import Any


def in_words(found: Mapping[str, Any]) -> str:
    """The figures of ``pipeline.lists.effect.figures`` in sentences."""
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{found['known']:,} lots with a known outcome before {found['as_of']}, {found['waiting']:,} waiting for theirs"
    )
    customers, money, currency = found["customers"], found["money"], found["currency"]
    if customers and money:
        yield _arms(customers)
        yield f"customers kept: {_range(customers['kept'], '{:,.1f}')}, {_points(customers)}"
        yield f"money kept: {_range(money['kept'], '{:,.0f}')} {currency}, {_points(money)}"
    yield power_in_words(found["power"])
    for kind in ("reason", "manager"):
        for name, group in found[f"by_{kind}"].items():
            yield f"{kind} {name}: {_arms(group)}; {_points(group)}"
    helps = found["helpfulness"]
    learnt = "".join(f", {name} {share:.0%}" for name, share in sorted(helps["by_reason"].items()))
    yield f"of the money at risk a call is reckoned to keep {helps['overall']:.0%}{learnt}"


def power_in_words(power: Mapping[str, Any]) -> str:
    """What can be seen with the lots that there are, and from when on what calls are set to do could be."""
    expected = f"{100 * power['expected']:.2f} points"
    if power["weeks_to_go"] == 0:
        return f"enough data: an effect of {expected} is seen in 8 of 10 such trials"
    seen = "nothing" if power["visible"] is None else f"effects from {100 * power['visible']:.2f} points on"
    when = "no lots are drawn" if power["weeks_to_go"] is None else f"{power['weeks_to_go']:,} more weeks"
    return f"not enough data yet, {when}: with so many lots {seen} can be seen, expected are {expected}"


def _arms(group: Mapping[str, Any]) -> str:
    sides = (("listed", group["listed"]), ("held out", group["held_out"]))
    return ", ".join(f"{name}: {side['left']:.2%} of {side['lots']:,} left" for name, side in sides)


def _points(group: Mapping[str, Any]) -> str:
    middle, low, high = (100 * share for share in group["difference"])
    return f"{middle:+.2f} points [{low:+.2f}, {high:+.2f}]"


def _range(values: list[float], form: str) -> str:
    middle, low, high = (form.format(value) for value in values)
    return f"{middle} [{low}, {high}]"
