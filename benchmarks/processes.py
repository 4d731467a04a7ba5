"""Work in a process of its own, its seconds and its largest memory; words to those who wait."""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any


def alone(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """The figures of ``work`` in a fresh process, and under "peak_mb" the largest memory of the process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_memory, work, *arguments).result()


def _with_memory(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    return work(*arguments) | {"peak_mb": peak_mb()}


def peak_mb() -> int:
    # Not ru_maxrss: a process begins with that of the one that started it.
    return memory_kb("self", "VmHWM") // 1024


def memory_kb(process: int | str, field: str) -> int:
    """A field of /proc/<process>/status; 0 where the process has ended."""
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)


def stopwatch() -> Callable[[], dict[str, float]]:
    """Call what it returns for the seconds and CPU seconds since."""
    began, worked = time.perf_counter(), time.process_time()
    return lambda: {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu": round(time.process_time() - worked, 2),
    }


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help shows the description line by line."""
    formatter = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=description, formatter_class=formatter)
