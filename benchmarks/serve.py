"""One customer's risk over HTTP beside bare FastAPI and MLflow's own server, in one run on one machine.

    python -m benchmarks.serve --customers 1000000 --work data/bench

wrk asks for random customers, over 1, 32 and 128 connections, from four servers with one worker each:

- ``bare``: FastAPI returning fixed bytes, as many as our answer has: the limit;
- ``sqlite``, ``postgres``: the service as it runs, with tokens, policy, limits and an access log that is on
  disk before each answer;
- ``mlflow``: ``mlflow models serve`` of a LightGBM model of as many columns as ours, one row a request.

They take turns, several rounds, and the median counts. Before that each start is timed: seconds until the
first answer, CPU seconds, memory. After that 100,000 requests are asked for while a run is published every
few seconds: no answer may fail or mix two runs, and memory must not grow. Last a roll-back between two runs
of 200,000 customers is timed.

``data/bench/serve.json`` holds the figures at 32 connections; under "all" the rest.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import serve_scores
from benchmarks.processes import parser, say
from benchmarks.serve_servers import Server, bare_command, running
from configs.service import ServiceSettings
from pipeline.artefacts import write_json
from serve.api.prepared import FORM, answer
from serve.auth.tokens import issue
from serve.http.responses import ResponseContext
from serve.store.point_read import point_read
from serve.store.schema import VERSION
from serve.store.scope import EVERYTHING
from serve.store.store import Store
from tests.databases import running_server
from tests.servers import free_port

CONNECTIONS = (1, 32, 128)
SHOWN = 32  # connections whose figures stand at the top
GOAL = {"sqlite_per_bare": 0.7, "sqlite_per_mlflow": 20, "p99_per_bare": 2}
START_CPU_SECONDS, START_MB, ROLL_BACK_SECONDS = 3, 150, 2  # goals of ours
ROLLED_BACK = 200_000  # customers of each of two runs
FIRST_PUBLISHING = 1_000  # publications count on from here while requests are asked for


def wrk(
    server: Server, connections: int, seconds: int, customers: int, check: bool = False
) -> dict[str, Any]:
    script = Path(__file__).with_name("serve_load.lua")
    env = {"IDS": str(customers)} | dict(server.send) | ({"CHECK": "1"} if check else {})
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}"],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (one for one in done.stdout.splitlines() if one.startswith("FOUND "))
    found: dict[str, Any] = json.loads(line.removeprefix("FOUND "))
    return found | {"rps": round(found["requests"] / found["seconds"], 1)}


def measure(servers: list[Server], given: argparse.Namespace) -> dict[str, Any]:
    """Per server and number of connections the median of several rounds; all rounds beside it."""
    found: dict[str, dict[int, list[dict[str, Any]]]] = {
        one.name: {c: [] for c in CONNECTIONS} for one in servers
    }
    for server in servers:
        wrk(server, SHOWN, max(1, given.seconds // 2), given.customers)  # to warm up
    for _ in range(given.rounds):
        for connections in CONNECTIONS:
            for server in servers:
                one = wrk(server, connections, given.seconds, given.customers) | {"rss_mb": server.rss_mb}
                found[server.name][connections].append(one)
                say(f"{server.name} {connections}: {one['rps']:.0f}/s, p99 {one['p99_ms']:.1f} ms")
    return {
        name: {str(c): _middle(rounds) | {"rounds": rounds} for c, rounds in by.items()}
        for name, by in found.items()
    }


def _middle(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    middle = {name: statistics.median(one[name] for one in rounds) for name in ("rps", "p50_ms", "p99_ms")}
    return middle | {
        "errors": sum(one["errors"] for one in rounds),
        "rss_mb": max(one["rss_mb"] for one in rounds),
    }


def publishing(given: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Requests while one run after the other is published, in a store of its own."""
    for old in work.glob("publishing*.db*"):
        old.unlink()
    settings = _settings(f"sqlite:///{work / 'publishing.db'}")
    serve_scores.publish(settings["store"], FIRST_PUBLISHING, given.published)
    with _ours("publishing", settings, work / "log-publishing") as server:
        return _while_published(server, settings["store"], given)


