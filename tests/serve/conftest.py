"""One small published world: branch B1 with manager M1, who has room for two, and a customer without one."""

import secrets
import tomllib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import SecretStr

from configs.bank_folder import DEFAULTS
from configs.call_lists import CallList, Week
from configs.published import Exclusion, Manager, Profile, Reason, ResponseRate, Run, RunExtras, Score
from configs.service import ServiceSettings
from configs.settings import Settings, Tier
from pipeline.lists.decisions import choose
from serve.api.prepared import prepared_answers
from serve.auth import tokens
from serve.store.store import Store

REASON = Reason(
    group="outflow",
    feature="outflow_elsewhere_sum_4w",
    value=480_000.0,
    contribution=0.8,
    text_en="Moved 480,000 CNY to other banks",
    text_zh="近 4 周转往他行 480,000 元",
)
SECRET, AUDIT_KEY = secrets.token_hex(32), secrets.token_hex(32)
Bearer = Callable[..., dict[str, str]]
MakeService = Callable[[str], ServiceSettings]
MakeScore = Callable[..., Score]
MakeRun = Callable[..., Run]
MakeWeek = Callable[..., Week]
MakeLists = Callable[..., tuple[CallList, ...]]


def _score(customer_id: str, money_minor: int = 100_00, **changes: Any) -> Score:
    fields: dict[str, Any] = {
        "branch_id": "B1",
        "manager_id": "M1",
        "tier": "affluent",
        "lifecycle_stage": "mature",
        "marketing_opt_out": False,
        "aum_minor": 1_843_200_50,
        "risk_90d": 0.412,
        "risk_band": "high",
        "reasons": (REASON,),
    }
    return Score(customer_id=customer_id, money_at_risk_minor=money_minor, **(fields | changes))


def _run(run_id: str = "run-1", day: date = date(2026, 11, 16), **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "bank": "demo",
        "model_id": "model-1",
        "base_currency": "CNY",
        "horizon_days": 90,
        "cohort": 5,
        "excluded": MappingProxyType({"too_new": 1}),
        "manifest": MappingProxyType({"tables": "sha256:1f"}),
    }
    return Run(run_id=run_id, snapshot_date=day, **(fields | changes))


@pytest.fixture(scope="session")
def make_score() -> MakeScore:
    return _score


def _week(monday: date = date(2026, 11, 16), **known: Any) -> Week:
    """A call keeps three in ten; an assignment holds for fourteen weeks."""
    return Week(monday, 14, ResponseRate(0.3), **known)


@pytest.fixture(scope="session")
def make_week() -> MakeWeek:
    return _week


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    return _run


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The defaults; no control group, so that lists are known beforehand."""
    defaults = tomllib.loads(DEFAULTS.read_text("utf-8"))
    defaults["lists"]["control_group_share"] = 0.0
    tiers = (Tier(name="affluent", name_zh="财富客户", min_aum=0),)
    return Settings(
        bank="demo",
        title="Demo",
        language="zh",
        base_currency="CNY",
        sources={},
        tiers=tiers,
        **defaults,
    )


@pytest.fixture
def scores() -> tuple[Score, ...]:
    """M1's by money at risk: c2 (opted out), c4, c1, c3; c5 has no manager."""
    return (
        _score("c1", 300_00),
        _score("c2", 900_00, marketing_opt_out=True),
        _score("c3", 100_00, risk_band="low", risk_90d=0.01),
        _score("c4", 500_00, reasons=()),
        _score("c5", 700_00, manager_id=None),
    )


@pytest.fixture
def exclusions() -> tuple[Exclusion, ...]:
    return (Exclusion("c6", "too_new"),)


@pytest.fixture(scope="session")
def make_lists(settings: Settings) -> MakeLists:
    """Everybody's lists as on the first Monday ever: no past, no control group."""

    def lists_of(scores: Sequence[Score], managers: Sequence[Manager] = ()) -> tuple[CallList, ...]:
        return choose(scores, managers, settings.lists, _week())

    return lists_of


@pytest.fixture
def lists(scores: tuple[Score, ...], make_lists: MakeLists) -> tuple[CallList, ...]:
    return make_lists(scores, [Manager("M1", "张伟", "B1", 2)])


@pytest.fixture
def profiles(scores: tuple[Score, ...]) -> tuple[Profile, ...]:
    """One per score; the AUM line says whose it is: 0, 1, 2 … yuan in the order of the scores."""
    lines = (MappingProxyType({"demand": (100 * place,) * 52}) for place in range(len(scores)))
    return tuple(Profile(score.customer_id, line) for score, line in zip(scores, lines, strict=True))


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/deep/store.db"


def _service(store_url: str) -> ServiceSettings:
    """The service as the demo runs it, over one store."""
    return ServiceSettings(
        store=store_url,
        demo=True,
        token_key=SecretStr(SECRET),
        audit_key=SecretStr(AUDIT_KEY),
        hosts=("testserver", "127.0.0.1", "bank.example"),
        stale_days=36_500,  # the Mondays of the tests only grow older
    )


@pytest.fixture(scope="session")
def make_service() -> MakeService:
    return _service


@pytest.fixture
def service(store_url: str) -> ServiceSettings:
    return _service(store_url)


@pytest.fixture
def bearer(service: ServiceSettings) -> Bearer:
    """The headers of somebody, for routes and for pages: ``bearer("manager", manager_id="M1")``."""

    def headers(role: str, **claims: str) -> dict[str, str]:
        token = tokens.issue(service, {"sub": f"the {role}", "role": role, **claims}, seconds=3600)
        return {"Authorization": f"Bearer {token}", "Cookie": f"attrition-session={token}"}

    return headers


@pytest.fixture(params=["sqlite", "postgresql"])
def either_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store in each database in turn; a file of tests takes it in place of ``store_url``."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/store.db"
    return request.getfixturevalue("postgres").empty_store()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store(store_url) as store:
        yield store


@pytest.fixture
def published(
    store: Store,
    scores: tuple[Score, ...],
    exclusions: tuple[Exclusion, ...],
    lists: tuple[CallList, ...],
    profiles: tuple[Profile, ...],
) -> Store:
    extras = RunExtras(profiles, prepared_answers=prepared_answers(_run(), scores))
    store.publish(_run(), scores, exclusions, lists, extras)
    return store
