"""Profiles of customers as stored: JSON of positions and differences, compressed."""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from datetime import date
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Any

from configs.errors import DataError
from configs.published import Booking, Maturity, PastContact, Profile


def profile_rows(run_version: int, profiles: Iterable[Profile]) -> Iterator[tuple[int, str, bytes]]:
    """One row per profile. Raises DataError for what JSON cannot hold, such as a NumPy number."""
    for profile in profiles:
        try:
            yield run_version, profile.customer_id, packed(profile)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"a profile cannot be stored: {error}. Hand over plain int, text and dates."
            ) from None


def packed(profile: Profile) -> bytes:
    """AUM as the first value and what each week changed: most weeks change nothing, and nothing takes
    little room.
    """
    whole = (
        {name: _changes(weeks) for name, weeks in profile.aum_by_class.items()},
        *(
            [astuple(item) for item in items]
            for items in (profile.maturities, profile.bookings, profile.contacts)
        ),
    )
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_iso)
    return zlib.compress(text.encode(), 9)


def unpacked(customer_id: str, content: bytes) -> Profile:
    """The profile that was packed."""
    aum, maturities, bookings, contacts = json.loads(zlib.decompress(content))
    return Profile(
        customer_id,
        MappingProxyType({name: tuple(accumulate(changes)) for name, changes in aum.items()}),
        tuple(Maturity(name, kind, _day(due), balance) for name, kind, due, balance in maturities),
        tuple(Booking(_day(booked), *rest) for booked, *rest in bookings),
        tuple(PastContact(_day(contacted), *rest) for contacted, *rest in contacts),
    )


def _changes(weeks: Sequence[int]) -> list[int]:
    return [*weeks[:1], *(after - before for before, after in pairwise(weeks))]


def _iso(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not plain")


def _day(text: Any) -> date:
    return date.fromisoformat(text)
