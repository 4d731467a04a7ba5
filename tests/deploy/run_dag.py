"""Run in Airflow's own environment: parse a DAG file, and run it some times by dag.test(), undelayed.

Prints JSON: what went wrong while parsing, which packages it imported, the schedule, and how its task ended.
"""

import json
import sys
from datetime import timedelta

from airflow.dag_processing.dagbag import DagBag

path, runs = sys.argv[1:]
bag = DagBag(path)
(dag,) = bag.dags.values()
(task,) = dag.tasks
facts = {
    "import_errors": bag.import_errors,
    "imported": sorted({name.split(".")[0] for name in sys.modules}),
    "timetable": repr(dag.timetable),
    "retries": [task.retries, task.retry_delay.total_seconds()],
    "ends": [],
}
task.retry_delay = timedelta(0)
for _ in range(int(runs)):
    (instance,) = dag.test().get_task_instances()
    facts["ends"].append([str(instance.state), instance.try_number])
print(json.dumps(facts))
