"""What lies below a folder, to be compared."""

from pathlib import Path


def bytes_below(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    """Each file whose name fits, by its path in the folder."""
    files = sorted(path for path in folder.rglob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
