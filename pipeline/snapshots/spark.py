"""The work on buckets as Spark tasks; extra ``spark``.

A task is handed a bucket's number, reads that bucket's files and writes its output files itself. Rows never
travel between the JVM and Python, and the bytes are those of a local run, because the code is the same.
docs/spark.md says how this runs on a cluster.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from configs.errors import ConfigError, DataError

if TYPE_CHECKING:  # pyspark is an extra, and starting it costs seconds
    from pyspark import SparkContext

Result = TypeVar("Result")
ROOT = Path(__file__).resolve().parents[2]
LOG_SETTINGS = ROOT / "pipeline/snapshots/spark_log4j2.properties"
POLL_SECONDS = 0.2
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
            "Mend spark_master in [engine], for example local[2] or yarn."
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

    ``work`` is a top-level function, or a ``functools.partial`` of one, so that workers import it by name.
    ``progress`` gets the buckets done and the buckets in all. A bucket that fails with an error of the user's
    stops the others. Raises the DataError or ConfigError of the first that failed, as its task raised it.
    """
    outcomes = context.accumulator({}, _outcomes())

    def task(bucket: int) -> None:
        outcomes.add({bucket: _attempt(work, bucket)})

    with ThreadPoolExecutor(max_workers=1) as waiting:
        job = waiting.submit(context.parallelize(range(buckets), max(buckets, 1)).foreach, task)
        try:
            while not job.done() and not _failures(outcomes.value):
                progress(len(outcomes.value), buckets)
                wait([job], timeout=POLL_SECONDS)
            progress(len(outcomes.value), buckets)
        finally:
            if not job.done():
                context.cancelAllJobs()
    for failed in _failures(outcomes.value):
        raise outcomes.value[failed]
    job.result()
    return [outcomes.value[bucket] for bucket in range(buckets)]


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


def _failures(outcomes: dict[int, Any]) -> list[int]:
    """The buckets that failed with an error of the user's."""
    return sorted(k for k, outcome in outcomes.items() if isinstance(outcome, (DataError, ConfigError)))


def _outcomes() -> Any:
    """The accumulator of outcomes by bucket: filled once per bucket, as soon as its task has ended."""
    from pyspark import AccumulatorParam

    class Outcomes(AccumulatorParam[dict[int, Any]]):
        def zero(self, value: dict[int, Any]) -> dict[int, Any]:  # noqa: ARG002
            return {}

        def addInPlace(self, value1: dict[int, Any], value2: dict[int, Any]) -> dict[int, Any]:  # noqa: N802
            return value1 | value2

    return Outcomes()


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
