"""The methods that are built, one module for each namespace. Importing this package fills the table in ``rpc``."""

from hanfleet.sandbox.telegram.methods import account, auth, contacts, dialogs, help_, history, messages, updates, users

__all__ = ["account", "auth", "contacts", "dialogs", "help_", "history", "messages", "updates", "users"]
