"""The base of every table of settings: frozen, strict, and read-only down to the lists within."""

import copyreg
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

Share = Annotated[float, Field(gt=0, le=1)]
Weeks = Annotated[int, Field(ge=1, le=520)]
Days = Annotated[int, Field(ge=0, le=730)]
Value = TypeVar("Value")


def _not_empty(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if not values:
        raise ValueError("must not be empty")
    return values


def _read_only(items: Mapping[str, Value]) -> MappingProxyType[str, Value]:
    return MappingProxyType(dict(items))


# Settings are copied, and sent to Spark's workers; Python by itself can do neither with such a table.
copyreg.pickle(MappingProxyType, lambda table: (_read_only, (dict(table),)))
# A table with names of the bank's own choice, read-only; and a list.
Named = Annotated[Mapping[str, Value], AfterValidator(_read_only), PlainSerializer(dict)]
Listed = Annotated[tuple[Value, ...], Field(strict=False), AfterValidator(_not_empty)]
Sentences = Annotated[tuple[str, ...], Field(strict=False)]


class Strict(BaseModel):
    """Frozen; an unknown key is an error, and so is a value of another type, such as "5" for 5."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())
