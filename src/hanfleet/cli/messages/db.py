"""What `hanfleet db` says. What a revision brings is told in English."""

TEXTS = {
    "db.working": ("looking at the database …", "смотрим базу данных …"),
    "db.none": ("There is no schema yet: hanfleet up makes it.", "Схемы ещё нет: её создаст hanfleet up."),
    "db.empty": ("no schema", "без схемы"),
    "db.current": (
        "The schema is at revision {revision}, as this release needs it.",
        "Схема на ревизии {revision}, как и нужно этой версии.",
    ),
    "db.older": (
        "The schema is at revision {revision}; this release needs {known}. Make a backup, then: hanfleet db upgrade",
        "Схема на ревизии {revision}, нужна {known}. Сделайте резервную копию, затем: hanfleet db upgrade",
    ),
    "db.newer": (
        "The schema is at revision {revision}, newer than {known}, which this release knows: install a newer one.",
        "Схема на ревизии {revision}, новее известной этой версии {known}: установите более новую версию.",
    ),
    "db.upgraded": (
        "The schema went from {before} to revision {after}. Now: hanfleet up.",
        "Схема обновлена: {before} → {after}. Теперь: hanfleet up.",
    ),
    "db.downgraded": (
        "The schema is at revision {to} now; start the release that belongs to it.",
        "Схема теперь на ревизии {to}; запускайте версию, к которой она относится.",
    ),
    "db.nothing_lost": ("No row and no column is lost.", "Ни строки, ни столбцы не теряются."),
    "db.would_lose": ("This would be lost for good:", "Это пропало бы навсегда:"),
    "db.lost": ("This is lost:", "Это потеряно:"),
    "db.trail_would_go": (
        "The whole audit trail would go. After a later upgrade another one begins.",
        "Журнал аудита пропал бы целиком. После нового обновления схемы начнётся другой.",
    ),
    "db.trail_lost": (
        "The whole audit trail is gone. After a later upgrade another one begins.",
        "Журнал аудита пропал целиком. После нового обновления схемы начнётся другой.",
    ),
    "db.heads_would_go": (
        "Its exported heads, {path}, would be set aside; copies elsewhere would not fit the next trail either.",
        "Его выгруженные головы, {path}, были бы отложены; к новому журналу не подойдут и копии в других местах.",
    ),
    "db.heads_aside": (
        "Its exported heads were set aside, as {path}: keep them with the backup that holds the trail.",
        "Его выгруженные головы отложены в {path}: храните их вместе с копией, в которой есть этот журнал.",
    ),
    "db.only_told": (
        "Nothing was changed. Make a backup, then: hanfleet db downgrade --to {to} --yes",
        "Ничего не изменено. Сделайте резервную копию, затем: hanfleet db downgrade --to {to} --yes",
    ),
    "db.revision": ("revision", "ревизия"),
    "db.brings": ("brings", "что приносит"),
    "db.table": ("table", "таблица"),
    "db.column": ("column", "столбец"),
    "db.rows": ("rows", "строк"),
    "db.all": ("(whole table)", "(вся таблица)"),
}
