"""The commands: python -m pipeline <command> --help."""

import sys

import typer

from configs.errors import ConfigError, DataError
from pipeline.commands import data as data_commands
from pipeline.commands import lists as list_commands
from pipeline.commands import models as model_commands
from pipeline.commands import store as store_commands

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(data_commands.app)
app.add_typer(model_commands.app)
app.add_typer(store_commands.app)
app.add_typer(list_commands.app)


def main() -> None:
    """Run a command; what a user can mend is one sentence on stderr and exit code 2."""
    try:
        app()
    except (DataError, ConfigError) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
