"""A bank's folder below configs/banks: settings (bank.toml over configs/default.toml), SELECTs, raw files."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError

from configs.conflicts import conflicts, settings_of_money
from configs.errors import ConfigError, DataError, did_you_mean
from configs.settings import Settings
from configs.strict import MOST

BANKS = Path(__file__).parent / "banks"
DEFAULTS = Path(__file__).parent / "default.toml"
OF_CUSTOMERS = (
    Path(__file__).parent / "default_customers.toml"
)  # over DEFAULTS, where a bank counts customers
# Settings of before, and what stands in their place.
RETIRED = {
    "training.half_life_weeks": "is fixed: every row weighs the same. Leave it out.",
    "next_steps.own": "is now 'bank_rules'. Rename it.",
    "promotion.trial_seconds": "is now 'smoke_test_seconds'. Rename it.",
    "promotion.trial_memory_mb": "is fixed at 4,096 MB. Leave it out.",
    "tiers.service_days": "is now 'days' of a standard: [[service_standards]] with tiers = ['<name>']. The "
    "first that fits a customer counts, and the last must fit everybody.",
    "lists.held_out": "is now 'control_group_share'. Rename it.",
    "mail.attempts": "is fixed at 5. Leave it out.",
    "mail.wait_seconds": "is fixed at 5, doubled before each further attempt. Leave it out.",
    "mail.timeout_seconds": "is fixed at 30. Leave it out.",
    "mail.lease_seconds": "is fixed at 600. Leave it out.",
}


def settings_file(bank: str) -> Path:
    """The bank's own settings. Raises ConfigError naming the nearest bank where there is none of the name."""
    path = BANKS / bank / "bank.toml"
    banks = [file.parent.name for file in BANKS.glob("*/bank.toml")]
    if bank not in banks:
        raise ConfigError(f"there is no bank {bank!r} ({path} is missing). {did_you_mean(bank, banks)}")
    return path


def load_settings(bank: str, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of one bank. Raises ConfigError naming the file, the key and the nearest known key."""
    path = settings_file(bank)
    chosen = _merge(_read(path), dict(overrides or {}))
    if "bank" in chosen:
        raise ConfigError(f"{path}: the bank is named by its folder. Leave the key 'bank' out.")
    defaults = _read(DEFAULTS)
    if chosen.get("counts") == "customers":
        defaults = _merge(defaults, _read(OF_CUSTOMERS))
    merged = _merge(defaults, chosen)
    try:
        settings = Settings(bank=bank, **with_amounts(merged))
    except ValidationError as error:
        problems = "; ".join(_sentence(cast(dict[str, Any], problem)) for problem in error.errors())
        raise ConfigError(f"{path}: {problems}") from None
    clashes = "; ".join((*conflicts(settings), *settings_of_money(settings, chosen)))
    if clashes:
        raise ConfigError(f"{path}: {clashes}.")
    return settings


def load_select(bank: str, table: str) -> str | None:
    """The bank's SELECT for one table, ready to stand in parentheses; None where there is none."""
    path = BANKS / bank / f"{table}.sql"
    return re.sub(r";(\s|--[^\n']*+)*+\Z", "", _text(path)) + "\n" if path.is_file() else None


def find_raw(settings: Settings, raw: Path, source: str) -> list[Path]:
    """The files of one source, sorted by their path below ``raw``; of a folder all files in it and below.

    What Spark and Hadoop hide is passed over: names that begin with ``_`` or ``.``, unless the pattern itself
    does, and checksums (``.crc``). A database has none. Raises DataError when there is no file, or one that
    cannot be read.
    """
    if settings.sources[source].format == "postgres":
        return []
    pattern = settings.sources[source].files
    matches = sorted(raw.glob(pattern))
    below = {
        path
        for match in matches
        for path in (match.rglob("*") if match.is_dir() else (match,))
        if not path.is_dir()
    }
    files = [path for path in below if not _is_hidden(path.relative_to(raw), pattern)]
    _refuse_unreadable(files, raw)
    where = f"[sources.{source}] in configs/banks/{settings.bank}/bank.toml"
    if not files:
        what = f"nothing matches {pattern!r} in {raw}"
        if matches:
            hidden = f"there are only hidden files such as {min(below).name}" if below else ""
            what = f"{pattern!r} leads to {matches[0]}, but {hidden or 'the folder is empty'}"
        raise DataError(f"source {source!r} has no file: {what}. Deliver it there, or mend {where}.")
    return sorted(files, key=lambda path: path.relative_to(raw).as_posix())


def _refuse_unreadable(files: Iterable[Path], raw: Path) -> None:
    for path in files:
        if not path.is_file():
            raise DataError(
                f"{path} is no file: it is a link that leads nowhere, or a pipe. Deliver the file itself, or "
                "remove it."
            )
        name = os.fsencode(path.relative_to(raw))
        if name.decode("utf-8", "replace").encode() != name:
            raise DataError(f"a file in {raw} has a name that is not UTF-8, {name!r}. Rename it.")


def _is_hidden(path: Path, pattern: str) -> bool:
    marks = {"_", "."} - {part[0] for part in Path(pattern).parts}
    return path.suffix == ".crc" or any(part[0] in marks for part in path.parts)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}. Correct that line.") from None


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


def with_amounts(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with amounts where they name none, made from the bank's own: the bounds of its tiers.

    No default fits every currency. The cohort begins with the second tier (with one tier: with any money) and
    has no upper end; a tenth of its beginning is a remainder, as much as its beginning is a large entry, and
    3/10,000 of it is what a call costs; twice and four times its beginning are of medium and high value.
    """
    tiers, cohort = settings.get("tiers"), settings.get("cohort")
    second = tiers[1] if isinstance(tiers, list) and len(tiers) > 1 else None
    begins = second.get("min_aum") if isinstance(second, dict) else 0
    begins = cohort.get("min_aum", begins) if isinstance(cohort, dict) else begins
    if isinstance(begins, bool) or not isinstance(begins, int | float):
        return settings  # refused by its own type
    amounts = {
        "cohort": {"min_aum": begins, "max_aum": MOST},
        "label": {"dormant_floor": begins / 10},
        "features": {"large_amount": begins or MOST},
        "profit": {"call_cost": begins * 3 / 10_000},
        "segments": {"medium_value": 2 * begins or MOST / 2, "high_value": 4 * begins or MOST},
    }
    return _merge(amounts, settings)


def _sentence(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        retired = RETIRED.get(".".join(part for part in problem["loc"] if isinstance(part, str)))
        if retired:
            return f"{where} {retired}"
        *table, key = problem["loc"]
        return f"unknown key {where!r}. {did_you_mean(str(key), _known_keys(tuple(table)))}"
    if problem["type"] == "missing":
        return f"{where} is missing"
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}"
    return f"{where}: {problem['msg']}, found {problem['input']!r}"


def _known_keys(loc: tuple[Any, ...]) -> list[str]:
    """The keys of the settings table at ``loc``; a source's name and a place in a list are no keys."""
    model: type[BaseModel] = Settings
    for part in loc:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is not None:
            inner = (field.annotation, *get_args(field.annotation))
            model = next(kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)
