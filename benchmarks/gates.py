"""Good and harmful weeks of made-up banks before the gates: what is refused, and what for.

    python -m benchmarks.gates --customers 600 --weeks 52 26 26 --work data/bench/gates

Each bank lives 130 weeks; its last ones are run one by one, every one of them good. ``good`` counts them, and
``false_refusals`` those that a gate refused. Then harmful weeks are planted, each in place of a good one of
the first bank and on the state that the good weeks before left: ``planted`` says of each what became of it.
"""

import argparse
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.planted_weeks import HARMLESS, RawWeek, plants
from configs.bank_folder import load_settings
from configs.errors import DataError, GateError
from pipeline.artefacts import read_json, write_json
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.weekly import run_weekly

LAST, LIVED = date(2026, 11, 16), 130
PUBLISHED = "published"
PLANTED_ON = LAST - timedelta(weeks=2)
# Everything that makes a run longer is cut, nothing is left out.
SMALL: dict[str, Any] = {
    "label": {"horizon_days": 30, "settle_days": 7},
    "promotion": {  # every model scores
        "max_ece": 1.0,
        "min_slope": 0.01,
        "max_slope": 100.0,
        "against_rules": "not worse",
    },
    "training": {
        "judged_snapshots": 13,
        "tuned_snapshots": 8,
        "rounds": 30,
        "patience": 30,
        "retrain_weeks": 26,
        "max_single_auroc": 1.0,  # with a few dozen leavers one feature may well rank them all
        "lightgbm": {"min_data_in_leaf": 50},
    },
}


@dataclass(frozen=True)
class GoodWeeks:
    """A made-up bank whose last ``weeks`` weeks come one by one: all its files, and a folder for those so
    far."""

    work: Path
    customers: int
    seed: int
    weeks: int
    lived: int = LIVED

    @property
    def files(self) -> Path:
        return self.work / f"files-{self.seed}"

    @property
    def data(self) -> Path:
        return self.work / f"data-{self.seed}"

    @property
    def context(self) -> Context:
        return Context(load_settings("demo", SMALL), self.data)

    def make(self) -> None:
        write_demo_bank(self.files, self.customers, self.lived, self.seed, LAST, weekly=self.weeks)

    def raw(self, monday: date, folder: Path) -> Path:
        """A folder with the files delivered before ``monday``, as links."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.files.glob("*.*"):
            day = path.stem.rpartition("_")[2]
            delivered = not day.isdigit() or date.fromisoformat(day) < monday
            if path.is_file() and delivered and not (folder / path.name).exists():
                os.link(path, folder / path.name)
        return folder


def copy_state(source: Path, target: Path) -> None:
    """A copy of a bank's artefacts; what is only ever replaced whole is linked, databases are copied."""

    def copied(path: str, place: str) -> str:
        return shutil.copy2(path, place) if ".db" in Path(path).name else (os.link(path, place), place)[1]

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=copied)


def run(context: Context, raw: Path, monday: date) -> str:
    """What became of a run: published, or the sentence of whoever refused it."""
    try:
        run_weekly(context, raw, monday)
    except GateError as error:
        gates = read_json(context.home.gates / f"{monday}.json")["refused"]
        return f"refused: {', '.join(gates)} | {error}"
    except DataError as error:
        return f"refused before the gates: {error}"
    return PUBLISHED


def run_good(bank: GoodWeeks, keep: date | None = None) -> dict[str, str]:
    """What became of each good week by Monday; the state before the Monday ``keep`` is kept."""
    results = {}
    for ago in range(bank.weeks, -1, -1):
        monday = LAST - timedelta(weeks=ago)
        if monday == keep:
            copy_state(bank.data, bank.work / f"before-{monday}")
        raw = bank.raw(monday, bank.work / f"raw-{bank.seed}")
        results[str(monday)] = run(bank.context, raw, monday)
        print(monday, bank.seed, results[str(monday)][:300], flush=True)
    return results


def run_planted(bank: GoodWeeks, name: str, plant: Callable[[RawWeek], object], monday: date) -> str:
    """What became of one planted week, on the state before ``monday``."""
    folder = bank.work / "planted"
    shutil.rmtree(folder, ignore_errors=True)
    copy_state(bank.work / f"before-{monday}", folder / "data")
    raw = bank.raw(monday, folder / "raw")
    plant(RawWeek(raw, monday - timedelta(days=1)))
    context = Context(load_settings("demo", SMALL), folder / "data")
    result = run(context, raw, monday)
    print(f"{name}: {result[:400]}", flush=True)
    return result


def measure(customers: int, weeks: Sequence[int], work: Path) -> dict[str, Any]:
    """What became of all good weeks, a bank per number of ``weeks``, and of planted ones of the first."""
    began = time.perf_counter()
    shutil.rmtree(work, ignore_errors=True)
    banks = [GoodWeeks(work, customers, seed, number - 1) for seed, number in enumerate(weeks, 21)]
    for bank in banks:
        bank.make()
    good = {banks[0].seed: run_good(banks[0], PLANTED_ON)}
    planted, harmless = (
        {name: run_planted(banks[0], name, plant, PLANTED_ON) for name, plant in kinds.items()}
        for kinds in (plants(banks[-1].files), HARMLESS)
    )
    good |= {bank.seed: run_good(bank) for bank in banks[1:]}
    refused = {
        f"{seed} {day}": text
        for seed, mondays in good.items()
        for day, text in mondays.items()
        if text != PUBLISHED
    }
    return {
        "customers": customers,
        "good": sum(map(len, good.values())),
        "false_refusals": len(refused),
        "refused": refused,
        "planted": planted,
        "let_through": sorted(name for name, text in planted.items() if text == PUBLISHED),
        "harmless": harmless,
        "seconds": round(time.perf_counter() - began),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=600)
    parser.add_argument("--weeks", type=int, nargs="+", default=[52, 26, 26])
    parser.add_argument("--work", type=Path, default=Path("data/bench/gates"))
    given = parser.parse_args(arguments)
    result = measure(given.customers, given.weeks, given.work)
    write_json(given.work.parent / "gates.json", result)
    print(f"{result['false_refusals']} of {result['good']} good weeks refused")
    print(f"{len(result['let_through'])} of {len(result['planted'])} planted weeks let through")


if __name__ == "__main__":
    main()
