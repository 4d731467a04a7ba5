"""Trees fitted by several executors of Spark together, where one machine's memory is too small.

Each is a task of one barrier stage: it loads the customers of its own buckets and is one of LightGBM's
machines. Spark takes their addresses and certificates around; between them travel sums per bin and a loss per
round. Where one fails or is lost, Spark ends the others.
"""

import json
import re
import socket
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm as lgb

from configs.errors import ConfigError, DataError
from configs.settings import Settings, Training
from features.build import FEATURES_VERSION
from models.boosting import Progress, medians
from models.hazard import Fitted, fit
from models.learnt import Learnt
from models.machines import Machines
from models.matrix import Matrix
from models.splits import Split
from pipeline.artefacts import Home, fingerprint, read_json
from pipeline.progress import log
from pipeline.snapshots.spark import session
from pipeline.training.exchange import connected
from pipeline.training.train import load_matrix

if TYPE_CHECKING:
    from pyspark import BarrierTaskContext

KINDS = ("features", "cohort", "labels")


@dataclass(frozen=True)
class ExecutorTask:
    """The fit of one executor; ``number`` of the task decides which buckets it reads."""

    settings: Settings
    home: Home
    chosen: Split
    learnt: Learnt
    signs: tuple[int, ...]

    def __call__(self, numbers: Iterable[int]) -> Iterator[Fitted]:
        from pyspark import BarrierTaskContext

        context, engine = BarrierTaskContext.get(), self.settings.engine
        (number,) = numbers
        home = replace(self.home, part=(number, engine.executors))
        host = "127.0.0.1" if engine.spark_master.startswith("local") else _host(context, number)
        check_agreement(gather(context, self.agreement(home)))
        folder = Path(tempfile.gettempdir())
        train, tune = (
            load_matrix(home, days, self.learnt, folder) for days in (self.chosen.train, self.chosen.tune)
        )
        training, horizons = self.settings.training, self.settings.label.horizons
        with connected(host, number, partial(gather, context)) as exchange:
            params = {"tree_learner": "data", "num_machines": engine.executors}
            machines = Machines(params, exchange.gather, exchange.of_lightgbm)
            fitted = fit(train, tune, horizons, training, self.signs, machines=machines)
        yield fitted

    def agreement(self, home: Home) -> dict[str, str]:
        """Versions, settings and partitions that must be the same on every executor, by name."""
        days = (*self.chosen.train, *self.chosen.tune)
        try:
            made_by = {
                kind: fingerprint(
                    *(str(read_json(home.partition(kind, day) / "_made_by.json")) for day in days)
                )
                for kind in KINDS
            }
        except FileNotFoundError as error:
            raise DataError(
                f"an executor misses {error.filename}. Each reads the data folder itself: put it on storage "
                "that all of them mount under the same path."
            ) from None
        label = self.settings.label.model_dump_json()
        return {
            "LightGBM": lgb.__version__,
            "features' version": str(FEATURES_VERSION),
            "[label]": label,
            **made_by,
        }


def fit_on_executors(
    settings: Settings,
    home: Home,
    chosen: Split,
    learnt: Learnt,
    train: Matrix,
    _tune: Matrix,
    _horizons: Sequence[int],
    _training: Training,
    signs: Sequence[int],
    progress: Progress,
) -> Fitted:
    """The fit of ``models.hazard.fit``, by the engine's ``executors``; the medians are of all of ``train``.

    The executors take the other arguments from ``settings`` and the partitions themselves.

    Raises ConfigError where there are fewer buckets or places than executors, DataError for what an executor
    refuses, a lost one, and one that does not end in ``executor_minutes``.
    """
    engine = settings.engine
    _check_buckets(home, (*chosen.train, *chosen.tune), engine.executors)
    root = replace(home, root=home.root.resolve(), shared=home.shared.resolve() if home.shared else None)
    task = ExecutorTask(settings, root, chosen, learnt, tuple(signs))
    log.info("training  on %d executors of %s", engine.executors, engine.spark_master)
    fitted, *others = _run(task)
    for other in others:
        if other.model.trees.text != fitted.model.trees.text:
            raise DataError(
                "executors ended with different trees. Train again; if it stays, with executors = 1."
            )
    for number, loss in enumerate(fitted.losses, start=1):
        progress(number, loss)
    column_medians, fill_values = medians(train.features)
    trees = replace(fitted.model.trees, fill_values=fill_values)
    return replace(fitted, model=replace(fitted.model, trees=trees), medians=column_medians)


def _run(task: ExecutorTask) -> list[Fitted]:
    from py4j.protocol import Py4JError

    engine = task.settings.engine
    with session(engine.spark_master) as context, ThreadPoolExecutor(1) as waiting:
        if engine.spark_master.startswith("local[") and context.defaultParallelism < engine.executors:
            raise ConfigError(
                f"[engine] executors = {engine.executors}, and spark_master = {engine.spark_master!r} runs "
                f"{context.defaultParallelism} tasks at once; all must run together. Correct one of them."
            )
        stage = context.parallelize(range(engine.executors), engine.executors).barrier()
        job = waiting.submit(stage.mapPartitions(task).collect)
        try:
            return job.result(timeout=60 * engine.executor_minutes)
        except TimeoutError:
            raise DataError(
                f"{engine.executors} executors did not end in [engine] executor_minutes = "
                f"{engine.executor_minutes}. See in Spark whether all of them run, or allow more minutes."
            ) from None
        except Py4JError as error:
            raise _cause(str(error), engine.executors) from None
        finally:
            context.cancelAllJobs()


def _cause(trace: str, executors: int) -> Exception:
    """The error that an executor raised; of a lost machine, for example, the last words of Spark."""
    raised = re.search(r"configs\.errors\.(DataError|ConfigError): (.*)", trace)
    if raised:
        return (DataError if raised[1] == "DataError" else ConfigError)(raised[2])
    reason = re.search(r"failure reason: (.*)", trace) or re.search(r"Exception: (.*)", trace)
    cause = reason[1] if reason else trace.splitlines()[0]
    return DataError(
        f"one of {executors} executors was lost or did not begin, and Spark ended the others: "
        f"{cause.strip(' .')}. Give each more memory, or lower [engine] executors; then train again."
    )


def check_agreement(executors: Sequence[dict[str, str]]) -> None:
    """Raises DataError naming what differs between executors."""
    differ = [name for name in executors[0] if len({each[name] for each in executors}) > 1]
    if differ:
        by_number = "; ".join(
            f"{k}: {[each[name][:24] for name in differ]}" for k, each in enumerate(executors)
        )
        raise DataError(
            f"executors differ in {', '.join(differ)} ({by_number}). All must have the driver's environment "
            "and see the same data folder; correct the one that differs."
        )


def gather(context: "BarrierTaskContext", value: Any) -> list[Any]:
    """The values of all executors, in their order, as JSON has them; each waits for all."""
    return [json.loads(text) for text in context.allGather(json.dumps(value))]


def _host(context: "BarrierTaskContext", number: int) -> str:
    return socket.gethostbyname(context.getTaskInfos()[number].address.rpartition(":")[0])


def _check_buckets(home: Home, days: Sequence[date], executors: int) -> None:
    counts = {len(home.files(kind, day)) for kind in KINDS for day in days}
    if len(counts) > 1:
        raise DataError(
            f"Mondays lie in different numbers of buckets: {sorted(counts)}. `make backfill` evens them."
        )
    buckets = min(counts)
    if buckets < executors:
        raise ConfigError(
            f"[engine] executors = {executors}, and the bank has {buckets} buckets; each executor needs one "
            "of its own. Lower executors."
        )
