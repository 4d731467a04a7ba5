"""One small published world: branch B1 with manager M1, who has room for two, and a customer without one."""

import secrets
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import select

from configs.bank_folder import DEFAULTS, with_amounts
from configs.branch_rows import BranchFigures, FormerCustomer, Handover, TierWatch
from configs.call_lists import CallList, Week
from configs.published import Exclusion, Manager, Profile, Reason, Run, RunExtras, Score
from configs.response import Response
from configs.service import ServiceSettings
from configs.settings import Settings, Tier
from pipeline.lists.decisions import choose
from serve.api.prepared import prepared_answers
from serve.app import create_app
from serve.auth import tokens
from serve.store import database, tables
from serve.store.audit import Entry, entries
from serve.store.rows import names_of
from serve.store.store import Store

TEXTS = "Moved 480,000 CNY to other banks", "近 4 周转往他行 480,000 元"
REASON = Reason("outflow", "outflow_elsewhere_sum_4w", 480_000.0, 0.8, *TEXTS)
SECRET, AUDIT_KEY = secrets.token_hex(32), secrets.token_hex(32)


def a_score(customer_id: str, money_minor: int = 100_00, **changes: Any) -> Score:
    customer = (customer_id, "B1", "M1", "affluent", "mature", False)
    score = Score(*customer, 1_843_200_50, money_minor, "high", (REASON,), risk_90d=0.412)
    return replace(score, **changes)


# A score of ``make_score`` as the API shows it.
SHOWN = {
    "branch_id": "B1", "manager_id": "M1", "tier": "affluent", "lifecycle_stage": "mature",
    "marketing_opt_out": False, "currency": "CNY", "aum": 1843200.5,
    "segment": None, "contact_due_on": None,
}  # fmt: skip


def published_run(run_id: str = "run-1", day: date = date(2026, 11, 16), **changes: Any) -> Run:
    excluded, manifest = MappingProxyType({"too_new": 1}), MappingProxyType({"tables": "sha256:1f"})
    run = Run(run_id, "demo", day, "model-1", "CNY", 90, 5, excluded, manifest)
    return replace(run, **changes)


@pytest.fixture(scope="session")
def make_score():
    return a_score


def _week(monday: date = date(2026, 11, 16), **known: Any) -> Week:
    """A call keeps three in ten; an assignment holds for fourteen weeks."""
    return Week(monday, 14, Response(0.3), **known)


@pytest.fixture(scope="session")
def make_week():
    return _week


@pytest.fixture(scope="session")
def make_run():
    return published_run


@pytest.fixture(scope="session")
def settings():
    """The defaults; no control group, so that lists are known beforehand."""
    defaults = tomllib.loads(DEFAULTS.read_text("utf-8"))
    defaults["lists"]["control_group_share"] = 0.0
    tiers = (Tier(name="affluent", name_zh="财富客户", min_aum=0),)
    bank = {"bank": "demo", "title": "Demo", "language": "zh", "base_currency": "CNY", "sources": {}}
    return Settings(**bank, **with_amounts({"tiers": tiers, **defaults}))


@pytest.fixture
def scores():
    """M1's by money at risk: c2 (opted out), c4, c1, c3; c5 has no manager."""
    return (
        a_score("c1", 300_00),
        a_score("c2", 900_00, marketing_opt_out=True),
        a_score("c3", 100_00, risk_band="low", risk_90d=0.01),
        a_score("c4", 500_00, reasons=()),
        a_score("c5", 700_00, manager_id=None),
    )


@pytest.fixture
def exclusions():
    return (Exclusion("c6", "too_new"),)


@pytest.fixture(scope="session")
def make_lists(settings):
    """Everybody's lists as on the first Monday ever: no past, no control group."""

    def lists_of(scores: Sequence[Score], managers: Sequence[Manager] = ()) -> tuple[CallList, ...]:
        return choose(scores, managers, settings.lists, _week())

    return lists_of


@pytest.fixture
def lists(scores, make_lists):
    return make_lists(scores, [Manager("M1", "张伟", "B1", 2)])


@pytest.fixture
def profiles(scores):
    """One per score; the AUM line says whose it is: 0, 1, 2 … yuan in the order of the scores."""
    lines = (MappingProxyType({"demand": (100 * place,) * 52}) for place in range(len(scores)))
    return tuple(Profile(score.customer_id, line) for score, line in zip(scores, lines, strict=True))


