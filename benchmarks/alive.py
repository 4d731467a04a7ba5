"""The product beside BG/NBD and two rules, where nothing but bookings is known: who falls silent for 90 days.

    python -m benchmarks.alive --customers 20000 --weeks 130 --work data/bench

Three logs of bookings, each through the product itself from files to a model judged out of time:

- ``process``: BG/NBD's own world (Fader, Hardie and Lee 2005): bookings at random times at a rate of the
  customer's own, and death after any of them; nobody can rank better there than BG/NBD does;
- ``seasons``: seasons of each customer's own, promotions that some follow, habits more even than chance, and
  death at any time;
- ``demo``: the bookings, events and contacts of the demo bank, without its holdings.

BG/NBD is fitted on every booking of the log before the first evaluated Monday and asked on each evaluated
Monday by every booking before it; the rules see the same. Recall is that of each Monday's first tenth.
Differences are the product's less the other's, with 95% intervals of the same resampled customers.

``data/bench/alive.json`` holds the figures.
"""

import shutil
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.processes import parser, say
from configs import bank_folder
from configs.bank_folder import BANKS, load_settings
from configs.settings import Settings
from features.catalogue.measures import OWN_BOOKING
from models.alive import Alive, fit_alive
from models.baselines import rules
from models.matrix import Matrix
from models.resample import Mondays, Ranking, intervals
from models.resample import Times as Drawn
from pipeline.artefacts import Home, write_json
from pipeline.demo_bank import write_demo_bank
from pipeline.ingest.ingest import ingest
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.tables import Ingested, read_ingested
from pipeline.training.train import fit_mondays, plan

DRAWS = 200
UNTIL = date(2026, 11, 16)
SEED = 15
OTHERS = {"bg_nbd": "BG/NBD", "longest_silence": "longest silence", "unusual_silence": "unusual silence"}
FIGURES = ("auroc", "recall_at_10")
Ints = NDArray[np.int64]
Times = NDArray[np.float64]
Log = tuple[Ints, Times]  # customer and moment (days from the log's beginning) of each booking

# Both banks count customers, so that whoever makes no booking within 90 days has left. Nothing else is set.
BANK = """title = "bookings only"
language = "en"
base_currency = "CNY"
counts = "customers"

[cohort]
min_tenure_weeks = 13
"""
SELECTS = {
    "customers": """
SELECT CUSTOMER AS customer_id, FIRST AS opened_on, FIRST AS known_on, _file, _line FROM person
""",
    "transactions": """
SELECT NUMBER AS transaction_id, CUSTOMER AS customer_id, CUSTOMER AS account_id, MOMENT AS booked_at,
    AMOUNT AS amount, 'CNY' AS currency, 'card' AS kind, 'pos' AS channel, 'company' AS counterparty,
    CAST(MOMENT AS DATE) AS known_on, _file, _line
FROM booking
""",
}


def process(customers: int, days: int, random: np.random.Generator) -> Log:
    """BG/NBD: on average a booking in 25 days, and one death in eleven bookings after the first."""
    rate, death = random.gamma(0.8, 1 / 20, customers), random.beta(0.4, 4.0, customers)
    first = random.uniform(0, 0.8 * days, customers)

    def lives_on(who: Ints) -> NDArray[np.bool_]:
        return random.random(len(who)) >= death[who]

    return _bookings(first, days, lambda who: random.exponential(1 / rate[who]), lives_on)


