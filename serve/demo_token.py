"""A token to try the demo's service with: ``python -m serve.demo_token manager --manager RM00003``."""

import argparse
import sys

from configs.errors import ConfigError
from configs.service import load_service_settings
from serve.auth.policy import Role
from serve.auth.tokens import RefusedError, caller_of, issue


def main(arguments: list[str]) -> str:
    """The token. Raises ConfigError outside of the demo, and where the role needs an id that is not given."""
    parser = argparse.ArgumentParser(prog="serve.demo_token", description="Prints a token of the demo.")
    parser.add_argument("role", choices=list(Role))
    parser.add_argument("--manager", default="", help="the manager's number; a manager needs one")
    parser.add_argument("--branch", default="", help="the branch; a branch head needs one")
    parser.add_argument(
        "--hours", type=float, default=12.0, help="below 0: one that has expired, to try that"
    )
    asked = parser.parse_args(arguments)
    subject = " ".join(filter(None, ["demo", asked.role, asked.manager or asked.branch]))
    claims = {"sub": subject, "role": asked.role, "manager_id": asked.manager, "branch_id": asked.branch}
    try:
        caller_of(claims)
    except RefusedError as error:
        raise ConfigError(f"no token can be made: {error}. Give MANAGER=… or BRANCH=….") from None
    return issue(load_service_settings(), claims, round(3600 * asked.hours))


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except ConfigError as error:
        sys.exit(str(error))
