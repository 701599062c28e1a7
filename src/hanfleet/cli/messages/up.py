"""What `hanfleet up` says."""

TEXTS = {
    "up.started": ("{part} runs ({seconds:.2f} s)", "{part} работает ({seconds:.2f} с)"),
    "up.prepared": ("the database is ready; the bus is {bus}", "база данных готова; шина: {bus}"),
    "up.up": (
        "The fleet runs: {url} (state in {home}). Another terminal: hanfleet bots list. Ctrl-C stops it.",
        "Флот работает: {url} (данные в {home}). В другом терминале: hanfleet bots list. Ctrl-C остановит.",
    ),
    "up.backup_failed": (
        "There is no backup of today: {reason} Trying again in an hour; or run hanfleet backup create.",
        "Сегодняшней копии нет: {reason} Повтор через час; или выполните hanfleet backup create.",
    ),
    "up.stopping": ("stopping: bots finish what they began …", "останавливаемся: боты заканчивают начатое …"),
    "up.stopped": ("stopped", "остановлено"),
}
