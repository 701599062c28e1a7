"""What `hanfleet sandbox` says. The English sentences are the sandbox's own, which also runs without this command."""

from hanfleet.sandbox.refusals import SENTENCES

_RUSSIAN = {
    "directory_in_use": (
        "Папку {directory} занимает другая песочница: остановите её или укажите другую папку через --dir."
    ),
    "directory_unusable": (
        "Песочница не может хранить своё состояние в {directory} ({reason}): укажите другую папку через --dir."
    ),
    "port_unusable": (
        "Telegram песочницы не может слушать {host}:{port} ({reason}): выберите другое через --port или --host."
    ),
    "control_port_unusable": (
        "Пульт песочницы не может слушать {host}:{port} ({reason}): выберите другой порт через --control-port."
    ),
    "no_next_port": "За портом {port} нет следующего для пульта песочницы: выберите порт через --control-port.",
    "same_port": "Telegram и пульт песочницы не могут делить порт {port}: выберите другой через --control-port.",
}
TEXTS = {f"sandbox.{kind}": (sentence, _RUSSIAN[kind]) for kind, sentence in SENTENCES.items()}
