from tests.support.operators import bot_id, bot_logs, hand, ipc, ledger, manager

__all__ = ["bot_id", "bot_logs", "hand", "ipc", "ledger", "manager"]