def pytest_generate_tests(metafunc):
    """A test marked ``either_store`` runs once with each database, or with those that the mark names."""
    mark = metafunc.definition.get_closest_marker("either_store")
    if mark and "store_url" in metafunc.fixturenames:
        metafunc.parametrize("store_url", mark.args or ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def store_url(request, tmp_path):
    if getattr(request, "param", "sqlite") == "postgresql":
        return request.getfixturevalue("postgres").empty_store()
    return f"sqlite:///{tmp_path}/deep/store.db"


def demo_service(store_url: str) -> ServiceSettings:
    """The service as the demo runs it, over one store."""
    return ServiceSettings(
        store=store_url,
        demo=True,
        token_key=SecretStr(SECRET),
        audit_key=SecretStr(AUDIT_KEY),
        hosts=("testserver", "127.0.0.1", "bank.example"),
        stale_days=36_500,  # the Mondays of the tests only grow older
    )


@pytest.fixture(autouse=True)
def heads_unnoted(monkeypatch):
    """The moment at which heads of logs are noted is chance; auth/test_log_heads.py is about it."""

    async def note_nothing(*_: Any) -> None:
        pass

    monkeypatch.setattr("serve.app.note_heads", note_nothing)


@pytest.fixture
def service(store_url):
    return demo_service(store_url)


@pytest.fixture
def bank_service(service, tmp_path):
    """The service of a bank whose identity provider cannot be reached."""
    return ServiceSettings(
        store=service.store,
        token_issuer="https://id.bank.example",
        token_jwks=str(tmp_path / "gone.json"),
        audit_key=service.audit_key,
        hosts=service.hosts,
    )


@pytest.fixture
def token_of(service):
    """A token of somebody: ``token_of("manager", manager_id="M1")``."""

    def token(role: str, seconds: int = 3600, **claims: str) -> str:
        return tokens.issue(service, {"sub": f"the {role}", "role": role, **claims}, seconds)

    return token


@pytest.fixture
def bearer(token_of):
    """The headers of somebody, for routes and for pages: ``bearer("manager", manager_id="M1")``."""

    def headers(role: str, **claims: str) -> dict[str, str]:
        token = token_of(role, **claims)
        return {"Authorization": f"Bearer {token}", "Cookie": f"attrition-session={token}"}

    return headers


@pytest.fixture
def client(service, bearer, published):  # noqa: ARG001
    """The CRM as a caller of the published world."""
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        yield client


@pytest.fixture
def access_entries(store_url):
    """What stands in the access log by now."""

    def look() -> tuple[Entry, ...]:
        engine = database.access_log(store_url)
        with database.read(engine) as connection:
            found = entries(connection)
        engine.dispose()
        return found

    return look


@pytest.fixture
def store(store_url):
    with Store(store_url) as store:
        yield store


@dataclass(frozen=True)
class Movement:
    """A content of the form of configs/branch_figures."""

    customers: int
    aum_minor: tuple[int, ...]


def of_branches() -> dict[str, Any]:
    """Figures of branch B1 and the bank, a tier about to fall, a customer to hand over and a former one."""
    due = date(2026, 8, 3), date(2027, 2, 1), 77
    watch = TierWatch("c1", "B1", "M1", "affluent", "mass", *due, 40_000_00, 10_000_00, 31_168_84)
    left = FormerCustomer(
        "c9", "B1", "M1", due[0], 900_000_00, 50_000_00, "", "other_bank", 0.1, 85_000_00, None
    )
    return {
        "former_customers": [left],
        "branch_figures": [BranchFigures(branch, "movement", Movement(5, (1, 2))) for branch in ("", "B1")],
        "tier_watches": [watch],
        "handovers": [Handover("c3", "B1", "M9", "M1")],
    }


@pytest.fixture(scope="session")
def publish_copied(tmp_path_factory):
    """Publishes what may have been published before: then a copy of that file is the store."""
    folder, files = tmp_path_factory.mktemp("published"), dict[str, Path]()

    def publish(store: Store, *made: Any) -> None:
        file, key = database.sqlite_file(store.engine), repr(made)
        if file is None or file.exists():
            store.publish(*made)
            return
        if key not in files:
            made_once = folder / f"{len(files)}.db"
            with Store(f"sqlite:///{made_once}") as first:
                first.publish(*made)
            files[key] = made_once
        file.parent.mkdir(exist_ok=True)
        shutil.copy(files[key], file)

    return publish


@pytest.fixture
def published(store, scores, exclusions, lists, profiles, publish_copied):
    answers = prepared_answers(published_run(), scores, lists)
    extras = RunExtras(profiles, prepared_answers=answers, **of_branches())
    publish_copied(store, published_run(), scores, exclusions, lists, extras)
    return store


def whole(store: Store, run_id: str | None = None) -> dict[str, Sequence[Any]]:
    """Every row that one run published, by default the served one, by table; without its version."""
    rows = {}
    with store.at_run(run_id) as run:
        for table in tables.OF_A_RUN:
            query = select(*(table.c[name] for name in names_of(table))).order_by(*table.primary_key)
            own = query.where(table.c.run_version == run.run_version)
            rows[table.name] = run.connection.execute(own).all()
    return rows


@pytest.fixture
def publish_run(store, scores, exclusions, lists):
    """Publishes the same scores as another run: ``publish_run("run-2", date(2026, 11, 23))``."""

    def publish(*run: Any, extras: RunExtras | None = None) -> bool:
        return store.publish(published_run(*run), scores, exclusions, lists, extras or RunExtras())

    return publish
