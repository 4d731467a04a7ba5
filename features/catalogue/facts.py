"""Facts: what can be said of a customer in a sentence behind a reason, as facts.toml declares it.

A reason is a group of features that raises a score; a fact says what happened: beside the customer's own
usual or beside others, with amount and day. Names in an expression are features as of the Monday, and

- ``size``: AUM, beside which an amount is large or a trifle; of a bank without balances a year's outflow;
- ``<feature>_4w_usual``: the mean of so many weeks over the rest of the longest window (sums and counts);
- ``median_<feature>``: the median of training, which lies in the bundle, so that no customer's facts depend
  on who else is scored;
- ``weeks_52w``: the weeks of the window that stands for this one;
- ``due_count``, ``due_total`` (base currency), ``due_last`` (days ahead) of what matures within DUE_DAYS, and
  ``due_amount``, ``due_days``, ``due_class`` (place in PRODUCT_CLASSES) of what matures first.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.attributes import Attribute
from configs.feature_settings import OwnMeasure
from configs.reason_groups import GROUPS
from configs.settings import Settings
from features.catalogue.entries import Entry, bank_code_entries, category_name, category_phrase

DUE_DAYS = 60  # ahead of a Monday: what matures later is for a later list
STANDARD = (4, 13, 26, 52)  # the windows, in weeks, by which facts.toml names features
_WINDOW = re.compile(r"(?<=_)(4|13|26|52)w(?=_|$)")

Figure = NDArray[np.float64]
FigureOf = Callable[[str], Figure]


@dataclass(frozen=True)
class Fact:
    """One row of facts.toml. ``values`` holds kind and expression of each place of the sentences ``text``,
    by language; ``figure`` names the feature that is published with the reason; ``lasting``: how things
    stand, not what happened.
    """

    key: str
    group: str
    when: str
    figure: str
    values: Mapping[str, tuple[str, str]]
    text: Mapping[str, str]
    lasting: bool = False

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name in its expressions."""
        sources = (self.when, *(expression for _, expression in self.values.values()))
        trees = (ast.walk(ast.parse(source, mode="eval")) for source in sources)
        return frozenset(node.id for tree in trees for node in tree if isinstance(node, ast.Name))

    def holds(self, figure_of: FigureOf) -> NDArray[np.bool_]:
        return np.asarray(_evaluated(self.when, figure_of), bool)

    def value(self, place: str, figure_of: FigureOf) -> Figure:
        return np.asarray(_evaluated(self.values[place][1], figure_of), np.float64)


def _evaluated(expression: str, figure_of: FigureOf) -> object:
    nodes = ast.walk(ast.parse(expression, mode="eval"))
    names = {node.id: figure_of(node.id) for node in nodes if isinstance(node, ast.Name)}
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.eval(expression, engine="python", local_dict=names, global_dict={})


def _declared(path: Path) -> Iterator[Fact]:
    for key, row in tomllib.loads(path.read_text("utf-8")).items():
        values = {place: _split(text) for place, text in row["values"].items()}
        first = next(iter(re.findall(r"[a-z][a-z0-9_]*", row["when"])))
        figure = row.get("figure", first)
        yield Fact(key, row["group"], row["when"], figure, values, {"en": row["en"], "zh": row["zh"]},
                   row.get("lasting", False))  # fmt: skip


def _split(value: str) -> tuple[str, str]:
    kind, _, expression = value.partition(": ")
    return kind, expression


FACTS = tuple(_declared(Path(__file__).with_suffix(".toml")))


def facts_of(settings: Settings) -> tuple[Fact, ...]:
    """The facts in the order in which those of a group are tried; those of the bank's own measures first."""
    measure_facts = (fact for measure in settings.features.measures for fact in _own_facts(measure))
    categories = (fact for attribute in settings.features.attributes for fact in _attribute_facts(attribute))
    coded = (_coded_fact(entry) for entry in bank_code_entries(settings).values() if entry.worse)
    return (*measure_facts, *coded, *FACTS, *categories)


def _coded_fact(entry: Entry) -> Fact:
    """More than half of the customers have of what is worrying, or less of what is missed."""
    name, colon = entry.name, {"en": ": ", "zh": "："}
    return Fact(
        name,
        entry.group,
        f"{name} {'>' if entry.worse > 0 else '<'} median_{name}",
        name,
        {"figure": (_KIND_OF_UNIT[entry.unit], name)},
        {language: f"{phrase}{colon[language]}{{figure}}" for language, phrase in entry.phrase.items()},
        lasting=True,
    )


