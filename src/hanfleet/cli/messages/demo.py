"""What the demo says."""

TEXTS = {
    "demo.setting_up": ("setting the stage …", "готовим сцену …"),
    "demo.sandbox_up": (
        "sandbox: Telegram and the model answer on this machine",
        "песочница: Telegram и модель отвечают на этой машине",
    ),
    "demo.fleet_up": (
        "fleet: PostgreSQL, Valkey, supervisor, API and zygote run",
        "флот: PostgreSQL, Valkey, супервизор, API и зигота работают",
    ),
    "demo.bots_up": ("bots: {names} are running", "боты: {names} работают"),
    "demo.not_reached": (
        "{bot_id} was not ready within {seconds} s ({reason}): try again when this machine is less busy.",
        "Бот {bot_id} не был готов за {seconds} с ({reason}): повторите, когда машина будет меньше занята.",
    ),
    "demo.chatting": ("people and bots are chatting; Ctrl-C ends it", "люди и боты беседуют; Ctrl-C закончит"),
    "demo.collecting": ("waiting for the last replies …", "ждём последние ответы …"),
    "demo.taking_down": ("taking the stage down …", "убираем сцену …"),
    "demo.fact.api": ("API {url}   home {home}", "API {url}   папка {home}"),
    "demo.fact.sandbox": ("sandbox control {url}", "пульт песочницы {url}"),
    "demo.conversation": ("said just now", "сказано только что"),
    "demo.summary": (
        "Started in {startup} s; supervisor {rss} MB. Latency (ms) without planned waits and the model's time",
        "Запуск за {startup} с; супервизор {rss} МБ. Задержка (мс) без намеренных пауз и времени модели",
    ),
    "demo.bad": (
        "Messages were lost or doubled: this must not happen, please report it.",
        "Сообщения потеряны или повторены: такого быть не должно, сообщите нам.",
    ),
    "demo.cannot_write": (
        "The report cannot be written to {path}: choose another --report.",
        "Отчёт нельзя записать в {path}: укажите другой --report.",
    ),
    "demo.column.bot": ("bot", "бот"),
    "demo.column.state": ("state", "состояние"),
    "demo.column.memory": ("memory", "память"),
    "demo.column.in": ("in", "вход"),
    "demo.column.out": ("out", "выход"),
    "demo.column.latency": ("answer, with model", "ответ с моделью"),
    "demo.column.received": ("in", "вход"),
    "demo.column.answered": ("answ.", "отв."),
    "demo.column.lost": ("lost", "потери"),
    "demo.column.doubled": ("twice", "дважды"),
    "demo.column.uss": ("MB", "МБ"),
    "demo.column.p50": ("p50", "p50"),
    "demo.column.p95": ("p95", "p95"),
    "demo.column.waits": ("waits", "паузы"),
    "demo.column.model": ("model", "модель"),
}
