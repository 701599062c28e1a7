"""Who a bot is and what it may say. Pure: no I/O; time and chance come in as arguments."""
