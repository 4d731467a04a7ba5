"""Money that calls keep, by the truth of made-up banks: our lists, other ways, an oracle, the best seen.

    python -m benchmarks.calls --first-seed 200 --seeds 20 --capacities 1 2 5 --work data/bench/calls

A policy is not evaluated by who happened to leave but by the money that each of its contacts is expected to
keep, less its cost, under probabilities that the simulator knows (benchmarks/calls_lives.py); so a bank tells
many times more than in ``make bench-lists``. Each bank lives 91 weeks without lists, a year with lists that
are learnt from, and 26 weeks that are evaluated. How a call is valued was chosen on seeds 0 to 9; the banks
evaluated here come after.

The figures at the top are those of one and of two calls a week and list; all stand under ``by_capacity``.
Ratios are of sums over banks, with 95% bootstrap intervals over banks (Efron 1979).

- ``share_of_oracle``: of who knows each customer's true response, risk and money on each Monday;
- ``share_of_best_seen``: of a regression of the true effect × money on all that the product sees, learnt on
  other banks;
- ``over_*``: ours by the policy that fills lists by probability, or by probability × money;
  ``worst_seed_*`` is that of the worst bank;
- ``bounds``: share of the oracle of ours that know one more thing, the true risk, response or money, and of
  the best seen: what falls short where;
- ``surrogate_over_matured``: ours that learn from who left within 30 days too, by ours that wait;
- ``harm_found``: where calls harm one customer in ten, the share of the harmed, whom the prior would call,
  that ours leave alone on the evaluated Mondays;
- ``claimed_without_effect``: where calls do nothing, the share of banks in which a weekly look ever says
  ``shown``;
- ``covered_itt``, ``covered_complier``: where managers call some of the control group and leave out some of
  the listed, the share of banks whose last interval holds the truth.
"""

import hashlib
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.calls_effect import looks
from benchmarks.calls_lives import EVALUATED
from benchmarks.calls_mondays import TODAY, WORLDS, Panel, panel_of
from benchmarks.calls_panel import Work, make_panels, train
from benchmarks.calls_policies import ELSEWHERE, OURS, POLICIES, Life, Lived
from benchmarks.processes import parser
from configs.settings import Settings
from pipeline.artefacts import read_json, write_json

