"""Commands that read the score store on this machine: serve, tokens to try it with, workbooks of branches."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from configs.files import whole_file
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
    hours: Annotated[float, typer.Option(help="until it expires; below 0: it has expired already")] = 12.0,
    data: DataOption = DATA,
) -> None:
    """A token of the demo, to paste at the pages or to send with a request."""
    from serve.demo_token import demo_token

    typer.echo(demo_token(data, role, manager, branch, hours))


@app.command("branch-report")
def branch_report(
    bank: BankOption = "demo",
    branch: Annotated[str, typer.Option(help="by default the bank and every branch")] = "",
    language: Annotated[str, typer.Option(help="en or zh; by default both")] = "",
    data: DataOption = DATA,
    out: Annotated[
        Path | None, typer.Option(help="folder; by default branch-reports/<Monday> of the bank")
    ] = None,
) -> None:
    """The monthly workbooks of the bank and its branches, with charts, from the run that is served."""
    from configs.published import LANGUAGES, Language
    from serve.store.store import Store
    from serve.workbooks.branch_report import branch_reports

    chosen: tuple[Language, ...] = tuple(name for name in LANGUAGES if language in ("", name))
    if not chosen:
        raise typer.BadParameter(
            f"{language!r} is not one of {', '.join(LANGUAGES)}.", param_hint="--language"
        )
    with Store(store_of(bank, data)) as store, store.at_run() as session:
        folder = out or data / bank / "branch-reports" / str(session.run.snapshot_date)
        folder.mkdir(parents=True, exist_ok=True)
        for written in chosen:
            for name, content in branch_reports(session, written, branch or None):
                with whole_file(folder / name) as draft:
                    draft.write_bytes(content)
                typer.echo(folder / name)
