"""What `hanfleet backup` says."""

TEXTS = {
    "backup.created": (
        "Backed up: {bots:bot|bots}, {rows:row|rows}, {size} in {folder}",
        "Сохранено: ботов {bots}, строк {rows}, {size} в {folder}",
    ),
    "backup.keep_key": (
        "Copy it to another machine, and keep the master key elsewhere: without it no backup opens.",
        "Скопируйте на другую машину, а главный ключ храните отдельно: без него копия не откроется.",
    ),
    "backup.none": (
        "There is no backup yet: hanfleet backup create makes one, and hanfleet up one a day.",
        "Копий пока нет: hanfleet backup create сделает одну, а hanfleet up делает их каждый день.",
    ),
    "backup.id": ("id", "id"),
    "backup.holds": ("holds", "что внутри"),
    "backup.everything": ("everything", "всё"),
    "backup.bots": ("bots", "ботов"),
    "backup.rows": ("rows", "строк"),
    "backup.size": ("size", "размер"),
    "backup.age": ("age", "возраст"),
    "backup.schema": ("schema", "схема"),
    "backup.state": ("state", "состояние"),
    "backup.looks_whole": ("looks whole", "на вид цела"),
    "backup.hours": ("{hours} h", "{hours} ч"),
    "backup.days": ("{days:day|days}", "{days} дн."),
    "backup.verified": (
        "Backup {backup} is whole: {bots:bot|bots}, {rows:row|rows}, {size}, every byte as it was written.",
        "Копия {backup} цела: ботов {bots}, строк {rows}, {size}, каждый байт как был записан.",
    ),
    "backup.restored": ("Restored: bots {bots}, {rows:row|rows}.", "Восстановлено: боты {bots}, строк {rows}."),
    "backup.erased": (
        "Who was erased since stays erased; taken out again: {contacts:contact|contacts}, {bots:bot|bots}.",
        "Удалённые с тех пор остаются удалёнными: убрано контактов {contacts}, ботов {bots}.",
    ),
    "backup.stopped": (
        "They are stopped. When no other fleet uses their sessions: hanfleet up, then hanfleet bots start ID.",
        "Боты остановлены. Если их сессиями не пользуется другой флот: hanfleet up, затем hanfleet bots start ID.",
    ),
    "backup.started": (
        "Bots that ran start with the next hanfleet up. The original fleet must not run any more.",
        "Работавшие боты запустятся со следующим hanfleet up. Исходный флот больше не должен работать.",
    ),
}
