"""Who is on the stage: invented personas for rehearsals. They say what they are, like every persona."""

from dataclasses import dataclass
from typing import Any

FAST_PACING = {"wait_for_more_s": 0.4, "chars_per_second": 600.0, "max_typing_s": 0.3, "split_at_chars": 400}
NO_PACING = {"wait_for_more_s": 0.0, "chars_per_second": 10_000.0, "max_typing_s": 0.0, "split_at_chars": 4000}


@dataclass(frozen=True)
class Role:
    """One persona and the kind of account that it plays on."""

    bot_id: str
    name: str
    language: str
    prompt: str
    bot_account: bool = False
    phone: str | None = None
    password: str | None = None  # the account's two-step verification

    def config(self, *, llm_url: str, pacing: dict[str, float], token: str | None) -> dict[str, Any]:
        """The body of POST /api/bots."""
        log_in = {"telegram_bot_token": token} if self.bot_account else {"telegram_phone": self.phone}
        return {
            "bot_id": self.bot_id,
            "name": self.name,
            "telegram_api_id": 10_000,
            "telegram_api_hash": "0123456789abcdef0123456789abcdef",
            "openai_api_key": f"rehearsal-{self.bot_id}",
            "persona": {"prompt": self.prompt, "language": self.language},
            "llm": {"base_url": llm_url, "model": "rehearsal", "timeout_s": 5, "attempts": 4},
            "pacing": pacing,
            **log_in,
        }


_PLAYS = (
    ("mira", "Mira", "en", "You are Mira, an AI who loves gardens and asks good questions about small things."),
    ("theo", "Theo", "en", "You are Theo, an AI with dry humour who talks about trains, maps and cooking."),
    ("vera", "Вера", "ru", "Ты Вера, ИИ-собеседница. Любишь книги и долгие прогулки, говоришь тепло и просто."),
)


def roles(count: int, *, bot_accounts: bool = False) -> list[Role]:
    """``count`` personas: of each three, two on user accounts (one with two-step verification) and one on a bot token.

    With ``bot_accounts`` all are on bot tokens, which need nobody to log them in.
    """
    chosen = []
    for number in range(count):
        bot_id, name, language, prompt = _PLAYS[number % len(_PLAYS)]
        lap = number // len(_PLAYS)
        suffix, title = (f"-{lap + 1}", f" {lap + 1}") if lap else ("", "")
        token = bot_accounts or number % len(_PLAYS) == 1
        verified = not token and number % len(_PLAYS) == 2
        chosen.append(
            Role(
                bot_id=bot_id + suffix,
                name=name + title,
                language=language,
                prompt=prompt,
                bot_account=token,
                phone=None if token else f"+99966{2000 + number:05d}",
                password="open sesame" if verified else None,
            )
        )
    return chosen