def _while_published(server: Server, url: str, given: argparse.Namespace) -> dict[str, Any]:
    wrk(server, SHOWN, 2, given.published)
    before, total, ends = server.rss_mb, {"requests": 0, "errors": 0, "mixed": 0, "odd": 0}, []
    publisher = multiprocessing.get_context("spawn").Process(
        target=publish_for_ever, args=(url, given.published), daemon=True
    )
    publisher.start()
    while total["requests"] < given.requests:
        round_ = wrk(server, SHOWN, 5, given.published, check=True)
        total = {name: total[name] + round_[name] for name in total}
        ends.append(round_["p99_ms"])
    publisher.terminate()
    publisher.join(120)
    with Store(url) as store:
        count = store.latest_run().run_id.rsplit("-", 1)[1]
    return total | {
        "publications": int(count) - FIRST_PUBLISHING,
        "grown_mb": server.rss_mb - before,
        "p99_ms": statistics.median(ends),
    }


def roll_back_seconds(given: argparse.Namespace, work: Path) -> float:
    """From one run to the one before it."""
    for old in work.glob("roll-back*.db*"):
        old.unlink()
    url = f"sqlite:///{work / 'roll-back.db'}"
    for run_version in (1, 2):
        serve_scores.publish(url, run_version, min(ROLLED_BACK, given.customers))
    with Store(url) as store:
        began = time.perf_counter()
        store.rollback()
        return round(time.perf_counter() - began, 3)


def publish_for_ever(url: str, customers: int) -> None:
    """One publication every five seconds, until it is stopped."""
    for run_version in range(FIRST_PUBLISHING + 1, 2 * FIRST_PUBLISHING):
        began = time.monotonic()
        serve_scores.publish(url, run_version, customers)
        time.sleep(max(0, 5 - (time.monotonic() - began)))


def figures(found: Mapping[str, Any]) -> dict[str, Any]:
    """The figures to look at first, those at 32 connections, and under "all" everything."""
    shown = {name: by[str(SHOWN)] for name, by in found["servers"].items()}
    rps = {f"{name}_rps": one["rps"] for name, one in shown.items()}
    p99 = {f"{name}_p99_ms": one["p99_ms"] for name, one in shown.items()}
    ratios: dict[str, Any] = {
        "sqlite_per_bare": round(rps["sqlite_rps"] / rps["bare_rps"], 3),
        "sqlite_per_mlflow": round(rps["sqlite_rps"] / rps["mlflow_rps"], 1) if "mlflow_rps" in rps else None,
        "p99_per_bare": round(p99["sqlite_p99_ms"] / p99["bare_p99_ms"], 2),
    }
    under = found.get("publishing", {})
    return {
        **rps,
        **p99,
        "errors": sum(one["errors"] for by in found["servers"].values() for one in by.values()),
        "rss_mb": shown["sqlite"]["rss_mb"],
        **ratios,
        **{f"publishing_{name}": value for name, value in under.items()},
        **{f"start_{name}": value for name, value in found["starts"]["sqlite"].items()},
        "roll_back_s": found["roll_back_s"],
        "all": found,
    }


def in_words(result: Mapping[str, Any]) -> str:
    lines = [
        f"{name}: {by[str(SHOWN)]['rps']:,.0f} requests/s, p50 {by[str(SHOWN)]['p50_ms']:.1f} ms, "
        f"p99 {by[str(SHOWN)]['p99_ms']:.1f} ms, {by[str(SHOWN)]['rss_mb']} MB"
        for name, by in result["all"]["servers"].items()
    ]
    lines.append(
        f"ours on SQLite: × {result['sqlite_per_bare']} of bare (goal {GOAL['sqlite_per_bare']}), p99 × "
        f"{result['p99_per_bare']} (goal {GOAL['p99_per_bare']}), × {result['sqlite_per_mlflow']} of "
        f"MLflow's (goal {GOAL['sqlite_per_mlflow']}); {result['errors']} errors"
    )
    if "publishing_requests" in result:
        failed = result["publishing_errors"] + result["publishing_odd"]
        lines.append(
            f"with {result['publishing_publications']} publications: {result['publishing_requests']:,} "
            f"requests, {failed} errors, {result['publishing_mixed']} mixed, "
            f"memory + {result['publishing_grown_mb']} MB"
        )
    lines.append(
        f"start: {result['start_s']} s, {result['start_cpu_s']} CPU seconds (goal {START_CPU_SECONDS}), "
        f"{result['start_mb']} MB (goal {START_MB}); roll-back {result['roll_back_s']} s "
        f"(goal {ROLL_BACK_SECONDS})"
    )
    return "\n".join(lines)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--customers", type=int, default=1_000_000, help="in each store")
    options.add_argument("--seconds", type=int, default=6, help="of each run of wrk")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--servers", nargs="*", default=["postgres", "mlflow"], help="besides bare, sqlite")
    options.add_argument("--requests", type=int, default=100_000, help="while runs are published; 0: none")
    options.add_argument("--published", type=int, default=5_000, help="customers of each of those runs")
    options.add_argument("--work", type=Path, default=Path("data/bench"), help="where stores and figures lie")
    given = options.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: install Debian's package wrk.")
    work = given.work / "serve"
    work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        servers = _servers(stack, given, work)
        starts = {
            server.name: {"s": server.start_seconds, "cpu_s": server.cpu_seconds, "mb": server.rss_mb}
            for server in servers
        }
        found: dict[str, Any] = {"starts": starts, "servers": measure(servers, given)}
    if given.requests:
        found["publishing"] = publishing(given, work)
    found["roll_back_s"] = roll_back_seconds(given, work)
    result = figures(found) | {"load_average": round(os.getloadavg()[0], 1), "customers": given.customers}
    write_json(given.work / "serve.json", result)
    print(in_words(result))


