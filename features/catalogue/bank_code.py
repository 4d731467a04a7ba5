"""A bank's own features in Python, beside its bank.toml: what features.py declares, read and checked.

FEATURES = {
    "late_bookings": {
        "en": "bookings after 20:00 in the last 13 weeks", "zh": "近13周20点后的交易笔数",
        "unit": "count", "group": "activity", "worse": 1,
    },
}

def features(tables, customers, monday):
    bookings = tables["transactions"]
    late = bookings[bookings["booked_at"].dt.hour >= 20]
    return {"late_bookings": late.groupby("customer").size().reindex(customers, fill_value=0)}
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from configs import bank_folder
from configs.errors import ConfigError, did_you_mean
from configs.reason_groups import GROUPS
from configs.settings import Settings

FAMILY = "bank_code"
UNITS = ("count", "money", "share", "days")
KEYS = ("en", "zh", "unit", "group", "worse")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class BankCode:
    """The file, its function, and words, unit, group and direction of each feature in its order."""

    path: Path
    function: Callable[..., Any]
    declared: Mapping[str, Mapping[str, Any]]


def bank_code(settings: Settings) -> BankCode | None:
    """What the bank's features.py declares, or None. Raises ConfigError naming file and line."""
    path = path_of(settings.bank)
    return _loaded(path, path.read_text("utf-8")) if path.is_file() else None


def path_of(bank: str) -> Path:
    return bank_folder.BANKS / bank / "features.py"


@lru_cache(maxsize=8)
def _loaded(path: Path, text: str) -> BankCode:
    module = ModuleType("bank_features")
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}. Mend the bank's features.") from None
    except Exception as error:
        raise ConfigError(code_error(path, error)) from None
    declared, function = getattr(module, "FEATURES", None), getattr(module, "features", None)
    if not isinstance(declared, dict) or not declared or not callable(function):
        raise ConfigError(
            f"{path} needs FEATURES, words by name, and a function features. See docs/banks.md."
        )
    problems = [problem for name, row in declared.items() for problem in _problems(name, row)]
    if problems:
        raise ConfigError(f"{path}: {'; '.join(problems)}.")
    return BankCode(path, function, declared)


def code_error(path: Path, error: Exception) -> str:
    """One sentence: the line of the bank's file where it failed, the error, the remedy."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    place = f"{path}, line {line}" if line else str(path)
    return f"{place}: {type(error).__name__}: {' '.join(str(error).split())}. Mend the bank's features."


def _problems(name: Any, row: Any) -> list[str]:
    """What is wrong with one declaration; nothing where it is good."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or re.search(r"(_|^)\d+w(_|$)", name):
        return [f"{name!r} is no name of a feature: small letters, digits and _, and no window such as 13w"]
    if not isinstance(row, dict):
        return [f"feature {name!r} needs a table with {', '.join(KEYS)}"]
    strange = [
        f"feature {name!r}: {key!r} is no key. {did_you_mean(str(key), KEYS)}"
        for key in row
        if key not in KEYS
    ]
    words = [
        f"feature {name!r} has no words in {language}: set {key!r}, as a manager would say it"
        for key, language in (("en", "English"), ("zh", "Chinese"))
        if not str(row.get(key) or "").strip()
    ]
    chosen = [
        f"feature {name!r}: {key} = {row.get(key)!r} is none of {', '.join(map(str, known))}"
        for key, known in (("unit", UNITS), ("group", tuple(GROUPS)), ("worse", (-1, 0, 1)))
        if row.get(key) not in known
    ]
    return strange + words + chosen
