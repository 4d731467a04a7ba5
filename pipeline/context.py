"""The context of a command: a bank's settings, folder, tables and signing keys, the user, the clock."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from configs.dates import WEEK, latest_monday
from configs.errors import ConfigError, DataError
from configs.settings import Settings
from configs.signing_keys import SHORTEST, kept_key, parse_key
from pipeline.artefacts import Home
from pipeline.lease import user_name
from pipeline.tables import INGEST_VERSION, Ingested, read_ingested

MOST_WEEKS_BEHIND = 5  # of the data before the Monday of a model: a bank may deliver the ends of months alone


@dataclass(frozen=True)
class Context:
    """A bank's settings and the folder of its artefacts.

    ``data`` holds all banks, the registry and, for banks to try things out with, the keys. ``clock`` is only
    ever asked for audit entries, mail and the Monday of a run that names none. ``store`` is the address of a
    score store that lies elsewhere; ``shared`` the folder of the bank whose cohort and features a replay
    uses.
    """

    settings: Settings
    data: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    store: str = ""
    shared: Path | None = None

    @property
    def home(self) -> Home:
        return Home(self.data / self.settings.bank, self.store, self.shared)

    @property
    def tables(self) -> Ingested:
        """The tables of the last ingest. Raises DataError before the first, and for another version's."""
        tables = read_ingested(self.home)
        if tables.version != INGEST_VERSION:
            raise DataError(
                f"the tables in {self.home.tables} were made by another version of this software and may say "
                f"other things. Make them anew: make ingest BANK={self.settings.bank}."
            )
        return tables

    def tables_for(self, as_of: date) -> Ingested:
        """The tables for a model as of a Monday. Raises DataError where they end weeks before it.

        An outcome that lies behind them would be taken for known: nobody is seen to leave there.
        """
        tables = self.tables
        most = latest_monday(tables.last_day + MOST_WEEKS_BEHIND * WEEK)
        if as_of > most:
            raise DataError(
                f"the data ends on {tables.last_day}, more than {MOST_WEEKS_BEHIND} weeks before {as_of}, so "
                "that outcomes until then are not known. Name a Monday that the data reaches, or make ingest "
                f"BANK={self.settings.bank} with the files of the weeks since."
            )
        return tables

    @property
    def user(self) -> str:
        """The name of the user. Raises ConfigError for none."""
        return user_name()

    @property
    def bundle_key(self) -> bytes:
        """The key that signs this bank's bundles."""
        return self._key("bundle")

    @property
    def audit_key(self) -> bytes:
        """The key that signs the entries of this bank's audit log."""
        return self._key("audit")

    def _key(self, purpose: str) -> bytes:
        """ATTRITION_<PURPOSE>_KEY, or ``data/<purpose>-key``, which a bank with automatic approval makes.

        Raises ConfigError if there is none, or it is weak, or others may read the file.
        """
        variable, path = f"ATTRITION_{purpose.upper()}_KEY", self.data / f"{purpose}-key"
        text = os.environ.get(variable, "")
        if text:
            return parse_key(text, variable)
        if self.settings.promotion.approval != "automatic":
            raise ConfigError(
                f"{variable} is not set. Make a key with `openssl rand -hex {SHORTEST}`, keep it where the "
                f"bank keeps secrets, and set it for whoever runs bank {self.settings.bank!r}."
            )
        return parse_key(kept_key(path), str(path))
