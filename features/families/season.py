"""Family: the season. The same for every customer of a Monday; money moves before the Spring Festival."""

import math

import numpy as np

from features.catalogue.grammar import Name
from features.engine.balances import month_number
from features.engine.tiles import Columns
from features.families.shared import Bucket

# First day of the Chinese New Year, 1990 to 2050: the second new moon after the winter solstice (Beijing).
SPRING_FESTIVALS = """
    1990-01-27 1991-02-15 1992-02-04 1993-01-23 1994-02-10 1995-01-31 1996-02-19 1997-02-07 1998-01-28
    1999-02-16 2000-02-05 2001-01-24 2002-02-12 2003-02-01 2004-01-22 2005-02-09 2006-01-29 2007-02-18
    2008-02-07 2009-01-26 2010-02-14 2011-02-03 2012-01-23 2013-02-10 2014-01-31 2015-02-19 2016-02-08
    2017-01-28 2018-02-16 2019-02-05 2020-01-25 2021-02-12 2022-02-01 2023-01-22 2024-02-10 2025-01-29
    2026-02-17 2027-02-06 2028-01-26 2029-02-13 2030-02-03 2031-01-23 2032-02-11 2033-01-31 2034-02-19
    2035-02-08 2036-01-28 2037-02-15 2038-02-04 2039-01-24 2040-02-12 2041-02-01 2042-01-22 2043-02-10
    2044-01-30 2045-02-17 2046-02-06 2047-01-26 2048-02-14 2049-02-02 2050-01-23
"""


def features(bucket: Bucket) -> Columns:
    """The month as a point on a circle; days to the next Spring Festival (NaN after 2050)."""
    calendar, customers = bucket.calendar, len(bucket.entities)
    angle = [2 * math.pi * month / 12 for month in (month_number(calendar.snapshots) % 12).tolist()]
    festivals = np.array(SPRING_FESTIVALS.split(), "datetime64[D]").astype(np.int64)
    following = np.searchsorted(festivals, calendar.snapshots, side="left")
    days = np.append(festivals, 0)[following] - calendar.snapshots.astype(np.float64)
    days[following == len(festivals)] = np.nan
    for name, value in (
        (Name("season", "sine"), np.array([math.sin(radians) for radians in angle])),
        (Name("season", "cosine"), np.array([math.cos(radians) for radians in angle])),
        (Name("spring_festival", "days_to"), days),
    ):
        yield name, np.repeat(value[:, None], customers, axis=1)
