"""The groups of commands: name → the module that holds its typer application, called ``app``.

To add one: write ``cli/<name>.py`` with ``app = typer.Typer(...)``, put its line here and its texts in
``cli/messages/<name>.py``. An application with one command and no callback is that command.
"""

COMMANDS = {
    "up": "hanfleet.cli.up",
    "bots": "hanfleet.cli.bots",
    "contacts": "hanfleet.cli.contacts",
    "demo": "hanfleet.cli.demo",
    "db": "hanfleet.cli.db",
    "keys": "hanfleet.cli.keys",
    "doctor": "hanfleet.cli.doctor",
    "bench": "hanfleet.cli.bench",
    "backup": "hanfleet.cli.backup",
    "audit": "hanfleet.cli.audit",
    "import-legacy": "hanfleet.cli.import_legacy",
    "sandbox": "hanfleet.cli.sandbox",
}
