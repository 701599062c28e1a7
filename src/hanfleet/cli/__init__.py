"""The front door: commands for people. What they do to a fleet goes through its REST API; what concerns
its home or database as such (backups, keys, schema, audit heads, the import) goes through `app`.

Each group of commands is a module of its own, named in `table.py` and imported only when it is called, so that the door
opens quickly. Refuses to show a stack trace for what a person can mend: that is one sentence on standard error, and an
exit status from `exits.py`.
"""

import sys


def main() -> None:
    """The ``hanfleet`` command."""
    if sys.argv[1:] == ["--version"]:
        from hanfleet.cli.version import print_version

        print_version()
        return
    from hanfleet.cli.front import run

    sys.exit(run(sys.argv[1:]))
