"""The page of what a bank delivered: rows by week and source, refused rows by reason, values; counts only."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from configs.published import Language
from configs.settings import Settings
from configs.tables import EVENT_TABLES, TABLES
from pipeline.artefacts import Home, read_json, write_text
from pipeline.evaluation.page_templates import TEMPLATES
from pipeline.ingest.findings import read_findings, read_words
from pipeline.ingest.intake import INTAKE
from pipeline.ingest.summaries import LATE_DAYS
from pipeline.ingest.words import LOOKED_AT, by_column, known_words, used_words
from pipeline.tables import Ingested
from serve.pages import charts
from serve.texts.wording import Wording

WEEKS = 156  # on a chart
WIDTH, HEIGHT = 500, 150  # points of a chart; two stand side by side
LOOKED_UP = ("customers", "assignments")
ORPHAN = re.compile(r"is not in table \w+")
FLAGS = ("true", "false")
CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class WeekChart:
    """The weeks of one table and source: bars as one SVG path, and what does not fit upon it."""

    table: str
    source: str
    weeks: Sequence[tuple[date, int]]
    rows: int
    before: int

    @property
    def most(self) -> int:
        return max(rows for _, rows in self.weeks)

    @property
    def plot(self) -> charts.Plot:
        return charts.plot(self.most, WIDTH, HEIGHT)

    @property
    def empty(self) -> int:
        """Weeks without a row, where most have some; none counts for what is looked up, such as customers."""
        empty = sum(not rows for _, rows in self.weeks)
        return 0 if self.table in LOOKED_UP or 2 * empty > len(self.weeks) else empty

    @property
    def bars(self) -> str:
        plot, last = self.plot, max(len(self.weeks) - 1, 1)
        return "".join(
            f"M{plot.x(place / last)} {plot.y(0)}V{plot.y(rows)}"
            for place, (_, rows) in enumerate(self.weeks)
            if rows
        )

    @property
    def bar_width(self) -> float:
        return round(min(12, 0.8 * (WIDTH - self.plot.left) / len(self.weeks)), 1)


@dataclass(frozen=True)
class Value:
    """One value of a column with its rows; or the ``unknown`` ones together."""

    text: str
    rows: int
    note: str = ""
    unknown: bool = False


def write_intake_page(settings: Settings, home: Home, tables: Ingested) -> None:
    """Write ``intake.html`` beside the tables' folder; nothing for tables that were made without counts."""
    if (tables.folder / INTAKE).is_file():
        write_text(home.root / "intake.html", intake_page(settings, tables))


def intake_page(settings: Settings, tables: Ingested) -> str:
    """The whole page as HTML, in the language of the bank; the same bytes for the same tables."""
    counts, noted = read_json(tables.folder / INTAKE), read_json(tables.folder / "ingest.json")
    findings = [finding for finding in read_findings(settings, tables) if not finding.quotes]
    orphans: list[list[Any]] = []
    refused: list[list[Any]] = []
    for row in counts["refused"]:
        (orphans if ORPHAN.search(row[2]) else refused).append(row)
    return rendered(
        "intake.html",
        settings.language,
        title=settings.title,
        tables=tables,
        days={name: _days(period) for name, period in counts["periods"].items()},
        customers=counts["customers"],
        findings=sorted(findings, key=lambda finding: not finding.warning),
        charts=list(week_charts(counts["weeks"])),
        sources=_sources(noted),
        refused=refused,
        orphans=orphans,
        values=_values(settings, tables, counts["values"]),
        late_days=LATE_DAYS,
    )


def rendered(template: str, language: Language, **context: Any) -> str:
    """A page with the words of the intake in this language."""
    w = Wording(language)
    return TEMPLATES.get_template(template).render(
        w=w,
        texts=lambda *names: [w(f"intake.{name}") for name in names],
        language=language,
        titles=[],
        weeks=WEEKS,
        **context,
    )


def _days(period: Mapping[str, Any]) -> dict[str, Any]:
    days = {
        name: date.fromisoformat(period[name]) if period[name] else None
        for name in ("first", "last", "known")
    }
    return {**days, "late": period["late"]}


def week_charts(weeks: Mapping[str, Mapping[str, Sequence[Sequence[Any]]]]) -> Iterator[WeekChart]:
    """One per table and source with rows that happened, in the order of the contract."""
    for table in (name for name in TABLES if name in weeks):
        for source, counted in sorted(weeks[table].items()):
            rows = {date.fromisoformat(monday): number for monday, number in counted if monday}
            if rows:
                last = max(rows)
                first = max(min(rows), last - timedelta(weeks=WEEKS - 1))
                days = [first + timedelta(weeks=k) for k in range((last - first).days // 7 + 1)]
                before = sum(number for monday, number in rows.items() if monday < first)
                shown = [(day, rows.get(day, 0)) for day in days]
                yield WeekChart(table, source, shown, sum(rows.values()), before)


def _sources(noted: Mapping[str, Any]) -> list[tuple[str, str, int, Counter[str]]]:
    """Table, source, number of files with rows, and their counts."""
    source_of = {file: source for source, files in noted["raw"].items() for file in files}

    def place(count: Mapping[str, Any]) -> tuple[int, str]:
        return list(TABLES).index(count["table"]), source_of.get(count["file"], count["file"])

    result = []
    for (table, source), group in groupby(sorted(noted["files"], key=place), key=place):
        files = list(group)
        total = Counter[str]()
        for count in files:
            total.update({name: count[name] for name in ("rows_in", "loaded", "quarantined", "duplicates")})
        result.append((list(TABLES)[table], source, len(files), total))
    return result


def _values(
    settings: Settings, tables: Ingested, counted: Mapping[str, Mapping[str, Mapping[str, int]]]
) -> list[tuple[str, str, list[Value]]]:
    """Table, column, and its values; those that nothing knows together: they may be about persons."""
    w, result = Wording(settings.language), []
    words = list(by_column(read_words(tables)))
    others = [(table, column, numbers) for table, by in counted.items() for column, numbers in by.items()]
    for table, column, numbers in sorted([*words, *others], key=lambda row: _order(*row[:2])):
        looked_at = (
            used_words(settings, table, column) if (table, column) not in LOOKED_AT else numbers.keys()
        )
        known = known_words(settings, table, column)
        values, unknown = [], []
        for word, rows in numbers.items():
            if word in known:
                unused = table in EVENT_TABLES and word not in looked_at
                values.append(Value(word, rows, w("intake.unused") if unused else ""))
            elif word in FLAGS or (column == "currency" and CURRENCY.fullmatch(word)):
                values.append(Value(word, rows))
            else:
                unknown.append(rows)
        if unknown:
            values.append(Value(w("intake.unknown", count=len(unknown)), sum(unknown), unknown=True))
        if values:
            result.append((table, column, values))
    return result


def _order(table: str, column: str) -> tuple[int, int]:
    return list(TABLES).index(table), TABLES[table].names.index(column)
