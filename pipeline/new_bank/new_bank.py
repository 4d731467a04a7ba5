"""Drafts of a bank's folder from its raw files, and what remains to be answered of them."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from configs import bank_folder
from configs.errors import ConfigError, DataError
from configs.files import whole_folder
from configs.published import Language
from configs.tables import TABLES
from pipeline.artefacts import write_text
from pipeline.evaluation.intake_page import rendered, week_charts
from pipeline.ingest.relations import computing, sql_name
from pipeline.ingest.sources import open_source
from pipeline.new_bank.bank_toml import LONG_HISTORY, bank_toml, weeks_to_close
from pipeline.new_bank.columns import ColumnProfile, profiles
from pipeline.new_bank.derived_drafts import drafts_of
from pipeline.new_bank.drafts import Draft, name_in_sql
from pipeline.new_bank.figures import Figures, balances_of, horizon_of, rows_by_week, weeks_of
from pipeline.new_bank.files import FileGroup, file_groups
from pipeline.new_bank.matched_drafts import Bank
from pipeline.new_bank.matching import ColumnProfiles, Match, match_tables, meaning, normal, words
from pipeline.new_bank.wide import decoded

QUESTION = re.compile(r"^# \d+\. .+$", re.MULTILINE)


def remaining_questions(bank: str) -> list[str] | None:
    """The questions that stand in the bank's settings; None where there is no folder of the bank yet.

    Raises ConfigError for a folder without settings, which nothing is written into.
    """
    folder = bank_folder.BANKS / bank
    if not folder.exists() or not any(folder.iterdir()):
        return None
    settings = folder / "bank.toml"
    if not settings.is_file():
        raise ConfigError(
            f"{folder} holds files, but no bank.toml, and nothing there is overwritten. Write bank.toml, "
            "or choose another name with BANK=<name>."
        )
    return [line.removeprefix("# ") for line in QUESTION.findall(settings.read_text("utf-8"))]


def draft_bank(bank: str, raw: Path, spill: Path) -> list[str]:
    """Write ``configs/banks/<bank>`` and a page beside ``spill``; return what was found and what is missing.

    What memory cannot hold waits in ``spill``. Raises ConfigError for a name that is no folder's, DataError
    for files without bookings.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", bank):
        raise ConfigError(f"{bank!r} names no bank. Use small letters, digits, - and _, as in BANK=my-bank.")
    sources, passed_over = file_groups(raw)
    with computing(spill) as con:
        for name, group in sources.items():
            open_source(con, name, group.spec, raw, list(group.paths))
            _decode(con, name, group)
        profiled = {name: profiles(con, name) for name in sources}
        matches = match_tables(profiled)
        if "transactions" not in matches:
            raise DataError(
                f"none of the sources {', '.join(sources)} in {raw} looks like bookings: an amount, a date, "
                "and a customer or an account. Name the columns so, or write the SELECTs by hand "
                "(docs/banks.md)."
            )
        currency, certain = _base_currency(matches, profiled)
        drafts = drafts_of(Bank(con, profiled, matches, currency))
        for draft in drafts.values():
            _read_decoded(draft, sources)
            _try(con, draft)
        horizon = None
        if "labels" in drafts:
            horizon = horizon_of(con, drafts["labels"], matches["labels"].columns["gone"].name)
        weeks = {name: rows_by_week(con, draft) for name, draft in drafts.items()}
        figures = Figures(balances_of(con, drafts, currency), weeks_of(weeks["transactions"]), horizon)
        has_money = "holdings" in drafts
        rates = sorted(_currencies(con, drafts) - {currency})
    read = _read_by(drafts, sources)
    questions = list(_questions(drafts, read, currency, certain, rates))
    notes = list(_notes(drafts, sources.keys() - read.keys(), passed_over, figures))
    language: Language = "zh" if any(re.search(r"[一-鿿]", text) for text in _texts(profiled)) else "en"
    head = {"title": bank, "language": language, "base_currency": currency}
    if not has_money:
        head["counts"] = "customers"
    text = bank_toml(head, read, (questions, notes), figures)
    by_week = {
        name: {drafts[name].source.partition(" ")[0]: [(str(monday), count) for monday, count, *_ in rows]}
        for name, rows in weeks.items()
    }
    page = rendered(
        "drafted.html", language, bank=bank, questions=questions, notes=notes,
        charts=list(week_charts(by_week)),
        sources=[(name, len(group.paths), list(profiled[name].values())) for name, group in sources.items()],
    )  # fmt: skip
    write_text(spill.parent / "intake.html", page)
    with whole_folder(bank_folder.BANKS / bank) as folder:
        (folder / "bank.toml").write_text(text, "utf-8")
        for name, draft in drafts.items():
            (folder / f"{name}.sql").write_text(draft.select, "utf-8")
    return notes


def _decode(con: duckdb.DuckDBPyConnection, name: str, group: FileGroup) -> None:
    """Give the relation of a wide source with several figures the columns that its header says."""
    wide = group.spec.unpivot
    if wide and not wide.period:
        con.execute(f'CREATE TEMP TABLE "decoded" AS SELECT *, {decoded(wide)} FROM {sql_name(name)}')
        con.execute(f"DROP VIEW {sql_name(name)}")
        con.execute(f'ALTER TABLE "decoded" RENAME TO {sql_name(name)}')


def _read_decoded(draft: Draft, sources: Mapping[str, FileGroup]) -> None:
    """Let the SELECT itself make the columns of ``_decode``."""
    for name, group in sources.items():
        wide, read = group.spec.unpivot, name_in_sql(name)
        if wide and not wide.period:
            parts = re.split(rf"(?<![\w.]){re.escape(read)}(?= [td]\b)", draft.source)
            draft.source = f"(SELECT *, {decoded(wide)} FROM {read})".join(parts)


