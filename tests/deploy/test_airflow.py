"""The DAG run by Airflow, in the environment that `make test-airflow` makes, with a stub as the project."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AIRFLOW = ROOT / ".venv-airflow"
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (AIRFLOW / "ready").exists(), reason="no Airflow here: run make test-airflow"),
]


def airflow(home: Path, program: str, *arguments: object) -> str:
    """What a program of Airflow's environment says on both outputs, stdout last."""
    settings = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    command = [str(AIRFLOW / "bin" / program), *map(str, arguments)]
    done = subprocess.run(command, env=settings, cwd=home, capture_output=True, text=True, check=True)
    return done.stderr + done.stdout


def test_exit_codes_decide_what_is_tried_again(stub, tmp_path):
    ends = [
        ([0], ["success", 1]),
        ([4, 5, 0], ["success", 3]),  # the lease, then the machine: tried again until all is well
        ([3], ["failed", 1]),  # a gate: never again by itself
        ([2], ["failed", 1]),
        ([1], ["failed", 1]),
        ([137], ["failed", 1]),  # killed from outside
        ([4, 3], ["failed", 2]),
        ([4, 4, 4, 4, 5], ["failed", 5]),  # at most five tries
    ]
    codes = [code for given, _ in ends for code in given]
    stub.end_with(codes)
    dag = tmp_path / "dags/attrition_weekly.py"
    dag.parent.mkdir()
    dag.write_text(stub.text("airflow/attrition_weekly.py"), "utf-8")
    airflow(tmp_path, "airflow", "db", "migrate")
    output = airflow(tmp_path, "python", ROOT / "tests/deploy/run_dag.py", dag, len(ends))
    facts = json.loads(output.splitlines()[-1])
    assert facts["ends"] == [end for _, end in ends]
    assert facts["import_errors"] == {}
    assert not {"configs", "features", "models", "pipeline", "serve"} & set(facts["imported"])
    assert "'30 5 * * 1', timezone=Timezone('Asia/Shanghai')" in facts["timetable"]
    assert facts["retries"] == [4, 900.0]
    call = "-m pipeline weekly --bank demo --raw /srv/deliveries"
    assert stub.calls == [f"{call} Asia/Shanghai 0077 /var/cache/attrition"] * len(codes)
    assert "a step" in output
    assert "C-0815" not in output