def _servers(stack: ExitStack, given: argparse.Namespace, work: Path) -> list[Server]:
    sqlite = work / f"store-{VERSION}-{FORM}-{given.customers}.db"
    urls = {"sqlite": f"sqlite:///{sqlite}"}
    if "postgres" in given.servers:
        urls["postgres"] = stack.enter_context(running_server(durable=True)).empty_store()
    settings = {name: _settings(url) for name, url in urls.items()}
    for name, url in urls.items():
        if name == "postgres" or not sqlite.is_file():
            say(f"{given.customers:,} customers into {name}")
            serve_scores.publish(url, 1, given.customers)
    for old in work.glob("store-*-access.db*"):
        old.unlink()
    log = work / "log"
    size = {"BENCH_BYTES": str(_answer_bytes(urls["sqlite"]))}
    servers = [stack.enter_context(running("bare", port := free_port(), bare_command(port), size, {}, log))]
    for name, one in settings.items():
        servers.append(stack.enter_context(_ours(name, one, work / f"log-{name}")))
    if "mlflow" in given.servers:
        servers.append(stack.enter_context(_mlflow(work)))
    return servers


def _settings(url: str) -> dict[str, str]:
    """Settings as a bank has them, but that one caller may ask as often as wrk can."""
    return {
        "store": url,
        "demo": "true",
        "token_key": secrets.token_hex(32),
        "audit_key": secrets.token_hex(32),
        "rate_crm": "100000000/minute",
        "port": str(free_port()),
        "metrics_port": str(free_port()),
    }


@contextmanager
def _ours(name: str, settings: Mapping[str, str], log: Path) -> Iterator[Server]:
    token = issue(ServiceSettings(**settings), {"sub": "bench", "role": "crm"}, 12 * 3600)
    env = {f"ATTRITION_{key.upper()}": value for key, value in settings.items()}
    command = [sys.executable, "-m", "serve"]
    with running(name, int(settings["port"]), command, env, {"TOKEN": token}, log) as server:
        yield server


@contextmanager
def _mlflow(work: Path) -> Iterator[Server]:
    """A model of the size of ours: 468 columns, 300 trees of 15 leaves; noise costs the same."""
    model = work / "mlflow-model"
    if not model.is_dir():
        done = [sys.executable, "-m", "benchmarks.mlflow_model", str(model)]
        subprocess.run(done, check=True, env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"})
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    columns = json.loads((model / "columns.json").read_text("utf-8"))
    row = {"dataframe_split": {"columns": columns, "data": [[round(k / 7, 3) for k in range(len(columns))]]}}
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it starts uvicorn by its name
    env = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "PATH": programs, "PYTHONPATH": "."}
    with running("mlflow", port, command, env, {"BODY": json.dumps(row)}, work / "log-mlflow") as server:
        yield server


def _answer_bytes(url: str) -> int:
    with Store(url) as store:
        finder = point_read(store, FORM)
        found = asyncio.run(finder.find(serve_scores.customer_id(0), EVERYTHING, "en"))
        finder.close()
    assert found
    run, content = found
    assert isinstance(content, bytes)
    return len(answer(ResponseContext(run), content))


if __name__ == "__main__":
    main()
