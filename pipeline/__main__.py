"""The commands: python -m pipeline <command> --help."""

import sys

import typer

from configs.errors import ConfigError, DataError
from pipeline.commands import models, operations

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for commands in (operations, models):
    app.add_typer(commands.app)


def main() -> None:
    """Run a command; what a user can mend is one sentence on stderr and exit code 2."""
    try:
        app()
    except (DataError, ConfigError) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
