"""Money that the lists keep beside three other ways to fill them, and the truth of the effect page.

    python -m benchmarks.lists --first-seed 100 --seeds 10 --capacities 1 2 5 --customers 1000 \
      --work data/bench/lists

Each of ten made-up banks (docs/lists.md says what a call does there) lives 104 weeks, on which one model is
trained that never sees the truth, and then 26 weeks in several worlds: nobody called, and for each number of
calls a week and list its lists filled by us, by probability, by the fall of AUM, and at random. Every list of
a world has the same places, and in no world is anybody called who opted out or is cooling down; ours alone
also hold out their share, and stand beside a world in which they do not. Fourteen weeks without lists follow,
after which every outcome is known.

How a call's worth is reckoned was chosen with the truth of seeds 0 to 9 at hand: the banks judged here come
after.

The figures at the top are those of the first capacity, all of them stand under ``by_capacity``. One call is
the one declared, before any run on these seeds: a list here has some fifty customers in the cohort, so it is
2% of them a week and one in four over the 13 weeks of an outcome window, about as far as a campaign goes down
a ranking; a manager of two hundred would make four such calls a week, beside the day's work. ``called_share``
is the share that came out.

- ``saved_*``: base currency in the bank at the end, per bank, more than where nobody was called;
- ``lead``: ours less another way, paired by bank: the mean and its 95% interval (Student's t over banks), and
  ``nobody_held_out``, by how much more ours would keep if they called those whom they hold out as well;
- ``seeds_covered``: banks in which the 95% interval of customers kept, as ``make effect`` tells it, holds
  what the lists truly did to the listed: how many fewer left than of the same customers in the world without
  calls. Only a customer's first lot counts, because only until then the two worlds are the same;
- ``page_ms``: what ``benchmarks.pages`` measured last, for the first page of a list of 500 rows in a store of
  a million customers.
"""

import multiprocessing
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from benchmarks.lists_weeks import KEY, LAST, MONDAYS, OURS, UNHELD, WAYS, Lived, Part, live
from benchmarks.processes import parser
from benchmarks.worlds import deliver, together, write_people
from models.bundle import write
from pipeline.artefacts import read_json, write_json
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.training.train import fit_mondays, plan


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--first-seed", type=int, default=100, help="no choice was made on banks from 100")
    options.add_argument("--seeds", type=int, default=10, help="banks, one seed after another")
    options.add_argument("--capacities", type=int, nargs="+", default=[1, 2, 5], help="calls a week and list")
    options.add_argument("--customers", type=int, default=1_000, help="of each bank")
    options.add_argument("--processes", type=int, default=os.cpu_count(), help="among which banks are shared")
    options.add_argument("--work", type=Path, default=Path("data/bench/lists"), help="emptied first")
    options.add_argument("--out", type=Path, default=Path("data/bench/lists.json"))
    given, began = options.parse_args(arguments), time.perf_counter()
    shutil.rmtree(given.work, ignore_errors=True)
    seeds, capacities = range(given.first_seed, given.first_seed + given.seeds), tuple(given.capacities)

    def part(number: int, own: Sequence[int]) -> Part:
        return Part(number, tuple(own), given.customers, capacities, given.work, began)

    train(part(0, seeds))
    processes = min(given.processes, given.seeds)
    parts = [part(k + 1, seeds[k::processes]) for k in range(processes)]
    os.environ["OMP_NUM_THREADS"] = "1"  # each takes one core
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        lived = [world for worlds in pool.map(live, parts) for world in worlds]
    pages = given.out.with_name("pages.json")
    found = figures(lived, capacities) | {
        "first_seed": given.first_seed,
        "customers": given.customers,
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "page_ms": read_json(pages)["page_ms"] if pages.is_file() else None,
    }
    write_json(given.out, found)
    print(in_words(found))


