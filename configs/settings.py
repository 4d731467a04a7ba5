"""One frozen, strict settings object per run: configs/default.toml, then the bank's own bank.toml over it."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, cast, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from configs.dates import Timeline
from configs.errors import ConfigError, DataError, did_you_mean

HORIZONS = (30, 60, 90)  # days; each has its own risk in a published score
BANKS = Path(__file__).parent / "banks"
DEFAULTS = Path(__file__).parent / "default.toml"

Share = Annotated[float, Field(gt=0, le=1)]
Weeks = Annotated[int, Field(ge=1, le=520)]
Days = Annotated[int, Field(ge=0, le=730)]
Value = TypeVar("Value")


def _not_empty(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if not values:
        raise ValueError("must not be empty")
    return values


class ReadOnly(Mapping[str, Value]):
    """A dict that cannot be changed; unlike MappingProxyType it can be sent to another process."""

    def __init__(self, items: Mapping[str, Value]) -> None:
        self._items = dict(items)

    def __getitem__(self, name: str) -> Value:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


# A table with names of the bank's own choice, read-only; and a list.
Named = Annotated[Mapping[str, Value], AfterValidator(ReadOnly), PlainSerializer(dict)]
Listed = Annotated[tuple[Value, ...], Field(strict=False), AfterValidator(_not_empty)]


class Strict(BaseModel):
    """Frozen; an unknown key is an error, and so is a value of another type, such as "5" for 5."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class Source(Strict):
    """Rows that the bank delivers, under one name in its SELECTs: files, or a query of its database.

    ``files`` is a glob below the raw folder; a folder that it leads to counts with all files in it. CSV files
    may be gzip; ``encoding`` is any that Python knows, for example gb18030; UTF-8 is read several times faster.
    For ``postgres``: ``query`` or ``table``, and ``dsn_env``, the name of the environment variable that holds
    the connection string, which stands in no file.
    """

    files: str = ""
    format: Literal["csv", "parquet", "postgres"] = "csv"
    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    query: str = ""
    table: str = Field("", pattern=r"^[^;\s]*$")
    dsn_env: str = Field("", pattern=r"^[A-Za-z_]?[A-Za-z0-9_]*$")

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

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)  # finds no codec that is not for text, such as base64
        except (LookupError, ValueError):
            raise ValueError(f"unknown encoding {encoding!r}; use for example utf-8 or gb18030") from None
        return encoding


class Tier(Strict):
    """One segment by wealth: from this average AUM (base currency) upwards."""

    name: str
    name_zh: str
    min_aum: float = Field(ge=0)


class Cohort(Strict):
    """Who is eligible: average AUM in [min_aum, max_aum), a customer for at least min_tenure_weeks."""

    min_aum: float = Field(ge=0)
    max_aum: float = Field(gt=0)
    min_tenure_weeks: int = Field(ge=0)

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min_aum >= self.max_aum:
            raise ValueError(f"min_aum {self.min_aum} must be below max_aum {self.max_aum}")
        return self


class Label(Strict):
    """What counts as attrition; see features/labels.py."""

    definition: Literal["aum_drop"]
    min_drop: Share
    lead_days: Days
    horizon_days: Literal[30, 60, 90]
    base_weeks: Weeks
    settle_days: Annotated[int, Field(ge=1, le=HORIZONS[0])]  # they lie within the shortest window

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons in days at which a customer's fate is looked at, ascending up to ``horizon_days``."""
        return tuple(days for days in HORIZONS if days <= self.horizon_days)

    def timeline(self, snapshot_date: date) -> Timeline:
        return Timeline(snapshot_date, self.lead_days, self.horizon_days)


class OwnMeasure(Strict):
    """A bank's own additive measure; features/measures.py shows one and checks tables, columns and labels.

    ``where``: allowed labels per column; ``sign``: 1 money in, -1 money out, 0 both. ``en`` and ``zh`` are its
    words, ``group`` the reason it belongs to, ``worse`` 1 when more of it is worrying, -1 when less is.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*[a-z0-9]$")
    table: str
    statistics: Listed[str]
    where: Named[Listed[str]] = Field(default_factory=dict, validate_default=True)
    sign: Literal[-1, 0, 1] = 0
    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)
    group: str
    worse: Literal[-1, 0, 1] = 0


class FeatureSettings(Strict):
    """Trailing windows in whole weeks, ascending; from which amount an entry is large; the bank's measures."""

    windows: Listed[Weeks]
    large_amount: float = Field(gt=0)
    measures: Annotated[tuple[OwnMeasure, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.windows) != sorted(set(self.windows)):
            raise ValueError(f"windows {self.windows} must ascend without repeats")
        return self


class Training(Strict):
    """How many Mondays train, tune and judge; LightGBM's own parameters for whether and when (``lightgbm``)
    and for how much (``severity``)."""

    first_after_weeks: Weeks
    judged_snapshots: Annotated[int, Field(ge=1)]
    tuned_snapshots: Annotated[int, Field(ge=1)]
    min_train_snapshots: Annotated[int, Field(ge=1)]
    retrain_weeks: Weeks
    seed: int
    rounds: Annotated[int, Field(ge=1)]
    patience: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=1)]
    negatives_kept: Share
    half_life_weeks: Annotated[int, Field(ge=0)]
    lightgbm: Named[float | int | str]
    severity: Named[float | int | str]


