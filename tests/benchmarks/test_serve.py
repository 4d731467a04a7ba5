"""The benchmark of the service: its figures by hand, and the whole of it at toy size."""

import json
import shutil
import sys
from datetime import date
from pathlib import Path

import pytest

from benchmarks import pages, serve_scores
from benchmarks.serve import figures, in_words
from serve.store import checks
from serve.store.store import Store
from tests.servers import run_to_end


def server(rps, p99, rss=80, errors=0):
    one = {"rps": rps, "p50_ms": 1.0, "p99_ms": p99, "errors": errors, "rss_mb": rss}
    return {"1": one, "32": one, "128": one}


def test_the_figures_by_hand():
    """6,000 of 8,000 requests a second; 60 of MLflow's; a p99 of 9 ms beside 6 ms."""
    servers = {
        "bare": server(8000.0, 6.0),
        "sqlite": server(6000.0, 9.0, 101, 2),
        "mlflow": server(100.0, 400.0),
    }
    publishing = {"requests": 100_000, "errors": 0, "odd": 0, "mixed": 0, "publications": 9, "grown_mb": 3}
    starts = {"sqlite": {"s": 4.1, "cpu_s": 2.5, "mb": 120}}
    made = figures({"servers": servers, "publishing": publishing, "starts": starts, "roll_back_s": 0.02})
    assert (made["bare_rps"], made["sqlite_rps"], made["mlflow_rps"]) == (8000.0, 6000.0, 100.0)
    assert (made["sqlite_per_bare"], made["sqlite_per_mlflow"], made["p99_per_bare"]) == (0.75, 60.0, 1.5)
    assert (made["errors"], made["rss_mb"]) == (3 * 2, 101)
    assert "× 0.75 of bare (goal 0.7), p99 × 1.5 (goal 2), × 60.0 of MLflow's" in in_words(made)
    assert "start: 4.1 s, 2.5 CPU seconds (goal 3), 120 MB (goal 150); roll-back 0.02 s" in in_words(made)
    assert "with 9 publications: 100,000 requests, 0 errors, 0 mixed, memory + 3 MB" in in_words(made)


def test_the_drawn_run_is_one_that_the_store_would_have_published(tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    for run_version in (1, 2, 3):
        serve_scores.publish(url, run_version, 30)
    with Store(url) as store:
        assert [one.snapshot_date for one in store.history()] == [date(2026, 11, 30), date(2026, 11, 23)]
        run, scores = store.latest_run(), list(store.scores())
        assert (run.run_id, len(scores)) == ("bench-2026-11-30-000003", 30)
        assert list(serve_scores.scores(3, serve_scores.Bank(30))) == scores
        for score in scores:
            checks._check_score(run, score)


def test_pages_of_a_drawn_bank_are_answered(tmp_path):
    url, bank = f"sqlite:///{tmp_path}/store.db", serve_scores.Bank(60, 20)
    pages.publish(bank, 10, url)
    found = pages.measure(url, pages.addresses(bank))
    assert set(found) == {"list", "customer", "branch", "branches", "model"}
    assert found["list"]["bytes"] > found["customer"]["bytes"] / 2 > 1_000


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("wrk"), reason="Debian's package wrk")
def test_all_of_it_at_toy_size_and_no_answer_is_lost_or_mixed(tmp_path):
    """With a publication every five seconds, 100,000 requests."""
    size = "--customers 2000 --seconds 1 --rounds 1 --published 2000 --servers postgres --work"
    root = Path(__file__).parents[2]
    run_to_end([sys.executable, "-m", "benchmarks.serve", *size.split(), str(tmp_path)], cwd=root)
    made = json.loads((tmp_path / "serve.json").read_text("utf-8"))
    assert made["sqlite_rps"] > 0 < made["postgres_rps"]
    assert made["errors"] == 0
    assert made["publishing_requests"] >= 100_000
    assert made["publishing_publications"] >= 3
    assert (made["publishing_errors"], made["publishing_mixed"], made["publishing_odd"]) == (0, 0, 0)
    assert made["publishing_grown_mb"] <= 50
