"""One frozen, strict settings object per run: configs/default.toml, then the bank's own bank.toml over it."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from configs.dates import Timeline
from configs.errors import ConfigError, DataError, did_you_mean

BANKS = Path(__file__).parent / "banks"
DEFAULTS = Path(__file__).parent / "default.toml"

Share = Annotated[float, Field(gt=0, le=1)]
Weeks = Annotated[int, Field(ge=1, le=520)]
Days = Annotated[int, Field(ge=0, le=730)]


class Strict(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Source(Strict):
    """Raw files of the bank, one name in the bank's SELECTs. ``files`` is a glob below the raw folder."""

    files: str
    format: Literal["csv", "parquet"] = "csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    optional: bool = False


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
    settle_days: Annotated[int, Field(ge=1, le=90)]

    def timeline(self, snapshot_date: date) -> Timeline:
        return Timeline(snapshot_date, self.lead_days, self.horizon_days)


class FeatureSettings(Strict):
    """Trailing windows in whole weeks, ascending."""

    windows: tuple[Weeks, ...]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.windows) != sorted(set(self.windows)):
            raise ValueError(f"windows {self.windows} must ascend without repeats")
        return self


class Training(Strict):
    """How many Mondays train, tune and judge, and LightGBM's own parameters."""

    first_after_weeks: Weeks
    judged_snapshots: Annotated[int, Field(ge=1)]
    tuned_snapshots: Annotated[int, Field(ge=1)]
    min_train_snapshots: Annotated[int, Field(ge=1)]
    retrain_weeks: Weeks
    seed: int
    rounds: Annotated[int, Field(ge=1)]
    patience: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=1)]
    lightgbm: dict[str, float | int | str]


class Bands(Strict):
    """Lower bounds of the risk for the high and the medium band; everything below is low."""

    high: Share
    medium: Share

    def of(self, risk: float) -> str:
        return "high" if risk >= self.high else "medium" if risk >= self.medium else "low"


class Lists(Strict):
    """What a manager's weekly list holds."""

    default_capacity: Annotated[int, Field(ge=1)]
    reasons: Annotated[int, Field(ge=1, le=5)]


class Settings(Strict):
    """Everything a run depends on besides its data; stored with each bundle."""

    bank: str
    title: str
    language: Literal["en", "zh"]
    base_currency: str
    sources: dict[str, Source]
    tiers: tuple[Tier, ...]
    customers_per_bucket: Annotated[int, Field(ge=1)]
    quarantine_limit: Annotated[float, Field(ge=0, le=1)]
    cohort: Cohort
    label: Label
    features: FeatureSettings
    training: Training
    bands: Bands
    lists: Lists

    def tier_of(self, aum: float) -> Tier:
        """The highest tier whose lower bound ``aum`` (base currency) reaches."""
        reached = [tier for tier in self.tiers if aum >= tier.min_aum]
        return max(reached or self.tiers[:1], key=lambda tier: tier.min_aum)


def load_settings(bank: str, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of one bank. Raises ConfigError naming the file, the key and the nearest known key."""
    path = BANKS / bank / "bank.toml"
    if not path.is_file():
        banks = [folder.parent.name for folder in BANKS.glob("*/bank.toml")]
        raise ConfigError(f"there is no bank {bank!r} ({path} is missing). {did_you_mean(bank, banks)}")
    merged = _merge(_merge(_read(DEFAULTS), _read(path)), dict(overrides or {}))
    try:
        return Settings(bank=bank, **merged)
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from None


def load_select(bank: str, table: str) -> str | None:
    """The bank's SELECT for one table, or None where the bank does not bring that table."""
    path = BANKS / bank / f"{table}.sql"
    return path.read_text("utf-8") if path.is_file() else None


def find_raw(settings: Settings, raw: Path, source: str) -> list[Path]:
    """The files of one source, sorted by name. Raises DataError when a needed source has none."""
    spec = settings.sources[source]
    files = sorted(path for path in raw.glob(spec.files) if path.is_file())
    if not files and not spec.optional:
        raise DataError(
            f"source {source!r} has no file: nothing matches {spec.files!r} in {raw}. "
            f"Deliver it there, or mend [sources.{source}] in configs/banks/{settings.bank}/bank.toml."
        )
    return files


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None


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
    where = ".".join(str(part) for part in one["loc"]) or "settings"
    if one["type"] == "extra_forbidden":
        return f"unknown key {where!r}. {did_you_mean(str(one['loc'][-1]), _known_keys(one['loc'][:-1]))}"
    return f"{where}: {one['msg']}, found {one['input']!r}"


def _known_keys(loc: tuple[Any, ...]) -> list[str]:
    """The keys of the settings table at ``loc``."""
    model: Any = Settings
    for part in loc:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if field is None:
            # A key of a free table such as sources.<name>: step to the value's model.
            model = next((a for a in getattr(model, "__args__", ()) if hasattr(a, "model_fields")), model)
            continue
        model = field.annotation
        args = getattr(model, "__args__", ())
        models = [a for a in args if hasattr(a, "model_fields")]
        model = models[0] if args and isinstance(part, str) and models and "tuple" in str(model) else model
    return list(getattr(model, "model_fields", {}))