def train(part: Part) -> None:
    """One model for all banks from the weeks before the lists; then the outcomes of everybody uncalled."""
    settings, home, raw = part.settings, part.quiet, part.quiet.root / "raw"
    families = part.families()
    part.say(f"{len(families)} banks")
    write_people(raw, [(one, [one.quiet]) for one in families])
    deliver(raw, together(([one.quiet], one.past) for one in families))
    tables = part.ingest(home)
    chosen = plan(settings, tables, MONDAYS[0])
    days = (*chosen.train, *chosen.tune, *chosen.evaluation)
    build_snapshots(settings, home, tables, days, lambda *_: None)
    build_outcomes(settings, home, tables, days, MONDAYS[0], lambda *_: None)
    bundle, *_ = fit_mondays(settings, home, chosen, MONDAYS[0], lambda *_: None)
    write(bundle, part.work / "models", KEY)
    part.say(f"a model, AUROC {bundle.metrics['model']['auroc']:.3f} out of time")
    deliver(raw, together(([one.quiet], one.after) for one in families))
    build_outcomes(settings, home, part.ingest(home), MONDAYS, LAST, lambda *_: None)


def figures(lived: Sequence[Lived], capacities: Sequence[int]) -> dict[str, Any]:
    """The figures of each capacity, those of the first also at the top."""
    by_capacity = {
        str(calls): of_capacity([one for one in lived if one.calls == calls]) for calls in capacities
    }
    first = str(capacities[0])
    return {"capacity": capacities[0]} | by_capacity[first] | {"by_capacity": by_capacity}


def of_capacity(lived: Sequence[Lived]) -> dict[str, Any]:
    """The figures of the worlds of one capacity; money in base currency, per bank."""
    saved = {way: _saved(lived, way) for way in (*WAYS, UNHELD)}
    ours = [one for one in lived if one.way == OURS]
    called, cohort = (float(np.mean([getattr(one, name) for one in ours])) for name in ("called", "cohort"))
    lead = {way: paired(saved[OURS] - saved[way]) for way in WAYS if way != OURS}
    if len(saved[UNHELD]):
        lead["nobody_held_out"] = paired(saved[UNHELD] - saved[OURS])
    return {
        **{f"saved_{_long(way)}": round(float(saved[way].mean())) for way in WAYS},
        "lead": lead,
        "called": round(called, 1),
        "cohort": round(cohort, 1),
        "called_share": round(called / cohort, 4),
        "seeds": len(ours),
        "seeds_covered": sum(one.effect["covers"] for one in ours if one.effect),
        "saved_by_bank": {way: [round(one) for one in own] for way, own in saved.items() if len(own)},
        "effects": [one.effect for one in ours],
    }


def _saved(lived: Sequence[Lived], way: str) -> NDArray[np.float64]:
    """One entry per bank, by seed."""
    own = sorted((one for one in lived if one.way == way), key=lambda one: one.seed)
    return np.array([one.saved for one in own], dtype=np.float64)


def paired(differences: NDArray[np.float64]) -> dict[str, int | None]:
    """The mean over banks and its 95% interval; a single bank has none.

    >>> paired(np.array([1.0, 3.0, 5.0]))  # 3 ± 4.303 · 2 / √3
    {'mean': 3, 'low': -2, 'high': 8}
    """
    banks, mean = len(differences), float(differences.mean())
    if banks < 2:
        return {"mean": round(mean), "low": None, "high": None}
    half = float(student.ppf(0.975, banks - 1) * differences.std(ddof=1) / np.sqrt(banks))
    return {"mean": round(mean), "low": round(mean - half), "high": round(mean + half)}


def _long(way: str) -> str:
    return f"by_{way}" if way in ("probability", "drop") else way


def in_words(found: Mapping[str, Any]) -> str:
    lines = [f"money kept per bank of {found['customers']:,} customers"]
    for calls, own in found["by_capacity"].items():
        share = f"{own['called']} of {own['cohort']} called ({own['called_share']:.1%})"
        lines.append(f"{calls} a week and list: {share}")
        lines += [f"  {way:<12}{own[f'saved_{_long(way)}']:>12,}" for way in WAYS]
        lines += [f"  {_lead_in_words(name, lead)}" for name, lead in own["lead"].items()]
        covered = f"{own['seeds_covered']} of {own['seeds']} banks"
        lines.append(f"  the interval holds the true effect in {covered}")
    return "\n".join(lines)


def _lead_in_words(name: str, lead: Mapping[str, int | None]) -> str:
    what = "nobody held out less ours" if name == "nobody_held_out" else f"ours less {name}"
    bounds = "" if lead["low"] is None else f" [{lead['low']:,}, {lead['high']:,}]"
    return f"{what}: {lead['mean']:,}{bounds}"


if __name__ == "__main__":
    main()
