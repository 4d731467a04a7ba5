"""The work on buckets as Spark tasks; extra ``spark``.

A task is handed a bucket's number, reads that bucket's files and writes its output files itself. Rows never
travel between the JVM and Python, and the bytes are those of a local run, because the code is the same.

Where workers mount no folder, the driver lays the tables on storage that Arrow reaches, S3 or HDFS for
example. A task brings its bucket's files into a folder of its own and sends back what it wrote; the driver
fetches that. docs/spark.md says how this runs on a cluster.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import pyarrow as pa
from pyarrow import fs

from configs.errors import ConfigError, DataError
from configs.tables import TABLES
from pipeline.tables import Ingested, bucket_name

if TYPE_CHECKING:  # pyspark is an extra, and starting it costs seconds
    from pyspark import SparkContext

Item = TypeVar("Item")
Result = TypeVar("Result")
HERE = fs.LocalFileSystem()
ROOT = Path(__file__).resolve().parents[2]
LOG_SETTINGS = ROOT / "pipeline/snapshots/spark_log4j2.properties"
# No pandas frame and no SQL is exchanged with Spark, so its warning about pandas 3 says nothing here.
EVERYWHERE = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.speculation": "false",  # a second attempt beside the first would write the same file
    "spark.python.worker.reuse": "true",  # imports and compiled kernels are loaded once per core
    "spark.python.worker.faulthandler.enabled": "true",  # a crash in native code names its line
    "spark.executorEnv.PYTHONWARNINGS": "ignore:PySpark does not yet fully support pandas:FutureWarning",
}
# On one machine nothing listens beyond it, and the workers import the project from where it stands.
ON_ONE_MACHINE = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOG_SETTINGS}",
    "spark.executorEnv.PYTHONPATH": str(ROOT),
}


@dataclass(frozen=True)
class BucketTask:
    """The work on one bucket: it reads these tables and writes drafts, of the Mondays that are due."""

    tables: Ingested
    due: tuple[date, ...]
    drafts: Path

    def __call__(self, bucket: int) -> None:
        raise NotImplementedError


@contextmanager
def session(master: str) -> Iterator["SparkContext"]:
    """Spark for the length of the block; ``master`` is for example local[2], yarn or k8s://….

    Raises ConfigError without pyspark or Java, and for a master that cannot be reached. What the JVM says of
    a wrong master is pages long; this says it in a line.
    """
    _check_installed()
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError

    local = master.startswith("local")
    wanted = EVERYWHERE | (ON_ONE_MACHINE if local else {})
    conf = SparkConf().setMaster(master).setAppName("attrition-watch").setAll(list(wanted.items()))
    try:
        context = SparkContext(conf=conf)
    except (Py4JError, PySparkRuntimeError, ValueError) as error:
        raise ConfigError(
            f"Spark does not start on master {master!r}: {_cause(error)}. "
            "Correct spark_master in [engine], for example local[2] or yarn."
        ) from None
    if local:
        context.pythonExec = sys.executable  # not whichever python3 stands first on the path
    try:
        yield context
    finally:
        context.stop()


def over_buckets(
    context: "SparkContext", work: Callable[[int], Result], buckets: int, progress: Callable[[int, int], None]
) -> list[Result]:
    """``work`` of every bucket, in the order of the buckets, as a local executor would return it.

    ``work`` is a top-level function, or made of one, so that workers import it by name.
    ``progress`` gets the buckets done and the buckets in all. A bucket that fails with an error of the user's
    stops the others. Raises the DataError or ConfigError of the first that failed, as its task raised it.
    """
    from pyspark.accumulators import AddingAccumulatorParam

    none: Any = ()  # pairs of a bucket and its outcome
    outcomes = context.accumulator(none, AddingAccumulatorParam(none))

    def task(bucket: int) -> None:
        outcomes.add(((bucket, _attempt(work, bucket)),))

    with ThreadPoolExecutor(max_workers=1) as waiting:
        job = waiting.submit(context.parallelize(range(buckets), max(buckets, 1)).foreach, task)
        try:
            while not job.done() and not _failures(outcomes.value):
                progress(len(outcomes.value), buckets)
                wait([job], timeout=0.2)
            progress(len(outcomes.value), buckets)
        finally:
            if not job.done():
                context.cancelAllJobs()
    for failure in _failures(outcomes.value):
        raise failure
    job.result()
    by_bucket = dict(outcomes.value)
    return [by_bucket[bucket] for bucket in range(buckets)]


@dataclass(frozen=True)
class Cluster:
    """Spark, the sources whose files its tasks read, and a folder that all of them see."""

    context: "SparkContext"
    sources: frozenset[str]
    folder: Path

    def over(self, task: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """One task per item."""
        return over_buckets(
            self.context, lambda number: task(items[number]), len(items), lambda _done, _of: None
        )


def _attempt(work: Callable[[int], Result], bucket: int) -> Result | DataError | ConfigError:
    """Runs on a worker. A user's error is an outcome: Spark would try again and wrap it in its own."""
    try:
        return work(bucket)
    except (DataError, ConfigError) as error:
        return error
    except FileNotFoundError as error:
        return DataError(
            f"bucket {bucket}: {error}. Every Spark worker reads and writes the data folder itself: "
            "put it on storage that all of them mount under the same path."
        )


