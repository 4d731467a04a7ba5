"""The demo's tokens are good for the service; without what the role needs, or outside of the demo, there is
none."""

import time

import jwt
import pytest

from configs.errors import ConfigError
from configs.service import load_service_settings
from serve.auth.policy import Role
from serve.auth.tokens import Caller, Tokens
from serve.demo_token import demo_environment, demo_token


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("ATTRITION_DEMO", "ATTRITION_TOKEN_KEY", "ATTRITION_AUDIT_KEY", "ATTRITION_TOKEN_JWKS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("option", "hours"), [({}, 12), ({"hours": 1}, 1)])
def test_a_managers_token_is_accepted_for_twelve_hours_or_as_many_as_asked_for(
    option, hours, tmp_path, monkeypatch
):
    before = int(time.time())
    token = demo_token(tmp_path, "manager", "M1", **option)
    for name, value in demo_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    caller = Caller("demo manager M1", Role.MANAGER, "M1", "")
    assert Tokens(load_service_settings()).verified(token) == caller
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]
    assert before <= expires - hours * 3600 <= time.time()


def test_the_keys_are_made_once_and_read_by_their_owner_alone(tmp_path):
    first = demo_environment(tmp_path)
    assert demo_environment(tmp_path) == first
    assert {(path.name, path.stat().st_mode & 0o077) for path in tmp_path.iterdir()} == {
        ("token-key", 0),
        ("audit-key", 0),
    }
    (tmp_path / "token-key").chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        demo_environment(tmp_path)


@pytest.mark.parametrize(
    ("role", "refusal"),
    [("manager", "manager_id"), ("branch_head", "branch_id"), ("boss", "no role 'boss'")],
)
def test_a_role_without_its_number_and_one_that_is_none_get_no_token(role, refusal, tmp_path):
    with pytest.raises(ConfigError, match=refusal):
        demo_token(tmp_path, role)
