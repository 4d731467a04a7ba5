"""The contents' names, and a content as the JSON object that the store keeps."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, get_args

from configs.errors import DataError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ContentName = Literal["structure", "movement", "products", "satisfaction", "load"]
CONTENT_NAMES: tuple[ContentName, ...] = get_args(ContentName)
WHOLE_BANK = ""  # branch_id of the bank's own figures
MONEY = "_minor"  # how a key of money ends


def as_object(content: "DataclassInstance") -> dict[str, Any]:
    """The content as a JSON object. Raises DataError where a key of money holds no whole number."""
    fields = asdict(content)
    _require_whole(fields, type(content).__name__)
    return fields


def _require_whole(value: object, name: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _require_whole(inner, name if name.endswith(MONEY) else key)
    elif isinstance(value, list | tuple):
        for inner in value:
            _require_whole(inner, name)
    elif name.endswith(MONEY) and value is not None and type(value) is not int:
        raise DataError(
            f"{name} of a branch's figures is {value!r}: money is a whole number of minor units. Hand over "
            "int."
        )