def _failures(outcomes: Sequence[tuple[int, Any]]) -> list[Exception]:
    by_bucket = sorted(dict(outcomes).items())
    return [outcome for _, outcome in by_bucket if isinstance(outcome, (DataError, ConfigError))]


def _check_installed() -> None:
    try:
        import pyspark  # noqa: F401
    except ImportError:
        raise ConfigError(
            "the engine 'spark' needs pyspark. "
            "Install the extra 'spark', or choose kind = \"local\" in [engine]."
        ) from None
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        raise ConfigError(
            f"the engine 'spark' needs Java 17 or newer, and there is none "
            f"{'in JAVA_HOME=' + home if home else 'on the path'}. Install a JRE, or set JAVA_HOME to one."
        )


def _cause(error: Exception) -> str:
    """The message of the JVM, without the stack: the line after "An error occurred while calling …"."""
    lines = [line.strip(" :\t") for line in str(error).splitlines() if line.strip(" :\t")]
    message = next((line for line in lines if "Exception: " in line), lines[0])
    return message.partition("Exception: ")[2] or message


@contextmanager
def staged(task: BucketTask, uri: str) -> Iterator[Callable[[int], None]]:
    """The task for workers that reach ``uri``; what they wrote lies in the task's drafts when the block ends.

    Raises ConfigError for an address that Arrow cannot reach.
    """
    run = uuid4().hex
    store, root = _open(uri)
    try:
        _send_deliveries(task, store, root)
    except OSError as error:
        raise ConfigError(
            f"storage {uri!r} cannot be written: {str(error).splitlines()[0]}. Correct storage in [engine], "
            "or give this machine the rights."
        ) from None
    try:
        yield partial(_work_on_copy, task, uri, run)
        _copy(f"{root}/making/{run}", str(task.drafts), store, HERE)
    finally:
        if store.get_file_info(f"{root}/making/{run}").type is fs.FileType.Directory:
            store.delete_dir(f"{root}/making/{run}")


def _work_on_copy(task: BucketTask, uri: str, run: str, bucket: int) -> None:
    """Work on one bucket of the tables below ``uri``; the drafts go to ``uri``/making/``run``."""
    store, root = _open(uri)
    with TemporaryDirectory() as scratch:
        tables, drafts = Path(scratch, "tables"), Path(scratch, "making")
        for folder in task.tables.folders:
            _bring(store, f"{root}/tables/{folder.name}", bucket, tables / folder.name)
        near = replace(task.tables, folder=tables / task.tables.fingerprint)
        replace(task, tables=near, drafts=drafts)(bucket)
        _copy(str(drafts), f"{root}/making/{run}", HERE, store)


def _send_deliveries(task: BucketTask, store: fs.FileSystem, root: str) -> None:
    """Send the deliveries that are not there yet, and remove those that the tables no longer rest on."""
    store.create_dir(f"{root}/tables")
    stored = {item.base_name for item in store.get_file_info(fs.FileSelector(f"{root}/tables"))}
    wanted = {folder.name: folder for folder in task.tables.folders}
    for name in sorted(stored - wanted.keys()):
        store.delete_dir(f"{root}/tables/{name}")
    for name, folder in wanted.items():
        note = f"{root}/tables/{name}/ingest.json"  # sent last: with it the delivery is complete
        if store.get_file_info(note).type is fs.FileType.NotFound:
            for table in (path for path in folder.iterdir() if path.is_dir()):
                _copy(str(table), f"{root}/tables/{name}/{table.name}", HERE, store)
            fs.copy_files(str(folder / "ingest.json"), note, HERE, store)


def _bring(store: fs.FileSystem, delivery: str, bucket: int, target: Path) -> None:
    """Copy one bucket's parts of a delivery, and the tables that are not by customer."""
    names = [f"{name}/{bucket_name(bucket)}" if item.by_customer else name for name, item in TABLES.items()]
    for name, info in zip(names, store.get_file_info([f"{delivery}/{item}" for item in names]), strict=True):
        if info.type is fs.FileType.Directory:
            _copy(info.path, str(target / name), store, HERE)


def _copy(source: str, target: str, store: fs.FileSystem, to: fs.FileSystem) -> None:
    to.create_dir(target)
    fs.copy_files(source, target, store, to)


def _open(uri: str) -> tuple[fs.FileSystem, str]:
    try:
        store, root = fs.FileSystem.from_uri(uri)
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(
            f"storage {uri!r} cannot be opened: {str(error).splitlines()[0]}. {_remedy(uri)}"
        ) from None
    return store, root


def _remedy(uri: str) -> str:
    if uri.startswith(("hdfs:", "viewfs:")):
        return (
            "Arrow reaches HDFS through Hadoop's own client, on the driver and on every worker: set "
            "JAVA_HOME, HADOOP_HOME (with lib/native/libhdfs.so) and CLASSPATH=$(hadoop classpath --glob)."
        )
    return "Correct storage in [engine], for example s3://bucket/attrition or hdfs://namenode:8020/attrition."
