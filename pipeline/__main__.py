"""The commands: python -m pipeline <command> --help."""

import sys

import typer

from configs.errors import EXIT_CODES, MachineError, exit_code_of
from configs.files import keep_private
from pipeline.commands import alarms, models, operations

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for commands in (operations, models, alarms):
    app.add_typer(commands.app)


def main() -> None:
    """Run a command; what a user can mend is one sentence on stderr and an exit code of its own."""
    keep_private()
    try:
        try:
            app()
        except OSError as error:
            if MachineError.is_at(error):
                raise MachineError("between two steps", error) from error
            raise
    except tuple(EXIT_CODES) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
