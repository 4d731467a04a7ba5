"""Airflow: the weekly run, each Monday morning. Copy this file into the folder of DAGs.

The worker runs as the account that owns /srv/attrition. Nothing of the project is imported here: the task is
the command itself, in the project's own environment, with the settings of /etc/attrition/weekly.env.
"""

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException

ZONE = "Asia/Shanghai"  # the bank's; the command takes its Monday from the calendar of this zone
TRY_AGAIN = (4, 5)  # another command holds the lease, or the machine failed; everything else would fail alike
# The summary on stdout names customers. A run that hangs would hold the lease for ever.
COMMAND = """
umask 077
set -aeu
. /etc/attrition/weekly.env
cd /opt/attrition
exec timeout 8h .venv/bin/python -m pipeline weekly --bank "$BANK" --raw "$RAW" >/dev/null
"""


class WeeklyRun(BashOperator):
    """A command that is tried again after some exit codes only; any other one fails the task at once."""

    def execute(self, context):
        try:
            return super().execute(context)
        except AirflowException as error:
            code = self.subprocess_hook.sub_process.returncode
            if code in TRY_AGAIN:
                raise
            raise AirflowFailException(f"exit code {code}: docs/operations.md says what to do.") from error


with DAG(
    dag_id="attrition_weekly",
    schedule="30 5 * * 1",
    start_date=pendulum.datetime(2026, 1, 5, tz=ZONE),
    catchup=False,  # an older Monday is run by hand, with --as-of
    max_active_runs=1,
):
    WeeklyRun(
        task_id="weekly",
        bash_command=COMMAND,
        env={"TZ": ZONE},
        append_env=True,
        do_xcom_push=False,
        # Safe: a rerun ends with the same bytes, and the lease keeps two runs apart.
        retries=4,
        retry_delay=timedelta(minutes=15),
    )
