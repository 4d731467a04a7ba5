"""One source of a bank: which files or query it is, and how its rows are written."""

from operator import not_
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from configs.strict import Strict

# What a bank does not set is not written either: a run's settings keep their bytes.
Words = Annotated[str, Field(exclude_if=not_)]
Texts = Annotated[tuple[str, ...], Field(strict=False, exclude_if=not_)]
NewColumn = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Unpivot(Strict):
    """Columns of wide files that become rows: a column per month, day or product.

    ``columns`` are patterns of their names, such as BAL_*. Each filled cell below them becomes a row, with
    the other columns of its line, the text of its header in the column ``header`` and the cell in ``value``.
    With ``period`` the header names a month (2024-03, BAL_202403, mar24) or a day, and ``header`` holds its
    last day, 2024-03-31.
    """

    columns: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    header: NewColumn
    value: NewColumn
    period: Annotated[Literal["", "month", "day"], Field(exclude_if=not_)] = ""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.header.lower() == self.value.lower():
            raise ValueError(f"header and value are both named {self.value!r}; give each a name of its own")
        return self


class Source(Strict):
    """Rows that the bank delivers, under one name in its SELECTs: files, or a query of its database.

    ``files`` is a glob below the raw folder; a folder that it leads to counts with all files in it. CSV files
    may be gzip; ``encoding`` is any that Python knows, for example gb18030; UTF-8 is read several times
    faster. For ``postgres``: ``query`` or ``table``, and ``dsn_env``, the name of the environment variable
    that holds the connection string, which stands in no file.

    ``decimal`` and ``thousands`` are the marks in its numbers. Unsaid, the decimal mark is a point, and an
    amount with more decimals than its currency has is refused: 12.500 may be a thousand.

    Of CSV files and workbooks: ``skip`` lines stand above the header; ``columns`` are the names where there
    is no header; ``nulls`` are texts that mean nothing. Of CSV: ``escape`` before a quote in a quoted field,
    where it is not doubled; ``footer`` begins the lines below the last row, without which a file is cut off.
    Of a workbook: the name of its ``sheet``. Of two columns, ``credit`` less ``debit`` is one more, amount.

    ``unpivot``: which columns of wide files become rows. A later file may have more or fewer of them.

    ``rolling``: each file may hold less of the past than the one before; rows that were loaded then stay.
    """

    files: str = ""
    format: Literal["csv", "xlsx", "parquet", "postgres"] = "csv"
    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    query: str = ""
    table: str = Field("", pattern=r"^[^;\s]*$")
    dsn_env: str = Field("", pattern=r"^[A-Za-z_]?[A-Za-z0-9_]*$")
    decimal: Literal["", ".", ","] = Field("", exclude_if=not_)
    thousands: Literal["", ".", ",", " ", "'", "\u00a0", "\u202f"] = Field("", exclude_if=not_)
    skip: Annotated[int, Field(ge=0, le=1000, exclude_if=not_)] = 0
    columns: Texts = ()
    nulls: Texts = ()
    escape: Annotated[str, Field(max_length=1, exclude_if=not_)] = ""
    footer: Words = ""
    sheet: Words = ""
    credit: Words = ""
    debit: Words = ""
    unpivot: Annotated[Unpivot | None, Field(exclude_if=not_)] = None
    rolling: Annotated[bool, Field(exclude_if=not_)] = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.format == "postgres":
            if self.files or bool(self.query) == bool(self.table) or not self.dsn_env:
                raise ValueError("format 'postgres' takes dsn_env and either query or table, and no files")
        elif self.query or self.table or self.dsn_env:
            raise ValueError("query, table and dsn_env are for format 'postgres'")
        elif not self.files or Path(self.files).is_absolute():
            raise ValueError(
                f"files must be a pattern below the raw folder, such as 'txn_*.csv', not {self.files!r}"
            )
        return self

    @model_validator(mode="after")
    def _fits_format(self) -> Self:
        formats = {"skip": ("csv", "xlsx"), "columns": ("csv", "xlsx"), "nulls": ("csv", "xlsx"),
                   "escape": ("csv",), "footer": ("csv",), "sheet": ("xlsx",)}  # fmt: skip
        for name, allowed in formats.items():
            if getattr(self, name) and self.format not in allowed:
                raise ValueError(f"{name} is for format {' and '.join(allowed)}, not {self.format!r}")
        if self.thousands and self.thousands == (self.decimal or "."):
            raise ValueError(f"thousands {self.thousands!r} is the decimal mark too; set decimal to another")
        if bool(self.credit) != bool(self.debit):
            raise ValueError("credit and debit name two columns; set both, or neither")
        if self.unpivot and self.credit:
            raise ValueError("unpivot does not go with credit and debit; leave those out and use the SELECT")
        if self.escape and self.escape in (self.delimiter, '"'):
            raise ValueError(f"escape {self.escape!r} has a meaning already; leave it out or set another")
        if len({column.lower() for column in self.columns}) < len(self.columns) or not all(self.columns):
            raise ValueError("columns must be distinct names, none of them empty")
        return self

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)  # finds no codec that is not for text, such as base64
        except (LookupError, ValueError):
            raise ValueError(f"unknown encoding {encoding!r}; use for example utf-8 or gb18030") from None
        return encoding
