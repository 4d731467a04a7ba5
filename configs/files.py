"""Files and folders written whole or not at all: a draft beside the target, flushed to disk, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """The path of a draft to write.

    It becomes ``target`` in one rename when the block ends well, else it goes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft_of(target)
    draft.unlink(missing_ok=True)
    try:
        yield draft
        flush_to_disk(draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    flush_to_disk(target.parent)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A draft folder to fill; it becomes ``target`` in one rename when the block ends well, else it goes."""
    draft = _draft_of(target)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        for path in sorted(draft.rglob("*")):
            flush_to_disk(path)
        flush_to_disk(draft)
        _replace_folder(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def flush_to_disk(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, would survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _draft_of(target: Path) -> Path:
    return target.with_name(f".draft-{target.name}")


def _replace_folder(draft: Path, target: Path) -> None:
    """Rename needs an empty target: an older one steps aside first and goes last."""
    aside = target.with_name(f".old-{target.name}")
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.rename(aside)
    try:
        draft.rename(target)
    except OSError:
        if aside.exists():
            aside.rename(target)
        raise
    flush_to_disk(target.parent)
    shutil.rmtree(aside, ignore_errors=True)
