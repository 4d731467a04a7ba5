"""Commands of the score service on this machine: serve, and tokens to try it with."""

import os
import sys
from typing import Annotated

import typer

from pipeline.commands.completion import ROLES
from pipeline.commands.options import DATA, BankOption, DataOption, store_of

app = typer.Typer()


@app.command()
def serve(
    bank: BankOption = "demo",
    data: DataOption = DATA,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="by default ATTRITION_PORT, or 8000")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="by default ATTRITION_WORKERS, or 1")] = None,
) -> None:
    """The score service on loopback; without ATTRITION_TOKEN_JWKS it is a demo with its own tokens."""
    from serve.demo_token import demo_environment

    environment = os.environ | {"ATTRITION_STORE": store_of(bank, data)} | demo_environment(data)
    chosen = {"ATTRITION_PORT": port, "ATTRITION_WORKERS": workers}
    environment |= {name: str(value) for name, value in chosen.items() if value is not None}
    sys.stdout.flush()
    # In its place: the service has one entry, and needs nothing that is imported here.
    os.execve(sys.executable, [sys.executable, "-m", "serve"], environment)


@app.command()
def token(
    role: Annotated[str, typer.Argument(help=", ".join(ROLES), autocompletion=lambda: list(ROLES))] = "crm",
    manager: Annotated[str, typer.Option(help="the manager's number; a manager needs one")] = "",
    branch: Annotated[str, typer.Option(help="the branch; a branch head needs one")] = "",
    hours: Annotated[float, typer.Option(help="below 0: one that has expired, to try that")] = 12.0,
    data: DataOption = DATA,
) -> None:
    """A token of the demo, to paste at the pages or to send with a request."""
    from serve.demo_token import demo_token

    typer.echo(demo_token(data, role, manager, branch, hours))
