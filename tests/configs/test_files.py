"""A file or folder is there whole or not at all."""

from pathlib import Path

import pytest

from configs import files
from configs.files import whole_folder


def fill(target: Path, text: str) -> None:
    with whole_folder(target) as draft:
        (draft / "below").mkdir()
        (draft / "below" / "file").write_text(text)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_replaced_whole(tmp_path):
    fill(tmp_path / "a", "old")
    (tmp_path / "a" / "gone").write_text("not in the new one")
    fill(tmp_path / "a", "new")
    assert contents(tmp_path) == {"a/below/file": "new"}


def test_nobody_sees_a_folder_that_is_being_filled(tmp_path):
    with whole_folder(tmp_path / "a") as draft:
        (draft / "file").write_text("half")
        assert not (tmp_path / "a").exists()
    assert contents(tmp_path) == {"a/file": "half"}


def test_an_error_while_filling_leaves_the_old_folder_and_no_draft(tmp_path):
    fill(tmp_path / "a", "old")
    with pytest.raises(IsADirectoryError), whole_folder(tmp_path / "a") as draft:
        draft.write_text("no folder takes a text")
    assert contents(tmp_path) == {"a/below/file": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("call", [1, 2])
def test_a_rename_that_fails_leaves_the_old_folder(tmp_path, monkeypatch, call):
    """The first rename moves the old folder aside, the second the new one into its place."""
    fill(tmp_path / "a", "old")
    rename, calls = Path.rename, []

    def failing(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == call:
            raise OSError(5, "Input/output error")
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        with pytest.raises(OSError, match="Input/output error"):
            fill(tmp_path / "a", "new")
    assert contents(tmp_path) == {"a/below/file": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "below" / "file").unlink(),
        lambda folder: (folder / "below" / "file").write_text("longer than before"),
        lambda folder: (folder / "extra").touch(),
        lambda folder: (folder / files.MANIFEST).write_text("{"),
        lambda folder: (folder / files.MANIFEST).unlink(),
    ],
)
def test_a_folder_that_differs_from_its_manifest_is_not_whole(tmp_path, damage):
    fill(tmp_path, "content")
    files.write_manifest(tmp_path)
    assert files.is_whole(tmp_path)
    damage(tmp_path)
    assert not files.is_whole(tmp_path)


def test_a_file_that_is_written_is_flushed_to_disk_before_it_is_shown(tmp_path, monkeypatch):
    done: list[str] = []
    flush, rename = files.flush_to_disk, Path.rename
    monkeypatch.setattr(files, "flush_to_disk", lambda path: (done.append(path.name), flush(path)))
    monkeypatch.setattr(Path, "rename", lambda path, to: (done.append("rename"), rename(path, to)))
    fill(tmp_path / "a", "new")
    assert done == ["below", "file", files.draft_of(tmp_path / "a").name, "rename", tmp_path.name]


def test_what_others_could_read_is_tightened_but_not_links(tmp_path):
    (tmp_path / "folder").mkdir(mode=0o755)
    file, link = tmp_path / "folder" / "file", tmp_path / "link"
    for path, mode in ((file, 0o754), (tmp_path / "private", 0o600), (tmp_path / "elsewhere", 0o644)):
        path.touch()
        path.chmod(mode)
    link.symlink_to(tmp_path / "elsewhere")
    paths = [tmp_path / "folder", file, tmp_path / "private", link, tmp_path / "gone"]
    assert (files.tighten(paths), files.tighten(paths)) == (2, 0)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "folder", file, tmp_path / "elsewhere")]
    assert modes == [0o700, 0o700, 0o644]