class Bands(Strict):
    """Lower bounds of the risk for the high and the medium band; everything below is low."""

    high: Share
    medium: Share

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.medium >= self.high:
            raise ValueError(f"medium {self.medium} must be below high {self.high}")
        return self

    def of(self, risk: float) -> str:
        return "high" if risk >= self.high else "medium" if risk >= self.medium else "low"


class Lists(Strict):
    """What a manager's weekly list holds."""

    default_capacity: Annotated[int, Field(ge=1)]
    reasons: Annotated[int, Field(ge=1, le=5)]


class Engine(Strict):
    """Where the buckets are worked on: threads of this process, or Spark. The bytes are the same.

    ``storage`` is the address through which Spark's workers reach the tables, for example s3://bucket/folder;
    empty where they mount the data folder under the same path.
    """

    kind: Literal["local", "spark"]
    workers: Annotated[int, Field(ge=1)]
    spark_master: str = Field(min_length=1)
    storage: str


class Settings(Strict):
    """Everything a run depends on besides its data; stored with each bundle, but for what changes no byte."""

    bank: str
    title: str
    language: Literal["en", "zh"]
    base_currency: str
    sources: Named[Source]
    tiers: Listed[Tier]
    customers_per_bucket: Annotated[int, Field(ge=1)]
    quarantine_limit: Annotated[float, Field(ge=0, le=1)]
    cohort: Cohort
    label: Label
    features: FeatureSettings
    training: Training
    bands: Bands
    lists: Lists
    engine: Engine

    def tier_of(self, aum: float) -> Tier:
        """The highest tier whose lower bound ``aum`` (base currency) reaches."""
        reached = [tier for tier in self.tiers if aum >= tier.min_aum]
        return max(reached or self.tiers[:1], key=lambda tier: tier.min_aum)


def load_settings(bank: str, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of one bank. Raises ConfigError naming the file, the key and the nearest known key."""
    path = BANKS / bank / "bank.toml"
    banks = [file.parent.name for file in BANKS.glob("*/bank.toml")]
    if bank not in banks:
        raise ConfigError(f"there is no bank {bank!r} ({path} is missing). {did_you_mean(bank, banks)}")
    merged = _merge(_merge(_read(DEFAULTS), _read(path)), dict(overrides or {}))
    if "bank" in merged:
        raise ConfigError(f"{path}: the bank is named by its folder. Leave the key 'bank' out.")
    try:
        return Settings(bank=bank, **merged)
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from None


def load_select(bank: str, table: str) -> str | None:
    """The bank's SELECT for one table, ready to stand in parentheses; None where there is none."""
    path = BANKS / bank / f"{table}.sql"
    return re.sub(r";(\s|--[^\n']*+)*+\Z", "", _text(path)) + "\n" if path.is_file() else None


def find_raw(settings: Settings, raw: Path, source: str) -> list[Path]:
    """The files of one source, sorted by their path below ``raw``; of a folder all files in it and below.

    What Spark and Hadoop hide is passed over: names that begin with ``_`` or ``.``, unless the pattern itself
    does, and checksums (``.crc``). A database has none. Raises DataError when there is no file.
    """
    if settings.sources[source].format == "postgres":
        return []
    pattern = settings.sources[source].files
    found = sorted(raw.glob(pattern))
    below = {path for one in found for path in (one.rglob("*") if one.is_dir() else (one,)) if path.is_file()}
    files = [path for path in below if not _is_hidden(path.relative_to(raw), pattern)]
    where = f"[sources.{source}] in configs/banks/{settings.bank}/bank.toml"
    if not files and found:
        what = f"there are only hidden files such as {min(below).name}" if below else "the folder is empty"
        raise DataError(
            f"source {source!r} has no file: {pattern!r} leads to {found[0]}, but {what}. "
            f"Deliver it there, or mend {where}."
        )
    if not files:
        raise DataError(
            f"source {source!r} has no file: nothing matches {pattern!r} in {raw}. "
            f"Deliver it there, or mend {where}."
        )
    return sorted(files, key=lambda path: path.relative_to(raw).as_posix())


def _is_hidden(path: Path, pattern: str) -> bool:
    marks = {"_", "."} - {part[0] for part in Path(pattern).parts}
    return path.suffix == ".crc" or any(part[0] in marks for part in path.parts)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}. Mend that line.") from None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8. Save it as UTF-8.") from None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` wins; tables are merged key by key, lists are replaced."""
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _explain(error: ValidationError, path: Path) -> str:
    return f"{path}: " + "; ".join(_sentence(cast(dict[str, Any], one)) for one in error.errors())


def _sentence(one: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in one["loc"])
    if one["type"] == "extra_forbidden":
        return f"unknown key {where!r}. {did_you_mean(str(one['loc'][-1]), _known_keys(one['loc'][:-1]))}"
    if one["type"] == "missing":
        return f"{where} is missing"
    if one["type"] == "value_error":
        return f"{where}: {one['ctx']['error']}"
    return f"{where}: {one['msg']}, found {one['input']!r}"


def _known_keys(loc: tuple[Any, ...]) -> list[str]:
    """The keys of the settings table at ``loc``; a source's name and a place in a list are no keys."""
    model: type[BaseModel] = Settings
    for part in loc:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is not None:
            inner = (field.annotation, *get_args(field.annotation))
            model = next(kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)
