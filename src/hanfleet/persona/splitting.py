"""Long replies in parts, cut where a writer would: between paragraphs, else lines, else sentences, else words. Never
inside a word, unless the word alone is longer than Telegram takes in one message.
"""

import re

TELEGRAM_LIMIT = 4096
"""UTF-16 code units in one message (https://core.telegram.org/method/messages.sendMessage, MESSAGE_TOO_LONG)."""

_PARAGRAPH = re.compile(r"\n\s*\n")
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"(?<=[.!?…])[\"»”')\]]*\s+")
_WORD = re.compile(r"\s+")


def split_reply(text: str, limit: int) -> tuple[str, ...]:
    """Parts of at most ``limit`` UTF-16 units (a longer word stands alone); no part is empty; an empty text gives none.

    Every word of ``text`` is in exactly one part, in order. White space between parts is dropped.
    """
    whole = text.strip()
    if not whole:
        return ()
    return tuple(_pack(whole, limit, ((_PARAGRAPH, "\n\n"), (_LINE, "\n"), (_SENTENCE, " "), (_WORD, " "))))


def _pack(text: str, limit: int, borders: tuple[tuple[re.Pattern[str], str], ...]) -> list[str]:
    """Fill parts with pieces between the coarsest borders; a piece that is too long is cut at the next finer ones."""
    if _length(text) <= limit:
        return [text]
    if not borders:
        return _cut_monster(text)
    (border, joint), *finer = borders
    parts: list[str] = []
    open_part = ""
    for piece in _pieces(text, border):
        candidate = f"{open_part}{joint}{piece}" if open_part else piece
        if _length(candidate) <= limit:
            open_part = candidate
            continue
        if open_part:
            parts.append(open_part)
        *closed, open_part = _pack(piece, limit, tuple(finer))
        parts.extend(closed)
    return [*parts, open_part] if open_part else parts


def _pieces(text: str, border: re.Pattern[str]) -> list[str]:
    """Text between borders; closing quotes that the border's pattern swallowed stay with their sentence."""
    pieces, start = [], 0
    for found in border.finditer(text):
        end = found.end() - (len(found.group()) - len(found.group().rstrip()))
        pieces.append(text[start:end].strip())
        start = found.end()
    pieces.append(text[start:].strip())
    return [piece for piece in pieces if piece]


def _cut_monster(word: str) -> list[str]:
    """One word: whole, if Telegram takes it; else in slices of 2048 characters, which no encoding makes too long."""
    if _length(word) <= TELEGRAM_LIMIT:
        return [word]
    step = TELEGRAM_LIMIT // 2
    return [word[at : at + step] for at in range(0, len(word), step)]


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
