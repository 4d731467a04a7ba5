"""Seconds, memory and bytes of each step of a run, beside floors, and how they grow with customers.

A thread of the process samples it; the meaning of each figure stands in benchmarks/monday.py.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import memory_kb
from pipeline.progress import Step

EVERY = 0.02  # seconds between two samples
BETWEEN, WHOLE = "between", "whole"
GROWS = ("seconds", "cpu_s", "floor_s", "peak_mb")


@dataclass(frozen=True)
class Sample:
    """The work of a process up to ``at``, on the clock of the steps; bytes through system calls."""

    at: float
    resident_mb: float
    cpu: float
    read: int
    written: int


@dataclass
class Sampler:
    """Samples of this process, from the beginning of the block to its end."""

    samples: list[Sample] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Sampler":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._take()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._take()

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            self._take()

    def _take(self) -> None:
        words = Path("/proc/self/io").read_text("utf-8").split()
        done = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        resident = memory_kb("self", "VmRSS") / 1024
        taken = time.perf_counter(), resident, time.process_time(), done["rchar:"], done["wchar:"]
        self.samples.append(Sample(*taken))


def by_step(
    steps: Sequence[Step], samples: Sequence[Sample], standing_mb: float
) -> dict[str, dict[str, float]]:
    """Seconds, CPU, memory and bytes of each step by name, without those of a step within it.

    What lies between two samples belongs to the step that runs in their middle. A step reads ``standing_mb``
    at most.
    """
    found: dict[str, dict[str, float]] = {}
    for before, after in pairwise(samples):
        middle = (before.at + after.at) / 2
        running = [step for step in steps if step.started_at <= middle < step.started_at + step.seconds]
        name = max(running, key=lambda step: step.started_at).name if running else BETWEEN
        own = found.setdefault(
            name, dict.fromkeys(("seconds", "cpu_s", "peak_mb", "read_mb", "written_mb"), 0.0)
        )
        own["seconds"] += after.at - before.at
        own["cpu_s"] += after.cpu - before.cpu
        own["peak_mb"] = max(own["peak_mb"], before.resident_mb, after.resident_mb)
        own["read_mb"] += (after.read - before.read) / 1e6
        own["written_mb"] += (after.written - before.written) / 1e6
    for own in found.values():
        own["read_mb"] = min(own["read_mb"], standing_mb)
    return found


def with_floors(
    steps: Mapping[str, Mapping[str, float]],
    disk: Mapping[str, float],
    beside: Mapping[str, float],
    most_mb: float,
) -> dict[str, dict[str, Any]]:
    """Each step with its floor and ratio, and ``whole`` of all, whose largest memory is ``most_mb``.

    ``disk`` has MB read and written per second, ``beside`` the seconds that a step needs beside its bytes.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, own in steps.items():
        bytes_s = own["read_mb"] / disk["read_mb_s"] + own["written_mb"] / disk["write_mb_s"]
        found[name] = dict(own) | {"floor_s": bytes_s + beside.get(name, 0.0)}
    names = ("seconds", "cpu_s", "read_mb", "written_mb", "floor_s")
    whole = {name: sum(own[name] for own in found.values()) for name in names}
    found[WHOLE] = whole | {"peak_mb": most_mb}
    return {name: _rounded(_with_ratio(own)) for name, own in found.items()}


def _with_ratio(own: Mapping[str, Any]) -> dict[str, Any]:
    return {**own, "ratio": own["seconds"] / own["floor_s"] if own["floor_s"] else None}


def _rounded(own: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if value is None else round(value, 4) for name, value in own.items()}


def exponent(customers: Sequence[int], values: Sequence[float]) -> float | None:
    """The slope of log values on log customers; None of one size, or where a value is 0.

    >>> exponent([10, 100], [3.0, 30.0])
    1.0
    """
    if len(customers) < 2 or min(values) <= 0:
        return None
    return round(float(np.polyfit(np.log(customers), np.log(values), 1)[0]), 3)


def at_goal(customers: Sequence[int], values: Sequence[float], goal: int) -> float:
    """The larger of the power and the straight line through the sizes, at ``goal`` customers; at least 0.

    >>> round(at_goal([10, 20], [2.0, 3.0], 100), 6)  # 1 and a tenth of each
    11.0
    """
    if len(customers) < 2:
        return values[0] * goal / customers[0]
    line = float(np.polyval(np.polyfit(customers, values, 1), goal))
    slope = exponent(customers, values)
    if slope is None:
        return max(line, 0.0)
    power = np.exp(np.mean(np.log(values)) + slope * (np.log(goal) - np.mean(np.log(customers))))
    return max(line, float(power))


def growth(sizes: Mapping[str, Mapping[str, Any]], goal: int) -> dict[str, Any]:
    """Each step at ``goal`` customers, measured or extrapolated, with the exponents of its growth."""
    customers, is_measured = sorted(map(int, sizes)), str(goal) in sizes
    steps: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for size in sizes.values() for name in (*size["order"], WHOLE)):
        rows = [sizes[str(count)]["steps"].get(name, dict.fromkeys(GROWS, 0.0)) for count in customers]
        values = {what: [row[what] for row in rows] for what in GROWS}
        steps[name] = {
            what: own[customers.index(goal)] if is_measured else at_goal(customers, own, goal)
            for what, own in values.items()
        }
        for key, what in (("exponent", "seconds"), ("exponent_cpu", "cpu_s")):
            steps[name][key] = exponent(customers, values[what])
    if not is_measured:  # the sum of its steps, of which each was extrapolated by itself
        parts = [own for name, own in steps.items() if name != WHOLE]
        steps[WHOLE] |= {what: sum(own[what] for own in parts) for what in GROWS if what != "peak_mb"}
    steps = {name: _rounded(_with_ratio(own)) for name, own in steps.items()}
    return {"customers": goal, "extrapolated": not is_measured, "steps": steps}


def figures(found: Mapping[str, Mapping[str, Any]], goal: int) -> dict[str, Any]:
    """The content of ``monday.json``, from the measures by number of customers."""
    sizes = {}
    for customers, one in found.items():
        beside = {"score": one["lightgbm"]["predict_s"]}
        steps = with_floors(one["steps"], one["disk"], beside, one["whole_peak_mb"])
        sizes[customers] = {**one, "steps": steps}
    return {"sizes": sizes, "goal": growth(sizes, goal)}


def in_words(result: Mapping[str, Any]) -> str:
    """The figures for a terminal: per step seconds (CPU seconds) / floor, MB, at each size and the goal."""
    sizes, goal = result["sizes"], result["goal"]
    how = "extrapolated" if goal["extrapolated"] else "measured"
    heads = [f"{int(customers):,}" for customers in sizes] + [f"{goal['customers']:,} {how}", "growth"]
    lines = [f"{'':<12}" + "".join(f"{head:>36}" for head in heads)]
    for name, own in goal["steps"].items():
        cells = [*(one["steps"].get(name) for one in sizes.values()), own]
        lines.append(f"{name:<12}" + "".join(f"{_in_words(cell):>36}" for cell in cells))
        lines[-1] += f"{own['exponent']!s:>8} (CPU {own['exponent_cpu']!s})"
    return "\n".join(lines)


def _in_words(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return "-"
    ratio = "-" if cell["ratio"] is None else f"{cell['ratio']:.1f}"
    return f"{cell['seconds']:.1f} s ({cell['cpu_s']:.1f}) × {ratio}, {cell['peak_mb']:.0f} MB"
