"""Storage that workers reach through Arrow, S3 or HDFS for example, in place of a folder that all of them
mount.

The driver lays the tables there. A task brings its bucket's files into a folder of its own, works as on one
machine and sends back what it wrote; the driver fetches that. The bytes are those of a local run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Protocol
from uuid import uuid4

import pyarrow as pa
from pyarrow import fs

from configs.errors import ConfigError
from configs.tables import TABLES
from pipeline.tables import Ingested, bucket_name

HERE = fs.LocalFileSystem()


class BucketTask(Protocol):
    """The work on one bucket: a dataclass with the tables that it reads and the folder of its drafts."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def tables(self) -> Ingested: ...

    @property
    def drafts(self) -> Path: ...

    def __call__(self, bucket: int) -> None: ...


@dataclass(frozen=True)
class Staged:
    """The work on one bucket whose tables lie below ``uri``; its drafts go to ``uri``/making/``run``."""

    task: BucketTask
    uri: str
    run: str

    def __call__(self, bucket: int) -> None:
        store, root = _open(self.uri)
        with TemporaryDirectory() as scratch:
            tables, drafts = Path(scratch, "tables"), Path(scratch, "making")
            for folder in self.task.tables.folders:
                _bring(store, f"{root}/tables/{folder.name}", bucket, tables / folder.name)
            near = replace(self.task.tables, folder=tables / self.task.tables.fingerprint)
            replace(self.task, tables=near, drafts=drafts)(bucket)
            _copy(str(drafts), f"{root}/making/{self.run}", HERE, store)


@contextmanager
def staged(task: BucketTask, uri: str) -> Iterator[Staged]:
    """The task for workers that reach ``uri``; what they wrote lies in the task's drafts when the block ends.

    Raises ConfigError for an address that Arrow cannot reach.
    """
    run = uuid4().hex
    store, root = _open(uri)
    try:
        _send_deliveries(task, store, root)
    except OSError as error:
        raise ConfigError(
            f"storage {uri!r} cannot be written: {str(error).splitlines()[0]}. Mend storage in [engine], or "
            "give this machine the rights."
        ) from None
    try:
        yield Staged(task, uri, run)
        _copy(f"{root}/making/{run}", str(task.drafts), store, HERE)
    finally:
        if store.get_file_info(f"{root}/making/{run}").type is fs.FileType.Directory:
            store.delete_dir(f"{root}/making/{run}")


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
    """A folder with all that is in it."""
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
    return "Mend storage in [engine], for example s3://bucket/attrition or hdfs://namenode:8020/attrition."
