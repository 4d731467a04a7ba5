"""Files and folders written whole or not at all: a draft beside the target, flushed to disk, then renamed."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MANIFEST = ".manifest.json"  # the size of every other file in its folder
DEEPEST = 3  # folders below a bank's in which drafts are made


def keep_private() -> None:
    """From here on whatever this process and its children write is for their own account alone."""
    os.umask(0o077)


def tighten(paths: Iterable[Path]) -> int:
    """Take the rights of all other accounts from files and folders; the number that had any.

    What belongs to another account is left.
    """
    tightened = 0
    for path in paths:
        with suppress(OSError):  # gone meanwhile, or not ours
            mode = path.lstat().st_mode
            if mode & 0o077 and not path.is_symlink():
                path.chmod(mode & 0o700)
                tightened += 1
    return tightened


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """The path of a draft to write.

    It becomes ``target`` in one rename when the block ends well, else it goes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(target)
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
    draft = draft_of(target)
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


def write_manifest(folder: Path) -> None:
    """Note in a folder that is filled what is in it."""
    (folder / MANIFEST).write_text(json.dumps(_sizes(folder), indent=1), "utf-8")


def is_whole(folder: Path) -> bool:
    """True where a folder holds every file of its manifest in its size, and no other file."""
    manifest = folder / MANIFEST
    try:
        return json.loads(manifest.read_text("utf-8")) == _sizes(folder)
    except (FileNotFoundError, ValueError):
        return False


def remove_left_over(root: Path) -> None:
    """Remove the drafts of killed processes below ``root``, for a process that alone writes there.

    A folder that was set aside returns where none took its place.
    """
    for depth in range(DEEPEST):
        below = "*/" * depth
        for aside in list(root.glob(f"{below}.old-*")):
            target = aside.with_name(aside.name.removeprefix(".old-"))
            shutil.rmtree(aside) if target.exists() else aside.rename(target)
        for draft in list(root.glob(f"{below}.draft-*")):
            shutil.rmtree(draft) if draft.is_dir() else draft.unlink()


def flush_to_disk(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, would survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def draft_of(target: Path) -> Path:
    """The path at which this process makes what becomes ``target``."""
    return target.with_name(f".draft-{os.getpid()}-{target.name}")


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