TOP = (1, 2)  # calls a week and list, of the figures at the top
ELSEWHERE_CALLS = 2  # in worlds other than today's
AT_ONCE = 4  # banks that are scored together, at most
DRAWS = 10_000  # of the bootstrap
SOURCES = ("benchmarks", "configs", "models", "pipeline/lists")  # of the figures of a bank, beside its panel
BOUNDS = ("best_seen", "with_true_risk", "with_true_response", "with_true_money")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """Banks that one process makes and evaluates, one after another."""

    work: Work
    seeds: tuple[int, ...]
    capacities: tuple[int, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--first-seed", type=int, default=200, help="no choice was made on banks from 200")
    options.add_argument("--seeds", type=int, default=20, help="banks, one seed after another")
    options.add_argument("--capacities", type=int, nargs="+", default=[1, 2, 5], help="calls a week and list")
    options.add_argument("--customers", type=int, default=2_500, help="of each bank")
    options.add_argument("--processes", type=int, default=os.cpu_count(), help="among which banks are shared")
    options.add_argument(
        "--work", type=Path, default=Path("data/bench/calls"), help="what stands there is not made again"
    )
    options.add_argument("--out", type=Path, default=Path("data/bench/calls.json"))
    given, began = options.parse_args(arguments), time.perf_counter()
    os.environ["OMP_NUM_THREADS"] = "1"  # each process takes one core
    work = Work(given.work, given.customers, began)
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    train(work)
    count = -(-len(seeds) // (AT_ONCE * given.processes)) * given.processes
    parts = [
        Part(work, tuple(own.tolist()), tuple(given.capacities))
        for own in np.array_split(seeds, min(count, len(seeds)))
    ]
    with ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn")) as pool:
        banks = [bank for part in pool.map(evaluate, parts) for bank in part]
    found = figures(banks, given.capacities) | {
        "first_seed": given.first_seed,
        "customers": given.customers,
        "minutes": round((time.perf_counter() - began) / 60, 1),
    }
    write_json(given.out, found)
    print(in_words(found))


def evaluate(part: Part) -> list[dict[str, Any]]:
    """The values of each bank of the part, made where they do not stand yet."""
    work, digest = part.work, _digest(part)
    paths = {seed: work.root / f"values-{digest}" / f"{seed}.json" for seed in part.seeds}
    due = [seed for seed in part.seeds if not paths[seed].is_file()]
    make_panels(work, due)
    for seed in due:
        panel = panel_of(seed, pd.read_parquet(work.panel(seed)))
        paths[seed].parent.mkdir(parents=True, exist_ok=True)
        write_json(paths[seed], values(work.settings, panel, part.capacities))
        work.say(f"{seed}: evaluated")
    return [read_json(path) for path in paths.values()]


def _digest(part: Part) -> str:
    """Of all that the values of a bank depend on."""
    here = Path(__file__).parents[1]
    sources = sorted(
        path for name in SOURCES for kind in ("py", "toml") for path in (here / name).rglob(f"*.{kind}")
    )
    digest = hashlib.sha256(f"{part.work.made_by} {part.capacities}".encode())
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def values(settings: Settings, panel: Panel, capacities: Sequence[int]) -> dict[str, Any]:
    """What one bank tells: the value of each policy by world and calls; the looks at its experiments."""
    by_calls = {
        str(calls): {one.name: Life(settings, panel, TODAY, one, calls).live() for one in POLICIES}
        for calls in capacities
    }
    worlds = {
        world.name: {one.name: Life(settings, panel, world, one, ELSEWHERE_CALLS).live() for one in policies}
        for world in WORLDS
        if (policies := ELSEWHERE.get(world.name))
    }
    ours = {name: lived[OURS.name] for name, lived in worlds.items()}
    return {
        "seed": panel.seed,
        "customers": float(np.mean([len(monday.scores) for monday in panel.mondays])),
        "harmed_share": float(np.mean(np.concatenate([monday.harmed for monday in panel.mondays]))),
        "today": {calls: _kept(lived) for calls, lived in by_calls.items()},
        "called": {
            calls: float(lived[OURS.name].calls[-EVALUATED:].mean()) for calls, lived in by_calls.items()
        },
        "worlds": {name: _kept(lived) for name, lived in worlds.items()},
        "response": {name: lived.responses for name, lived in ours.items()},
        "spared": ours["harm"].spared,
        "effect": {name: looks(settings, panel, ours[name].assigned) for name in ("none", "contaminated")},
    }


def _kept(lived: Mapping[str, Lived]) -> dict[str, float]:
    return {name: round(one.evaluated()) for name, one in lived.items()}


def figures(banks: Sequence[Mapping[str, Any]], capacities: Sequence[int]) -> dict[str, Any]:
    """The figures of the docstring above."""
    by_capacity = {
        str(calls): of_capacity([one["today"][str(calls)] for one in banks]) for calls in capacities
    }
    for calls, own in by_capacity.items():
        called, cohort = (float(np.mean([of(one) for one in banks])) for of in (
            lambda one, calls=calls: one["called"][calls], lambda one: one["customers"]))  # fmt: skip
        own |= {"called": round(called, 1), "cohort": round(cohort, 1)}
    would, alone = (sum(one["spared"][k] for one in banks) for k in range(2))
    contaminated = [one["effect"]["contaminated"] for one in banks]
    top = [
        name
        for name in next(iter(by_capacity.values()))
        if name.startswith(("share", "over", "worst", "surr"))
    ]
    return {
        **{
            name: {str(c): _mean_of(by_capacity[str(c)][name]) for c in TOP if c in capacities}
            for name in top
        },
        "harm_found": round(alone / would, 4) if would else None,
        "claimed_without_effect": _share(one["effect"]["none"]["claimed"] for one in banks),
        "covered_itt": _share(one["itt"]["covers"] for one in contaminated),
        "covered_complier": _share(one["complier"]["covers"] for one in contaminated),
        "seeds": len(banks),
        "by_capacity": by_capacity,
        "worlds": {
            name: {
                policy: round(float(np.mean([one["worlds"][name][policy] for one in banks])))
                for policy in banks[0]["worlds"][name]
            }
            for name in banks[0]["worlds"]
        },
        "harmed_share": round(float(np.mean([one["harmed_share"] for one in banks])), 4),
        "response_by_week": {
            name: np.round(np.mean([one["response"][name] for one in banks], axis=0), 3).tolist()
            for name in banks[0]["response"]
        },
        "effects": {
            name: [{"seed": one["seed"], **one["effect"][name]} for one in banks]
            for name in banks[0]["effect"]
        },
    }


def of_capacity(banks: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The figures of one capacity; ``banks`` hold the value of each policy, base currency."""
    kept = {name: np.array([one[name] for one in banks], dtype=np.float64) for name in banks[0]}
    ours, money = kept["ours"], kept["probability_times_money"]
    with np.errstate(divide="ignore", invalid="ignore"):
        by_bank = np.where(money > 0, ours / money, np.where(ours >= money, np.inf, -np.inf))
    return {
        "share_of_oracle": ratio(ours, kept["oracle"]),
        "share_of_best_seen": ratio(ours, kept["best_seen"]),
        "over_probability": ratio(ours, kept["probability"]),
        "over_probability_times_money": ratio(ours, money),
        "worst_seed_over_probability_times_money": round(float(by_bank.min()), 4),
        "surrogate_over_matured": ratio(ours, kept["matured"]),
        "bounds": {name: ratio(kept[name], kept["oracle"]) for name in BOUNDS},
        "kept": {name: round(float(own.mean())) for name, own in kept.items()},
        "kept_by_bank": {name: own.tolist() for name, own in kept.items()},
    }


def ratio(above: Floats, below: Floats) -> dict[str, float]:
    """The ratio of sums over banks and its 95% bootstrap interval.

    >>> ratio(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    {'value': 2.0, 'low': 2.0, 'high': 2.0}
    """
    drawn = np.random.default_rng(18).integers(0, len(above), (DRAWS, len(above)))
    ratios = above[drawn].sum(axis=1) / below[drawn].sum(axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    value = above.sum() / below.sum()
    return {"value": round(float(value), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _mean_of(figure: Any) -> Any:
    return figure["value"] if isinstance(figure, Mapping) else figure


def _share(flags: Any) -> float:
    return round(float(np.mean(list(flags))), 4)


def in_words(found: Mapping[str, Any]) -> str:
    """The figures for a terminal."""
    lines = [f"{found['seeds']} banks of {found['customers']:,} customers, from seed {found['first_seed']}"]
    for calls, own in found["by_capacity"].items():
        lines.append(f"{calls} a week and list: {own['called']} of {own['cohort']} called; kept per bank")
        lines += [f"  {name:<26}{kept:>12,}" for name, kept in own["kept"].items()]
        lines += [
            f"  {name:<40}{_in_words(own[name])}"
            for name in own
            if isinstance(own[name], dict) and "low" in own[name]
        ]
        worst = "worst_seed_over_probability_times_money"
        lines.append(f"  {worst:<40}{own[worst]}")
        lines += [f"  of the oracle: {name:<25}{_in_words(bound)}" for name, bound in own["bounds"].items()]
    for name in ("harm_found", "claimed_without_effect", "covered_itt", "covered_complier"):
        lines.append(f"{name:<42}{found[name]}")
    return "\n".join(lines)


def _in_words(figure: Mapping[str, float]) -> str:
    return f"{figure['value']} [{figure['low']}, {figure['high']}]"


if __name__ == "__main__":
    main()
