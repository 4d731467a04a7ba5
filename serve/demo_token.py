"""Tokens to try the demo's service with; its keys lie among the artefacts, for their owner alone."""

import os
from pathlib import Path

from pydantic import SecretStr

from configs.errors import ConfigError
from configs.service import ServiceSettings
from configs.signing_keys import kept_key
from serve.auth.policy import Role
from serve.auth.tokens import RefusedError, caller_of, issue


def demo_environment(data: Path) -> dict[str, str]:
    """The variables with which the demo's service signs and takes its own tokens.

    None where a bank names its identity provider in ATTRITION_TOKEN_JWKS.
    """
    if os.environ.get("ATTRITION_TOKEN_JWKS"):
        return {}
    audit_key = os.environ.get("ATTRITION_AUDIT_KEY") or kept_key(data / "audit-key").strip()
    token_key = os.environ.get("ATTRITION_TOKEN_KEY") or kept_key(data / "token-key").strip()
    return {"ATTRITION_DEMO": "true", "ATTRITION_TOKEN_KEY": token_key, "ATTRITION_AUDIT_KEY": audit_key}


def demo_token(data: Path, role: str, manager: str = "", branch: str = "", hours: float = 12.0) -> str:
    """A token that the demo's service takes; below 0 hours one that has expired, to try that.

    Raises ConfigError outside of the demo, and where the role is unknown or needs an id that is not given.
    """
    if role not in list(Role):
        raise ConfigError(f"there is no role {role!r}. Roles: {', '.join(Role)}.")
    subject = " ".join(filter(None, ["demo", role, manager or branch]))
    claims = {"sub": subject, "role": role, "manager_id": manager, "branch_id": branch}
    try:
        caller_of(claims)
    except RefusedError as error:
        raise ConfigError(f"no token can be made: {error}. Give MANAGER=… or BRANCH=….") from None
    keys = demo_environment(data)
    if not keys:
        raise ConfigError("only the demo signs tokens; the bank's identity provider issues them.")
    service = ServiceSettings(
        demo=True,
        token_key=SecretStr(keys["ATTRITION_TOKEN_KEY"]),
        audit_key=SecretStr(keys["ATTRITION_AUDIT_KEY"]),
    )
    return issue(service, claims, round(3600 * hours))
