"""How the databases are set up and what their faults are called."""

import pytest
from sqlalchemy import event, text

from configs.errors import ConfigError, DataError
from configs.published import Exclusion
from serve.store.store import Store
from tests.serve.conftest import whole


def test_a_missing_store_is_not_created_by_reading(tmp_path):
    with Store(f"sqlite:///{tmp_path}/none.db") as store, pytest.raises(DataError, match="make weekly"):
        store.latest_run()
    assert not list(tmp_path.iterdir())


def test_a_store_without_a_run_or_of_another_kind_says_so(store, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "store.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DataError, match="not a database"):
        store.latest_run()


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "nosuch://user:secret@host/x"])
def test_an_address_that_cannot_be_used_is_a_config_error_without_the_password(url):
    with pytest.raises(ConfigError, match="score store") as refused:
        Store(url)
    assert "secret" not in str(refused.value)


def test_sqlite_is_set_up_to_survive_a_power_cut(published):
    with published.engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.execute(text(f"PRAGMA {one}")).scalar() for one in pragmas]
    assert found == ["wal", 2, 1]


def test_a_full_disk_is_a_data_error_and_the_old_run_stays(published, make_run, scores, lists):
    before = whole(published)

    @event.listens_for(published.engine, "begin")
    def no_more_pages(connection):
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite caps it at the present size

    many = tuple(Exclusion(f"x{k}", "too_new") for k in range(5_000))
    run = make_run("run-2", excluded={"too_new": 5_000})
    with pytest.raises(DataError, match="full"):
        published.publish(run, scores, many, lists)
    assert whole(published) == before
