"""Figures of households: how many there are, and their AUM in the tier of the sum."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from configs.branch_figures.contents import WHOLE_BANK
from configs.branch_figures.structure import Households, HouseholdTier
from configs.settings import Settings
from features.engine.balances import MINOR
from features.tier_rule import place


def households_by_branch(settings: Settings, present: pa.Table) -> Mapping[str, Households]:
    """By branch, and of the bank as "", the households of customers present; empty without any.

    A joint account counts once, as its holders' parts add up to it. The tier is by the threshold alone: no
    rule of a tier is one of a household.
    """
    columns = ["household_id", "branch_id", "manager_id", "aum_minor"]
    rows = present.select(columns).filter(present["household_id"].is_valid()).to_pandas()
    if rows.empty:
        return {}
    by_branch = {str(branch): members for branch, members in rows.groupby("branch_id")}
    return {WHOLE_BANK: _households(settings, rows)} | {
        branch: _households(settings, members) for branch, members in by_branch.items()
    }


def _households(settings: Settings, members: pd.DataFrame) -> Households:
    sums = members.groupby("household_id").agg(
        aum=("aum_minor", "sum"), customers=("aum_minor", "size"), managers=("manager_id", "nunique")
    )
    places, tiers = place(sums["aum"].to_numpy() / MINOR, settings.tiers), []
    for number, tier in enumerate(settings.tiers):
        of_tier = sums[places == number]
        if len(of_tier):
            customers, aum = int(of_tier["customers"].sum()), int(of_tier["aum"].sum())
            tiers.append(HouseholdTier(tier.name, len(of_tier), customers, aum))
    several = int((sums["managers"] > 1).sum())
    return Households(len(sums), len(members), several, tuple(tiers))