_KIND_OF_UNIT = {"count": "number", "days": "number", "money": "money", "share": "share"}


def _attribute_facts(attribute: Attribute) -> Iterator[Fact]:
    for category in attribute.categories:
        name = str(category_name(attribute.name, category))
        text = category_phrase(attribute, category)
        yield Fact(name, "profile", f"{name} == 1", name, {}, text, lasting=True)


def _own_facts(measure: OwnMeasure) -> Iterator[Fact]:
    """More than usual of what is worrying, or less of what is missed: by number, else by amount."""
    statistic = next((name for name in ("count", "sum") if name in measure.statistics), None)
    if not measure.worse or statistic is None:
        return
    window = "4w" if measure.worse > 0 else "13w"
    figure, (kind, usual) = f"{measure.name}_{statistic}_{window}", _KINDS[statistic]
    yield Fact(
        measure.name,
        measure.group,
        f"{figure} > 0 and {figure} >= {figure}_usual"
        if measure.worse > 0
        else f"{figure} * 1.5 <= {figure}_usual",
        figure,
        {"figure": (kind, figure), "usual": (usual, f"{figure}_usual")},
        {
            "en": f"{measure.en} in {{{window}}}: {{figure}}; usually {{usual}}",
            "zh": f"{{{window}}}{measure.zh}：{{figure}}，平时{{usual}}",
        },
    )


_KINDS = {"count": ("number", "rate"), "sum": ("money", "money")}  # of a figure and its usual


def nearest(windows: Sequence[int]) -> dict[str, int]:
    """The bank's window that stands for each standard one, in weeks.

    >>> nearest((4, 13, 26, 52))
    {'4w': 4, '13w': 13, '26w': 26, '52w': 52}
    >>> nearest((8, 40))
    {'4w': 8, '13w': 8, '26w': 40, '52w': 40}
    """
    return {f"{weeks}w": min(windows, key=lambda window: (abs(window - weeks), window)) for weeks in STANDARD}


class Figures:
    """The figures of some customers by name, one number per customer; NaN where there is none."""

    def __init__(
        self, features: Mapping[str, Figure], medians: Mapping[str, float], windows: Sequence[int], size: int
    ) -> None:
        self._features, self._medians, self._size = features, medians, size
        self.windows = nearest(windows)

    def __call__(self, name: str) -> Figure:
        if name == "size":
            return self("aum_last" if "aum_last" in self._features else "outflow_sum_52w")
        if name.startswith("weeks_"):
            return self._constant(self.windows[name.removeprefix("weeks_")])
        if name.startswith("median_"):
            return self._constant(self._medians.get(self.actual(name.removeprefix("median_")), np.nan))
        if name.endswith("_usual"):
            return self._usual(name.removesuffix("_usual"))
        return self._features.get(self.actual(name), self._constant(np.nan))

    def at(self, rows: Sequence[int]) -> FigureOf:
        """The figures of some of the customers."""
        places = np.asarray(rows, np.intp)
        return lambda name: self(name)[places]

    def actual(self, name: str) -> str:
        """The feature's name with the bank's own windows."""
        return _WINDOW.sub(lambda match: f"{self.windows[match[0]]}w", name)

    def _usual(self, name: str) -> Figure:
        measure, _, window = name.rpartition("_")
        short, year = self.windows[window], self.windows["52w"]
        if short >= year:
            return self._constant(np.nan)
        return (self(f"{measure}_52w") - self(name)) * (short / (year - short))

    def _constant(self, number: float) -> Figure:
        return np.full(self._size, number, np.float64)


def first_facts(facts: Sequence[Fact], figure_of: FigureOf, size: int) -> NDArray[np.int64]:
    """Rows × groups: the place of the first fact of the group that holds, −1 where none does.

    A fact does not hold where one of its values is not known.
    """
    names = tuple(GROUPS)
    first = np.full((size, len(names)), -1, np.int64)
    for place, fact in reversed([*enumerate(facts)]):
        holds = fact.holds(figure_of)
        for shown in fact.values:
            holds &= np.isfinite(fact.value(shown, figure_of))
        first[holds, names.index(fact.group)] = place
    return first
