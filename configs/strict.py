"""The base of every table of settings: frozen, strict, and read-only down to the lists within."""

from collections.abc import Iterator, Mapping
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

Share = Annotated[float, Field(gt=0, le=1)]
Weeks = Annotated[int, Field(ge=1, le=520)]
Days = Annotated[int, Field(ge=0, le=730)]
MOST = 1e15  # base currency; no table holds more
Amount = Annotated[float, Field(ge=0, le=MOST)]
SomeAmount = Annotated[float, Field(gt=0, le=MOST)]  # more than nothing
Rate = Annotated[float, Field(ge=1e-8, le=1e9)]  # base currency for one unit; tables hold eight places
Count = Annotated[int, Field(ge=1, le=1_000_000)]  # of rows, customers, threads: more is a slip of the pen
Place = Annotated[int, Field(ge=0, le=1_000_000)]
Value = TypeVar("Value")


def _not_empty(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if not values:
        raise ValueError("must not be empty")
    return values


def _tractable(value: float | str) -> float | str:
    """LightGBM takes an empty text for its own default, and whole numbers beyond 32 bits for others."""
    if value == "" or (not isinstance(value, str) and not abs(value) < 2**31):
        raise ValueError(f"must be a number within ±2,147,483,647, or a word, not {value!r}")
    return value


Parameter = Annotated[float | int | str, AfterValidator(_tractable)]


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
Sentences = Annotated[tuple[str, ...], Field(strict=False)]


class Strict(BaseModel):
    """Frozen; an unknown key is an error, and so is a value of another type, such as "5" for 5."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())
