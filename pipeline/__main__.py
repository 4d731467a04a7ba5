"""The command attrition; python -m pipeline is the same."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from configs.errors import EXIT_CODES, MachineError, exit_code_of
from configs.files import keep_private
from pipeline.commands import alarms, campaigns, models, operations, service


class _Verbs(TyperGroup):
    """The verbs. What is not given of the flags that Typer adds is False: from None it casts them by
    Pydantic, whose import took a third of the time of a verb's ``--help``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for flag in self.get_params(ctx):
            flag.default = False
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="attrition",
    cls=_Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Who is about to leave, and with how much money. attrition <command> --help says more.",
)
for heading, commands in (
    ("Every week", operations.weekly_verbs),
    ("Every week", campaigns.app),
    ("A bank's data", operations.app),
    ("Models", models.app),
    ("The service", service.app),
    ("The score store", operations.store_verbs),
    ("Alarms", alarms.app),
):
    for command in commands.registered_commands:
        command.rich_help_panel = heading
    app.add_typer(commands)


def main() -> None:
    """Run a command; what a user can mend is one sentence on stderr and an exit code of its own."""
    keep_private()
    try:
        try:
            app(prog_name="attrition")
        except OSError as error:
            if MachineError.is_at(error):
                raise MachineError("between two steps", error) from error
            raise
    except tuple(EXIT_CODES) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
