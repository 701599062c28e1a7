"""The root command: finds the group by name, imports it alone, turns errors into one sentence and an exit status."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hanfleet.cli import exits
from hanfleet.cli.table import COMMANDS
from hanfleet.core.errors import HanfleetError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
#: Files and folders as they are; any other error of the system may be a mistake of ours, and keeps its traceback.
_NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR, *_NO_ROOM)


class _TableGroup(TyperGroup):
    """A group whose commands are lines of the table."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.Abort:
            # Ctrl-C at a question. Typer would print "Aborted." and call it a failure.
            raise typer.Exit(exits.INTERRUPTED) from None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the port's name
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the port's name
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(import_module(COMMANDS[cmd_name]).app)
        command.name = cmd_name
        return command


root = typer.Typer(
    name="hanfleet",
    cls=_TableGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=exits.HELP,
)


def _version(wanted: bool) -> None:
    if wanted:
        from hanfleet.cli.version import print_version

        print_version()
        raise typer.Exit


@root.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Run a fleet of Telegram AI bots. Begin with: hanfleet up, or with the rehearsal: hanfleet demo."""


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line and give its exit status."""
    try:
        status = root(args=list(arguments), prog_name="hanfleet", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except HanfleetError as error:
        exits.tell(str(error))
        return exits.status_of(error)
    except typer.TyperException as misused:
        return _misused(misused)
    except OSError as error:
        return _refused_by_system(error)
    return _interrupted() if status == exits.INTERRUPTED else status or exits.DONE


def _misused(error: Any) -> int:
    """An unknown command or option, or one that is missing: the parser's words, and where to look."""
    from hanfleet.cli.messages import say

    what = " ".join(error.format_message().split())
    if what:  # a group alone has shown its help, and has nothing to say
        path = error.ctx.command_path if getattr(error, "ctx", None) else "hanfleet"
        exits.tell(say("cli.misused", what=what if what[-1] in ".?" else f"{what}.", help=f"{path} --help"))
    return exits.REFUSED


def _refused_by_system(error: OSError) -> int:
    """What we print to is gone or full, or a file is not ours to use. Raises any other error again."""
    from hanfleet.cli.messages import say

    if error.filename is not None and error.errno in _NOT_OURS:
        exits.tell(say("cli.refused_by_system", path=os.fsdecode(error.filename), reason=error.strerror))
        return exits.FAILED if error.errno in _NO_ROOM else exits.REFUSED
    if error.errno not in (errno.EPIPE, errno.EIO, *_NO_ROOM):
        raise error
    # Or the interpreter would fail at the same once more when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno in _NO_ROOM:
        exits.tell(say("cli.no_room"))
    return exits.FAILED


def _interrupted() -> int:
    from hanfleet.cli.messages import say

    print(say("cli.interrupted"), file=sys.stderr)
    return exits.INTERRUPTED
