"""Customers without their numbers: for people who work with figures and need not know whose they are."""

import json
from collections.abc import Collection
from typing import Any

from serve.http.cursors import Sealer


class Pseudonyms:
    """A number and its pseudonym, either way: nobody without the key can make one from the other."""

    def __init__(self, key: bytes) -> None:
        self._sealer = Sealer(key, b"pseudonyms of customers")

    def of(self, number: str) -> str:
        return self._sealer.seal(number)

    def number(self, pseudonym: str) -> str | None:
        """None for what is no pseudonym, a customer's number above all."""
        return self._sealer.open(pseudonym)

    def mask(self, body: bytes, fields: Collection[str]) -> bytes:
        """An answer in JSON with these fields masked, however deep: a number by its pseudonym, all else
        emptied."""
        return json.dumps(self._masked(json.loads(body), fields), ensure_ascii=False).encode()

    def _masked(self, value: Any, fields: Collection[str]) -> Any:
        if isinstance(value, list):
            return [self._masked(part, fields) for part in value]
        if not isinstance(value, dict):
            return value
        return {
            name: self._mask(name, part) if name in fields else self._masked(part, fields)
            for name, part in value.items()
        }

    def _mask(self, name: str, value: Any) -> Any:
        if name == "customer_id" and isinstance(value, str):
            return self.of(value)
        return "" if isinstance(value, str) else None