def _try(con: duckdb.DuckDBPyConnection, draft: Draft) -> None:
    """Raises DataError where a draft does not run, which none should."""
    try:
        con.execute(f"SELECT * FROM ({draft.select}) LIMIT 1").fetchall()
    except duckdb.Error as error:
        message = str(error).partition("\n")[0]
        raise DataError(
            f"the draft of {draft.table}.sql does not run: {message}. Write the SELECTs by hand."
        ) from None


def _base_currency(matches: Mapping[str, Match], profiled: ColumnProfiles) -> tuple[str, bool]:
    """The currency of most balances or bookings; without any, a guess by the language of the words."""
    for table in ("holdings", "transactions", "products"):
        profile: ColumnProfile | None = matches[table].columns.get("currency") if table in matches else None
        for code in profile.codes if profile else ():
            known = meaning(code, "currency") or code.upper()
            if re.fullmatch(r"[A-Z]{3}", known):
                return known, True
    texts = {normal(word) for text in _texts(profiled) for word in (text, *text.split())}
    guesses = words()["currency_by_word"]
    ranked = sorted(
        (-len(texts & {normal(word) for word in names}), currency) for currency, names in guesses.items()
    )
    return (ranked[0][1] if ranked[0][0] else "EUR"), False


def _texts(profiled: ColumnProfiles) -> Iterator[str]:
    for columns in profiled.values():
        for profile in columns.values():
            yield profile.name
            yield from profile.codes


def _currencies(con: duckdb.DuckDBPyConnection, drafts: Mapping[str, Draft]) -> set[str]:
    names = [name for name in ("transactions", "holdings") if name in drafts and "rates" not in drafts]
    return {
        str(code)
        for name in names
        for (code,) in con.execute(f"SELECT DISTINCT currency FROM ({drafts[name].select})").fetchall()
        if code
    }


def _read_by(drafts: Mapping[str, Draft], sources: Mapping[str, FileGroup]) -> dict[str, FileGroup]:
    texts = " ".join(draft.select for draft in drafts.values())
    is_read = {name: re.search(rf"(?:FROM|JOIN) \(*\"?{re.escape(name)}\"?[ )]", texts) for name in sources}
    return {name: group for name, group in sources.items() if is_read[name]}


def _questions(
    drafts: Mapping[str, Draft],
    sources: Mapping[str, FileGroup],
    currency: str,
    certain: bool,
    rates: Sequence[str],
) -> Iterator[str]:
    yield (
        "[bank.toml, card] who answers for models (owner), who approves them (approver), who acts "
        "on alarms (monitoring)?"
    )
    yield (
        "[bank.toml, lists] which salt draws the control group? Set what `openssl rand -hex 16` prints; the "
        "weekly run asks for it."
    )
    if "holdings" in drafts:
        yield (
            f"[bank.toml, profit.call_cost] what does a call cost the bank, in {currency}? It is made "
            "from cohort.min_aum."
        )
    else:
        yield (
            "[bank.toml, counts] no file holds balances: customers are counted, not money, and whoever books "
            "nothing for label.horizon_days counts as gone. Right? Else deliver balances, and draft anew."
        )
    if "labels" in drafts:
        yield (
            "[bank.toml, label] within how many days does a label say that a customer left "
            "(horizon_days)? By it, lists look as far ahead."
        )
    if not certain:
        yield (
            f"[bank.toml, base_currency] no column names a currency; {currency} is guessed by the words. "
            "Right?"
        )
    if rates:
        yield (
            f"[rates.sql] bookings or balances are in {', '.join(rates)}, but no file holds rates: these "
            "rows will be refused. Deliver rates, or set fixed_rates."
        )
    for name, group in sources.items():
        wide = group.spec.unpivot
        if wide:
            yield (
                f"[bank.toml, sources.{name}] the columns {', '.join(wide.columns)} are read as a row per "
                f"{wide.period or 'figure and month'}, each cell as {wide.value}. Right?"
            )
        if group.uncertain_encoding:
            yield (
                f"[bank.toml, sources.{name}] is the encoding {group.spec.encoding}? "
                "It is a guess by the letters."
            )
    for name, draft in drafts.items():
        for question in draft.questions:
            column, _, text = question.partition(": ")
            yield f"[{name}.sql, {column}] {text}"


def _notes(
    drafts: Mapping[str, Draft],
    unused: Collection[str],
    passed_over: Mapping[str, str],
    figures: Figures,
) -> Iterator[str]:
    """Lines on missing tables and their cost, on sources left unused, and on the weeks found."""
    costs = words()["cost"]
    for table in TABLES:
        if table not in drafts and not (table == "products" and "holdings" not in drafts):
            cost = str(costs.get(table, "ingest stops without it" if TABLES[table].needed else "nothing"))
            yield f"Missing: {table}. {cost[0].upper()}{cost[1:]}."
    if unused:
        yield f"Sources that match no table: {', '.join(sorted(unused))}."
    for label, why in passed_over.items():
        yield f"Not read: {label}: {why}."
    weeks = figures.weeks
    if weeks:
        short = weeks.count < LONG_HISTORY
        days = figures.horizon or (30 if short else 90)
        after, closes = 8 if short else 26, weeks_to_close(days)
        yield (
            f"Bookings of {weeks.count} weeks, {weeks.first} to {weeks.end}: "
            f"{weeks.matured(after, closes)} Mondays with {after} weeks of history and "
            f"an outcome of {days} days that is known."
        )
        yield from (f"Gap: {gap}." for gap in weeks.gaps)
        yield "How many leave by each definition: `make definitions` after `make ingest`."
