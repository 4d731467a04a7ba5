"""A real PostgreSQL server for tests, on a loopback port: started when the first test asks for it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.servers import PATIENCE, free_port, needed

PASSWORD = "hunter2-geheim"
USER = "reader"
REMEDY = "install Debian's package postgresql, and what requirements.lock names"


def server_program(name: str) -> str | None:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(places[-1]) if places else shutil.which(name)


@dataclass
class Server:
    """A running server; ``folder`` holds its files, ``run_as`` the account it runs under."""

    folder: Path
    port: int
    run_as: dict[str, Any]
    made: bool = False

    @property
    def dsn(self) -> str:
        """The database ``postgres``, without the password."""
        return f"host=127.0.0.1 port={self.port} dbname=postgres user={USER}"

    def run(self, *command: str | None) -> None:
        text = [str(part) for part in command]
        subprocess.run(text, check=True, capture_output=True, cwd=self.folder, **self.run_as)

    def stop(self) -> None:
        if (self.folder / "db" / "postmaster.pid").exists():
            self.run(server_program("pg_ctl"), "-D", "db", "-t", str(PATIENCE), "-m", "immediate", "stop")

    def sql(self, statements: str, database: str = "postgres") -> None:
        import psycopg

        where = {"host": "127.0.0.1", "port": self.port, "dbname": database}
        with psycopg.connect(**where, user=USER, password=PASSWORD, autocommit=True) as connection:
            connection.execute(statements)

    def empty_store(self) -> str:
        """The address of a database without tables, for SQLAlchemy; it sorts by the rules of a language."""
        if not self.made:
            self.sql(
                "CREATE DATABASE store TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'"
            )
            self.made = True
        emptied = "DROP SCHEMA IF EXISTS access_log CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        self.sql(emptied, "store")
        return self.store("store")

    def store(self, database: str) -> str:
        """The address of a database, for SQLAlchemy."""
        return f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with running_server() as server:
        yield server


@contextmanager
def running_server(durable: bool = False) -> Iterator[Server]:
    """A server of its own until the end of the block; only a durable one waits for the disk."""
    initdb, control = server_program("initdb"), server_program("pg_ctl")
    needed(initdb and control and find_spec("psycopg"), f"no PostgreSQL server, or no psycopg: {REMEDY}")
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="attrition-pg-", dir="/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        run_as: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            account = pwd.getpwnam("nobody")
            run_as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(folder, account.pw_uid, account.pw_gid)
        server = Server(folder, free_port(), run_as)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        account_options = ("-U", USER, "--auth=scram-sha-256", "--pwfile=password")
        server.run(initdb, "-D", "db", "-E", "UTF8", "--locale=C", *account_options)
        options = f"-p {server.port} -h 127.0.0.1 -k {folder} {'' if durable else '-F'}"
        stack.callback(server.stop)  # also where it has started, but too slowly for pg_ctl
        server.run(control, "-D", "db", "-w", "-t", str(PATIENCE), "-l", "log", "-o", options, "start")
        yield server
