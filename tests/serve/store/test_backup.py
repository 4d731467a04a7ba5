"""A backup is whole and sound or refused; a restore gives the old answers under the readers' eyes."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from configs.errors import DataError
from serve.store.backup import back_up, restoring
from serve.store.store import Store
from tests.serve.conftest import whole


def restore(url: str, source: Path) -> None:
    """A backup in place, with nothing added."""
    with restoring(url, source):
        pass


@pytest.fixture
def file(store_url):
    return Path(store_url.removeprefix("sqlite:///"))


@pytest.fixture
def backup(published, store_url, tmp_path):
    assert published.latest_run().run_id == "run-1"
    (tmp_path / "kept").mkdir()
    assert back_up(store_url, tmp_path / "kept" / "backup.db") == 1
    return tmp_path / "kept" / "backup.db"


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as opened:
        for statement in statements:
            opened.executescript(statement)
        opened.commit()


def test_a_restore_under_an_open_reader_gives_the_old_answers(
    published, store_url, backup, publish_run, make_run
):
    before = whole(published)
    publish_run("run-2", date(2026, 11, 23))
    with published.at_run() as read_session:
        restore(store_url, backup)
        assert (read_session.run.run_id, len(read_session.page())) == ("run-2", 5)
    assert whole(published) == before
    assert published.history() == (make_run(),)
    publish_run("run-3", date(2026, 11, 30))
    assert published.latest_run().run_id == "run-3"


def test_a_restore_where_there_is_no_store(backup, published, tmp_path):
    elsewhere = f"sqlite:///{tmp_path}/new/store.db"
    restore(elsewhere, backup)
    with Store(elsewhere) as store:
        assert whole(store) == whole(published)


def test_the_same_store_gives_the_same_bytes_in_one_file(backup, store_url, tmp_path):
    back_up(store_url, tmp_path / "again.db")
    assert (tmp_path / "again.db").read_bytes() == backup.read_bytes()
    assert [path.name for path in backup.parent.iterdir()] == ["backup.db"]


@pytest.mark.usefixtures("published")
def test_what_was_just_written_is_in_the_backup(publish_run, store_url, tmp_path):
    """It still lies in the write-ahead log then, which a copied file would leave behind."""
    publish_run("run-2", date(2026, 11, 23))
    assert back_up(store_url, tmp_path / "backup.db") == 2


BROKEN = {
    "one score less": (
        "DELETE FROM profiles WHERE customer_id = 'c3'; DELETE FROM decisions WHERE customer_id = 'c3'; "
        "DELETE FROM scores WHERE customer_id = 'c3'",
        "declares 5 scores and 1 exclusions and holds 4",
    ),
    "no exclusion": ("DELETE FROM exclusions", "holds 5 and 0"),
    "an orphan": (
        "UPDATE reasons SET customer_id = 'c8' WHERE customer_id = 'c1'",
        "1 reasons belong to no score",
    ),
    "a lost score": (
        "DELETE FROM scores WHERE customer_id = 'c3'",
        "a row of (profiles|decisions) belongs to nothing",
    ),
    "a lost key": ("UPDATE decisions SET manager_id = 'M9'", "a row of decisions belongs to nothing"),
    "figures of no run": (
        "UPDATE branch_figures SET run_version = 9",
        "a row of branch_figures belongs to nothing",
    ),
    "no pointer's run": ("UPDATE current_run SET run_version = 9", "a row of current_run belongs to nothing"),
    "another version": (
        "UPDATE schema_version SET version_num = '0099'",
        "of version 0099, this software needs",
    ),
    "no version": ("DROP TABLE schema_version", "no such table: schema_version"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_backup_that_does_not_add_up_is_refused(published, store_url, backup, case):
    statement, found = BROKEN[case]
    change(backup, *statement.split("; "))
    before = whole(published)
    with pytest.raises(DataError, match=found):
        restore(store_url, backup)
    assert whole(published) == before


@pytest.mark.parametrize("damage", ["cut", "overwritten", "not a database", "missing"])
def test_a_damaged_file_is_refused(published, store_url, backup, damage):
    content = backup.read_bytes()
    backup.unlink()
    if damage == "cut":
        backup.write_bytes(content[: len(content) // 2])
    elif damage == "overwritten":
        backup.write_bytes(content[:4096] + b"\xff" * 4096 + content[8192:])
    elif damage == "not a database":
        backup.write_bytes(b"not a database" * 1000)
    before = whole(published)
    with pytest.raises(DataError, match="backup"):
        restore(store_url, backup)
    assert whole(published) == before


def test_a_store_that_is_not_sound_gives_no_backup(published, file, store_url, tmp_path):
    published.close()
    change(file, "DELETE FROM reasons", "DELETE FROM exclusions")
    with pytest.raises(DataError, match="holds 5 and 0"):
        back_up(store_url, tmp_path / "backup.db")
    assert not (tmp_path / "backup.db").exists()
    assert not list(tmp_path.glob(".draft-*"))


def test_a_backup_is_not_written_over(backup, store_url):
    with pytest.raises(DataError, match="exists already"):
        back_up(store_url, backup)


@pytest.mark.usefixtures("published")
def test_a_mistyped_folder_is_not_made(store_url, tmp_path):
    with pytest.raises(DataError, match=r"there is no folder .*/kpet for the backup\. Make it"):
        back_up(store_url, tmp_path / "kpet" / "backup.db")
    assert not (tmp_path / "kpet").exists()


def test_what_is_added_to_a_backup_is_put_in_place_with_it_or_neither_is(published, store_url, backup):
    def restore_and(error: Exception | None) -> None:
        with restoring(store_url, backup) as copy, Store(copy) as store:
            with store.write() as connection:
                connection.execute(text("DELETE FROM current_run"))
            if error:
                raise error

    before = whole(published)
    with pytest.raises(DataError, match="was not put in place of the store: no entry"):
        restore_and(DataError("no entry"))
    assert whole(published) == before
    restore_and(None)
    with pytest.raises(DataError, match="no published run"):
        published.latest_run()
    assert not list(Path(store_url.removeprefix("sqlite:///")).parent.glob(".draft-*"))


def test_a_missing_store_gives_no_backup(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        back_up(f"sqlite:///{tmp_path}/none.db", tmp_path / "backup.db")
    assert list(tmp_path.iterdir()) == []


def test_postgresql_has_tools_of_its_own(tmp_path):
    address = "postgresql+psycopg://reader:geheim@host/scores"
    for action in (back_up, restore):
        sentence = r"pg_dump and pg_restore, as docs/store\.md shows"
        with pytest.raises(DataError, match=sentence) as refused:
            action(address, tmp_path / "backup.db")
        assert "geheim" not in str(refused.value)
