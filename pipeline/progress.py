"""Progress on the terminal: one line per step with counts and seconds, a bar for long work."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from configs.errors import MachineError

console = Console(stderr=True)
log = logging.getLogger("attrition")


class _Lines(logging.Handler):
    """One line per record, above a running progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        console.print(self.format(record), soft_wrap=True, highlight=False, markup=False)


def start_logging() -> None:
    """Lines go to stderr, so that what a command prints on stdout can be piped."""
    if not log.handlers:
        handler = _Lines()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)


@dataclass(frozen=True)
class Step:
    """A step that has ended, well or with an error; ``started_at`` by time.perf_counter()."""

    name: str
    started_at: float
    seconds: float
    counts: dict[str, Any]
    ended_well: bool


@dataclass
class Stages:
    """How far a long command is. A stage is its words and the names of the steps that belong to it."""

    stages: Sequence[tuple[str, Collection[str]]]
    form: str = "{number} of {count}"
    kept: str = "there already"  # said of a stage that had nothing to do
    reached: int = 0

    def begin(self, name: str) -> None:
        """Say which stage begins with this step, if one does, and which ones were passed over."""
        later = range(self.reached + 1, len(self.stages) + 1)
        begun = next((number for number in later if name in self.stages[number - 1][1]), self.reached)
        for number in range(self.reached + 1, begun + 1):
            self.reached = number
            kept = "" if number == begun else f" ({self.kept})"
            log.info("%s  %s%s", self.place, self.stages[number - 1][0], kept)

    @property
    def place(self) -> str:
        return self.form.format(number=self.reached, count=len(self.stages))


_stages: ContextVar[Stages | None] = ContextVar("stages", default=None)


@contextmanager
def counted_stages(stages: Stages) -> Iterator[Stages]:
    """Within the block each stage is announced as it begins, and bars say which one they belong to."""
    token = _stages.set(stages)
    try:
        yield stages
    finally:
        _stages.reset(token)


def _with_place(name: str) -> str:
    stages = _stages.get()
    return f"{stages.place}  {name}" if stages and stages.reached else name


_recorded: ContextVar[list[Step] | None] = ContextVar("recorded_steps", default=None)


@contextmanager
def recorded_steps() -> Iterator[list[Step]]:
    """The steps that end within the block, in the order of their ends."""
    steps: list[Step] = []
    token = _recorded.set(steps)
    try:
        yield steps
    finally:
        _recorded.reset(token)


@contextmanager
def step(name: str) -> Iterator[dict[str, Any]]:
    """One step of a run: fill the dict with counts, which are logged with the seconds when it ends.

    Raises MachineError, naming the step, where the machine could not do something.
    """
    counts: dict[str, Any] = {}
    began, ended_well = time.perf_counter(), False
    stages = _stages.get()
    if stages is not None:
        stages.begin(name)
    try:
        yield counts
        ended_well = True
    except OSError as error:
        if MachineError.is_at(error):
            raise MachineError(f"step {name!r}", error) from error
        raise
    finally:
        recorded = _recorded.get()
        if recorded is not None:
            recorded.append(Step(name, began, time.perf_counter() - began, counts, ended_well))
    text = " ".join(f"{key}={value}" for key, value in counts.items())
    log.info("%-9s %s seconds=%.1f", name, text, time.perf_counter() - began)


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar; call it with (done, total)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(_with_place(name), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def progress_text(name: str) -> Iterator[Callable[[str], None]]:
    """The piece in work, while the length of the whole is not known; call it with a text."""
    name = _with_place(name)
    with console.status(name) as status:
        yield lambda text: status.update(f"{name}: {text}")
