"""The settings that say which runs and which predictions are out of the ordinary."""

from typing import Annotated

from pydantic import Field

from configs.strict import Named, Place, Strict


class Monitoring(Strict):
    """Limits for the alarms on predictions; docs/monitoring.md.

    ``slack`` is the share by which the level of attrition may differ from the predicted one. ``false_alarms``
    is the probability that a bank whose level never does has any alarm, ever.
    """

    slack: Annotated[float, Field(ge=0, lt=0.25)]
    false_alarms: Annotated[float, Field(gt=0, lt=1)]


class Gates(Strict):
    """The limits that a run must keep to be published; docs/operations.md has a table of the gates.

    ``false_refusals_per_year`` is the wanted number over all gates together, from which the learnt limits
    follow; they count from ``least_weeks`` weeks of history on. The others are hard limits, which need no
    history; ``inf`` switches one off. ``late`` names sources that come late, by table, with the reason.
    """

    false_refusals_per_year: Annotated[float, Field(gt=0, le=52)]
    least_weeks: Annotated[int, Field(ge=4, le=104)]
    max_lag: Annotated[float, Field(ge=1)]
    max_silent_branches: Annotated[float, Field(ge=0)]
    max_rate_change: Annotated[float, Field(gt=0)]
    max_aum_change: Annotated[float, Field(gt=0)]
    max_unexplained: Annotated[float, Field(gt=0)]
    max_left: Annotated[float, Field(gt=0)]
    max_opted_out: Annotated[float, Field(gt=0)]
    max_calibration_change: Annotated[float, Field(gt=1)]
    max_risk_change: Annotated[float, Field(gt=1)]
    max_drifted: Annotated[float, Field(gt=0)]
    least_listed: Place
    late: Named[str]
