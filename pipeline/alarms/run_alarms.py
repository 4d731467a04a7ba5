"""Alarms on what a run found of its own features and of earlier predictions."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from configs.alarms import Alarm
from pipeline.alarms.alarms import raise_alarm, remedy_of
from pipeline.context import Context
from pipeline.monitoring.calibration import VERDICTS, group_in_words


def raise_run_alarms(
    context: Context,
    snapshot_date: date,
    drift: Mapping[str, Any] | None,
    calibration: Mapping[str, Any] | None,
) -> None:
    """Raise an alarm where features drifted, and one where predictions left the noise; of a served run.

    ``drift`` and ``calibration`` are the figures that pipeline/monitoring makes.
    """
    if drift and drift["drifted"]:
        reason = f"{drift['drifted']} of {drift['features']} features drifted since {drift['since']}."
        raise_alarm(context, Alarm("drift", "figures", reason, remedy_of("drift"), snapshot_date))
    groups = [group for group in calibration["groups"] if group["since"]] if calibration else []
    if groups:
        names = "; ".join(f"{group_in_words(group)}: {VERDICTS[group['verdict']]}" for group in groups)
        alarm = Alarm("promise", "calibration", f"{names}.", remedy_of("promise"), snapshot_date)
        raise_alarm(context, alarm)