def seasons(customers: int, days: int, random: np.random.Generator) -> Log:
    """By a clock that runs fast in the customer's season, and for some in ten weeks of promotions a year.

    By that clock bookings come at a rate of the customer's own, in gaps more even than chance (of a gamma
    distribution of shape 2); by the calendar customers die at a rate of their own.
    """
    rate, first = random.gamma(1.0, 1 / 18, customers), random.uniform(0, 0.8 * days, customers)
    death = first + random.exponential(1 / random.gamma(1.0, 1 / 400, customers))
    kind, calendar = random.integers(0, 24, customers), np.arange(days + 1.0)
    promoted = np.isin(np.arange(days) // 7, random.choice(days // 7, 10 * days // 365, replace=False))
    logs = []
    for number in range(24):  # four seasons, three depths of them, followers or not
        season, depth, follows = number % 4, (0.0, 0.5, 0.95)[number // 4 % 3], number // 12
        speed = 1 + depth * np.cos(2 * np.pi * (calendar[:-1] / 365 - season / 4))
        clock = np.append(0.0, np.cumsum(speed * np.where(promoted & (follows == 1), 3.0, 1.0)))
        who = np.flatnonzero(kind == number)
        gap = partial(_even_gap, rate[who], random)
        place, tick = _bookings(np.interp(first[who], calendar, clock), clock[-1], gap)
        moment = np.interp(tick, clock, calendar)
        lived = moment <= death[who[place]]
        logs.append((who[place[lived]], moment[lived]))
    return np.concatenate([who for who, _ in logs]), np.concatenate([moment for _, moment in logs])


def _even_gap(rate: Times, random: np.random.Generator, who: Ints) -> Times:
    return random.gamma(2.0, 0.5 / rate[who])


def _bookings(
    first: Times,
    end: float,
    gap: Callable[[Ints], Times],
    lives_on: Callable[[Ints], NDArray[np.bool_]] | None = None,
) -> Log:
    """All bookings before ``end``: the first, then one after every gap, for as long as the customer lives."""
    who, time = np.arange(len(first)), first
    customers, times = [who], [first]
    while len(who):
        time = time + gap(who)
        who, time = who[time < end], time[time < end]
        customers.append(who)
        times.append(time)
        if lives_on:
            living = lives_on(who)
            who, time = who[living], time[living]
    return np.concatenate(customers), np.concatenate(times)


def write_log(log: Log, raw: Path, days: int, random: np.random.Generator) -> None:
    """The log as two files: payments of any amount, and the customers, known from their first payment on."""
    customer, moment = log
    order = np.lexsort((moment, customer))
    customer, moment = customer[order], moment[order]
    at = pd.Timestamp(UNTIL - timedelta(days=days)) + pd.to_timedelta(np.floor(moment * 86_400), unit="s")
    amount = -np.rint(100 * random.lognormal(3.5, 0.8, len(customer))).clip(1) / 100
    bookings = {
        "NUMBER": np.arange(len(customer)),
        "CUSTOMER": customer,
        "MOMENT": at.astype(str),
        "AMOUNT": amount,
    }
    pd.DataFrame(bookings).to_csv(raw / "bookings.csv", index=False, float_format="%.2f")
    _, first = np.unique(customer, return_index=True)
    people = {"CUSTOMER": customer[first], "FIRST": at[first].strftime("%Y-%m-%d")}
    pd.DataFrame(people).to_csv(raw / "people.csv", index=False)


def write_banks(folder: Path) -> None:
    """``bookings`` for made-up logs; ``demo_bookings`` is the demo bank without holdings and products."""
    demo, made_up = folder / "demo_bookings", folder / "bookings"
    for path in (demo, made_up):
        path.mkdir(parents=True, exist_ok=True)
    sources = '[sources]\nperson = { files = "people.csv" }\nbooking = { files = "bookings.csv" }\n'
    (made_up / "bank.toml").write_text(BANK + sources, "utf-8")
    for name, select in SELECTS.items():
        (made_up / f"{name}.sql").write_text(select, "utf-8")
    declared = tomllib.loads((BANKS / "demo" / "bank.toml").read_text("utf-8"))["sources"]
    read = {name: each for name, each in declared.items() if name not in ("hold", "prod_info")}
    sources = "".join(f"[sources.{name}]\n{_keys(each)}" for name, each in read.items())
    (demo / "bank.toml").write_text(BANK + sources, "utf-8")
    for path in (BANKS / "demo").glob("*.sql"):
        if path.stem not in ("holdings", "products"):
            (demo / path.name).write_text(path.read_text("utf-8"), "utf-8")


def _keys(source: dict[str, str]) -> str:
    return "".join(f'{key} = "{value}"\n' for key, value in source.items())


def make(name: str, work: Path, customers: int, weeks: int) -> tuple[Settings, Home, Ingested]:
    """The log of this name, generated and ingested once and kept in ``work``."""
    bank = "demo_bookings" if name == "demo" else "bookings"
    folder, settings = work / f"alive-{name}-{customers}-{weeks}", load_settings(bank)
    home = Home(folder / bank)
    if not (home.root / "ingested").is_file():
        say(f"{name}: the log")
        raw = folder / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        if name == "demo":
            write_demo_bank(raw, customers, weeks, SEED, UNTIL)
        else:
            random = np.random.default_rng(SEED)
            log = {"process": process, "seasons": seasons}[name](customers, 7 * weeks, random)
            write_log(log, raw, 7 * weeks, random)
        home.root.mkdir(parents=True, exist_ok=True)
        ingest(settings, raw, home, lambda _: None)
        shutil.rmtree(raw)
        (home.root / "ingested").touch()
    return settings, home, read_ingested(home)


def booking_days(tables: Ingested) -> pd.DataFrame:
    """One row per customer and day with an own booking, by both, whenever it became known."""
    columns = ["customer_id", "booked_at", "kind", "superseded_on"]
    rows = pa.concat_tables(pq.read_table(path, columns=columns) for path in tables.parts("transactions"))
    frame = rows.to_pandas()
    own = frame["kind"].isin(OWN_BOOKING.where["kind"]) & frame["superseded_on"].isna()
    days = pd.DataFrame({"customer": frame["customer_id"], "day": frame["booked_at"].dt.normalize()})[own]
    return days.drop_duplicates().sort_values(["customer", "day"], ignore_index=True)


def counts_on(days: pd.DataFrame, monday: date) -> pd.DataFrame:
    """Per customer who booked before the Monday the three numbers of BG/NBD, in the words of the cohort."""
    seen = days[days["day"] < pd.Timestamp(monday)].groupby("customer")["day"].agg(["size", "min", "max"])
    since = {name: (pd.Timestamp(monday) - seen[name]).dt.days.astype(float) for name in ("min", "max")}
    return pd.DataFrame(
        {
            "booking_days": seen["size"].astype(float),
            "days_since_first": since["min"],
            "days_since_last": since["max"],
        }
    )


def bg_nbd(settings: Settings, days: pd.DataFrame, rows: Matrix) -> tuple[Alive, Times]:
    """The parameters by every booking before the first of the Mondays; the probability of each row."""
    mondays = [day.astype(object) for day in np.unique(rows.snapshot_date)]
    fitted, score = fit_alive(counts_on(days, mondays[0]), settings.label), np.empty(len(rows))
    for monday in mondays:
        at = rows.snapshot_date == np.datetime64(monday)
        score[at] = fitted.of(counts_on(days, monday).reindex(rows.customer_id[at]))
    return fitted, score


def compared(rows: Matrix, product: Times, others: dict[str, Times]) -> dict[str, Any]:
    """Per way the figures, and per other way the product's less its own: low end, difference, high end."""
    ways = {"product": product} | others

    mondays = Mondays(rows)
    rankings = {name: Ranking(rows, mondays, scores) for name, scores in ways.items()}

    def figures(times: Drawn) -> dict[str, float]:
        whole, found = mondays.totals(times), dict[str, float]()
        for name, ranking in rankings.items():
            of_way = ranking.figures(times, whole)
            found |= {f"{name}.{key}": of_way[key] for key in FIGURES}
        for key in FIGURES:
            found |= {
                f"ahead.{name}.{key}": found[f"product.{key}"] - found[f"{name}.{key}"] for name in others
            }
        return found

    whole, ends = figures(np.ones(len(rows), np.int16)), intervals(rows, figures, DRAWS, SEED)
    return {
        "ways": {name: {key: whole[f"{name}.{key}"] for key in FIGURES} for name in ways},
        "differences": {
            f"{name}.{key}": [ends[each][0], whole[each], ends[each][1]]
            for name in others
            for key in FIGURES
            for each in [f"ahead.{name}.{key}"]
        },
    }


def measure(name: str, work: Path, customers: int, weeks: int) -> dict[str, Any]:
    """The figures of one log."""
    settings, home, tables = make(name, work, customers, weeks)
    chosen = plan(settings, tables, UNTIL)
    say(f"{name}: features of {len(chosen.mondays)} Mondays")
    build_snapshots(settings, home, tables, chosen.mondays, lambda *_: None)
    build_outcomes(settings, home, tables, chosen.mondays, UNTIL, lambda *_: None)
    say(f"{name}: training")
    bundle, rows, _ = fit_mondays(settings, home, chosen, UNTIL, lambda *_: None)
    rows = rows.on(chosen.evaluation)
    say(f"{name}: comparing")
    fitted, score = bg_nbd(settings, booking_days(tables), rows)
    ways = {"bg_nbd": score} | {rule: scores for rule, scores in rules(rows).items() if rule in OTHERS}
    return compared(rows.only([]), bundle.predict(rows).risks[:, -1], ways) | {
        "rows": len(rows),
        "customers": len(np.unique(rows.customer_id)),
        "left": float(rows.attrited.mean()),
        "mondays": [str(day) for day in chosen.evaluation],
        "parameters": [fitted.r, fitted.alpha, fitted.a, fitted.b],
        "rounds": bundle.metrics["rounds"],
        "start": bundle.model.start and asdict(bundle.model.start),
    }


def in_words(name: str, found: dict[str, Any]) -> str:
    """One line per way: both figures, and the product's lead with its interval."""
    lines = [
        f"{name}: {found['rows']:,} rows of {found['customers']:,} customers on {len(found['mondays'])} "
        f"Mondays, {found['left']:.1%} silent"
    ]
    for way, values in found["ways"].items():
        words = f"  {OTHERS.get(way, 'product'):16}"
        for key, word in zip(FIGURES, ("AUROC", "recall at 10%"), strict=True):
            words += f"  {word} {values[key]:.4f}"
            if way in OTHERS:
                low, middle, high = found["differences"][f"{way}.{key}"]
                words += f" ({middle:+.4f} [{low:+.4f}, {high:+.4f}])"
        lines.append(words)
    return "\n".join(lines)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--customers", type=int, default=20_000)
    options.add_argument("--weeks", type=int, default=130, help="of history")
    options.add_argument("--logs", nargs="*", default=["process", "seasons", "demo"])
    options.add_argument("--work", type=Path, default=Path("data/bench"), help="where banks and figures lie")
    given = options.parse_args()
    write_banks(given.work / "alive-banks")
    bank_folder.BANKS = given.work / "alive-banks"  # no bank of the project: these are for this measurement
    found = {}
    for name in given.logs:
        found[name] = measure(name, given.work, given.customers, given.weeks)
        print(in_words(name, found[name]), flush=True)
    write_json(given.work / "alive.json", found)


if __name__ == "__main__":
    main()
