"""The demo's tokens are good for the service; without what the role needs, or outside of the demo, there is
none."""

import secrets
import time

import jwt
import pytest

from configs.errors import ConfigError
from configs.service import load_service_settings
from serve import demo_token
from serve.auth.policy import Role
from serve.auth.tokens import Caller, Tokens


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv("ATTRITION_DEMO", "true")
    monkeypatch.setenv("ATTRITION_TOKEN_KEY", secrets.token_hex(32))
    monkeypatch.setenv("ATTRITION_AUDIT_KEY", secrets.token_hex(32))


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(("option", "hours"), [([], 12), (["--hours", "1"], 1)])
def test_a_managers_token_is_accepted_for_twelve_hours_or_as_many_as_asked_for(option, hours):
    before = int(time.time())
    token = demo_token.main(["manager", "--manager", "M1", *option])
    caller = Caller("demo manager M1", Role.MANAGER, "M1", "")
    assert Tokens(load_service_settings()).verified(token) == caller
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]
    assert before <= expires - hours * 3600 <= time.time()


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(("role", "claim"), [("manager", "manager_id"), ("branch_head", "branch_id")])
def test_a_role_without_its_number_gets_no_token(role, claim):
    with pytest.raises(ConfigError, match=claim):
        demo_token.main([role])
