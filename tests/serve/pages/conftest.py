"""The bank of the pages' tests, published once; each test gets a copy of the store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from configs.service import ServiceSettings
from configs.settings import Settings
from serve.app import create_app
from serve.store.store import Store
from tests.serve.pages import published_bank

SignedIn = Callable[..., TestClient]


@pytest.fixture(scope="session")
def published_file(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """The store's file, to be copied."""
    path = tmp_path_factory.mktemp("pages") / "store.db"
    with Store(f"sqlite:///{path}") as store:
        published_bank.publish(store, settings.lists, b"k" * 32)
    return path


@pytest.fixture
def store_url(published_file: Path, tmp_path: Path) -> str:
    """A copy of the published store for each test."""
    copy = tmp_path / "store.db"
    copy.write_bytes(published_file.read_bytes())
    return f"sqlite:///{copy}"


@pytest.fixture
def client(service: ServiceSettings) -> Iterator[TestClient]:
    with TestClient(create_app(service), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client


@pytest.fixture
def signed_in(client: TestClient, token_of: Callable[..., str]) -> SignedIn:
    """The client with the session of somebody: ``signed_in("manager", manager_id="M1")``."""

    def session(role: str, **claims: str) -> TestClient:
        client.cookies.set("attrition-session", token_of(role, **claims), domain="127.0.0.1")
        return client

    return session


@pytest.fixture
def manager(signed_in: SignedIn) -> TestClient:
    """The client with the session of M1."""
    return signed_in("manager", manager_id="M1")
