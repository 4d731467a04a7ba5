"""Trees fitted by several executors of Spark together, where one machine's memory is too small.

Each is a task of one barrier stage: it loads the customers of its own buckets and is one of LightGBM's
machines. Between them travel sums per bin over LightGBM's sockets, and a loss per round over Spark. Where one
fails or is lost, Spark ends the others.
"""

import json
import re
import socket
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
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
from pipeline.training.train import load_matrix

if TYPE_CHECKING:
    from pyspark import BarrierTaskContext

KINDS = ("features", "cohort", "labels")
CONNECT_MINUTES = 2  # in which all executors of a stage, begun at once, must reach each other
# LightGBM writes into a model how the machines reached each other; the defaults stand there instead.
OF_NETWORK = {"machines": "", "local_listen_port": "12400", "time_out": "120"}


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
        with closing(socket.create_server((host, 0))) as held:  # free, and nobody else's until all know it
            port = held.getsockname()[1]
            addresses = gather(context, f"{host}:{port}")
        machines = Machines(network(addresses, number), lambda value: gather(context, value))
        training, horizons = self.settings.training, self.settings.label.horizons
        try:
            fitted = fit(train, tune, horizons, training, self.signs, machines=machines)
        except lgb.basic.LightGBMError as error:
            raise DataError(in_words(str(error), number, addresses)) from None
        yield replace(fitted, model=replace(fitted.model, trees=_without_addresses(fitted)))

    def agreement(self, home: Home) -> dict[str, str]:
        """Whatever must be the same on every executor, by its name."""
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


def network(addresses: Sequence[str], number: int) -> dict[str, Any]:
    """LightGBM's parameters of one of the machines at these addresses."""
    return {
        "tree_learner": "data",
        "num_machines": len(addresses),
        "machines": ",".join(addresses),
        "local_listen_port": int(addresses[number].rpartition(":")[2]),
        "time_out": CONNECT_MINUTES,
    }


def in_words(reason: str, number: int, addresses: Sequence[str]) -> str:
    """LightGBM's complaint about its network, with a remedy."""
    reason, at = reason.split(" at /")[0], f"executor {number} at {addresses[number]}"
    if "inding port" in reason:
        return f"{at}: another program took the port before LightGBM could ({reason}). Train again."
    return (
        f"{at} and the others ({', '.join(addresses)}) do not reach each other: {reason}. Open the ports "
        "between the workers (from Linux's ip_local_port_range), or train with executors = 1."
    )


def gather(context: "BarrierTaskContext", value: Any) -> list[Any]:
    """The values of all executors, in their order, as JSON has them; each waits for all."""
    return [json.loads(text) for text in context.allGather(json.dumps(value))]


def _without_addresses(fitted: Fitted) -> Any:
    """The trees without the addresses of this run, so that the same rows give the same text."""
    trees = fitted.model.trees
    text = trees.text
    for name, value in OF_NETWORK.items():
        text = re.sub(rf"^\[{name}: .*\]$", f"[{name}: {value}]", text, flags=re.MULTILINE)
    return replace(trees, text=text)


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
