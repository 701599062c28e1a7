"""The groups of commands: name → the module that holds its typer application, called ``app``.

To add one: write ``cli/<name>.py`` with ``app = typer.Typer(...)``, put its line here and its texts in
``cli/messages/<name>.py``. An application with one command and no callback is that command.
"""

# In the order in which the help shows them: what is run first and most, first.
COMMANDS = {
    "up": "hanfleet.cli.up",
    "demo": "hanfleet.cli.demo",
    "bots": "hanfleet.cli.bots",
    "contacts": "hanfleet.cli.contacts",
    "backup": "hanfleet.cli.backup",
    "audit": "hanfleet.cli.audit",
    "keys": "hanfleet.cli.keys",
    "db": "hanfleet.cli.db",
    "import-legacy": "hanfleet.cli.import_legacy",
    "bench": "hanfleet.cli.bench",
    "sandbox": "hanfleet.cli.sandbox",
}
