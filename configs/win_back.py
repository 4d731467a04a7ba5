"""Settings of former customers: who has left, who has come back, and when somebody may be asked to."""

from typing import Annotated

from pydantic import Field

from configs.strict import Count, Share, Strict, Weeks

KEPT_OFF = ("closed", "deceased_or_frozen", "staff", "opted_out")  # who is never asked to come back, and why
REASONS_LEFT = ("complaint", "manager", "salary", "rollover", "interest")  # groups of reasons, see docs


class WinBack(Strict):
    """Who has left and who has come back, by the AUM at the end of weeks; docs/win-back.md.

    Gone for good, and back for good, is what stays so for ``lasting_weeks``. Nobody is asked to come back in
    the ``quiet_weeks`` after leaving, nor later than ``until_weeks``.
    """

    share_gone: Share
    share_back: Share
    lasting_weeks: Annotated[int, Field(ge=1, le=13)]
    quiet_weeks: Annotated[int, Field(ge=1, le=104)]
    until_weeks: Weeks
    horizon_weeks: Annotated[int, Field(ge=1, le=52)]
    return_rate: Annotated[float, Field(gt=0, lt=1)]
    return_evidence: Count
    least_returns: Count
