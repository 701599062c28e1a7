"""The old bot's folder as a whole: what is where, and one chat after another, so that memory stays flat.

Only reads. A file that nothing here knows, and what is closed to us, is named in the report. Longer than other modules:
to say what nobody has read it must see everything that is read.
"""

import os
import re
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hanfleet.control.erasure.keeping import without_chat
from hanfleet.control.legacy.bounding import fitting_name, fitting_profile
from hanfleet.control.legacy.choosing import chosen
from hanfleet.control.legacy.conversations import read_messages
from hanfleet.control.legacy.documents import DocumentReader
from hanfleet.control.legacy.fields import Fields, chat_id_of
from hanfleet.control.legacy.merging import merged
from hanfleet.control.legacy.metrics_file import read_metrics
from hanfleet.control.legacy.oddities import Oddities, quoted
from hanfleet.control.legacy.persona_file import read_persona
from hanfleet.control.legacy.profiles_v1 import read_profiles_v1
from hanfleet.control.legacy.profiles_v2 import NAME_LIMIT, RANK_ASIDE, RANK_V2, read_profile_v2
from hanfleet.control.legacy.profiles_v3 import read_profile_v3
from hanfleet.control.legacy.records import LegacyChat, LegacyMessage, LegacyMetric, LegacyProfile
from hanfleet.control.legacy.session_file import read_session
from hanfleet.control.legacy.settings_file import LegacySettings, read_settings
from hanfleet.core.config import PersonaConfig
from hanfleet.core.errors import NotFoundError
from hanfleet.core.messages import SessionSnapshot

ENV = ".env"
_NUMBERED = re.compile(r"(-?[0-9]{1,19})(.*)", re.DOTALL)
_KNOWN_TOPICS = ["interests", "work", "travel", "music_movies", "values", "family", "goals", "fears", "facts"]


class LegacyFolder:
    """``chats`` may be walked once per reading; each reading has oddities of its own."""

    def __init__(self, root: Path, now: datetime, *, env: str = ENV) -> None:
        """``env``: the settings' name in it. Raises NotFoundError when ``root`` is no folder."""
        if not root.is_dir():
            raise NotFoundError(f"There is no folder {root}: name the one with the old bot's girls_data.")
        self.oddities = Oddities()
        self._root = root
        self._now = now
        self._reader = DocumentReader(root, self.oddities)
        self._known: set[Path] = {root / "bot.log"}
        self._linked: list[Path] = []  # folders that are read by another name; a walk does not go into them
        self._closed: set[Path] = set()
        self._places: list[Path] = []  # where the old bot kept what it knew of chats
        self.settings = self._settings(env)
        self.persona = self._persona()
        self.metrics, self.kept = self._rest()
        self._sessions = self._find_sessions()
        self._logs = self._numbered(self._folder("CONVERSATIONS_DIR", "conversations"), "conversation")
        self._backups = self._find_backups()
        self._profiles = self._read_profiles()
        self._is_erased: Callable[[int], bool] = lambda _chat_id: False

    def leave_out(self, is_erased: Callable[[int], bool]) -> None:
        """Pass over whoever was erased from the fleet, with a note: what is here is from before that."""
        self._is_erased = is_erased
        for chat_id in filter(is_erased, self.chat_ids):
            self._profiles.pop(chat_id, None)
            self._logs.pop(chat_id, None)
            self._backups.pop(chat_id, None)
            self.oddities.unknown = without_chat({"unknown": self.oddities.unknown}, chat_id).get("unknown", {})
            others = without_chat({"unread": dict.fromkeys(self.oddities.unread, 0)}, chat_id).get("unread", {})
            self.oddities.unread = {file: unread for file, unread in self.oddities.unread.items() if file in others}
            self.oddities.note("", f"chat {chat_id}", "was erased", "left out")

    @property
    def chat_ids(self) -> list[int]:
        """Every chat that anything is known of, in order."""
        return sorted(self._profiles.keys() | self._logs.keys() | self._backups.keys())

    def chats(self) -> Iterator[LegacyChat]:
        """Each chat, read when it is asked for."""
        for chat_id in self.chat_ids:
            yield self._chat(chat_id)
        self._note_strangers()

    def session(self) -> SessionSnapshot | None:
        """The Telegram session, when there is one."""
        if not self._sessions:
            return None
        wanted = self._named_session()
        found = (path for path in (wanted, self._root / wanted.name) if path in self._sessions)
        path = next(found, self._sessions[0])
        for other in self._sessions:
            if other != path:
                self.oddities.note(self._reader.name(other), "", "another session file", "left out")
        snapshot = read_session(path, self._reader.name(path), self.oddities)
        if snapshot is None or not any(self._is_erased(one.id) for one in snapshot.entities):
            return snapshot
        self.oddities.note(self._reader.name(path), "", "people among the peers who were erased", "left out")
        return replace(snapshot, entities=tuple(one for one in snapshot.entities if not self._is_erased(one.id)))

    def _named_session(self) -> Path:
        """Where SESSION_NAME says that it is: Telethon takes paths, too."""
        return self._root / f"{self.settings.session_name.removesuffix('.session')}.session"

    def _find_sessions(self) -> list[Path]:
        """Those beside the settings, and the one that they name, where that is below them."""
        wanted = self._named_session()
        found = set(self._root.glob("*.session"))
        inside = wanted.is_relative_to(self._root) and ".." not in wanted.parts and not self._leads_out(wanted.parent)
        if inside and os.path.lexists(wanted):
            found.add(wanted)
        for folder in {self._root, *(path.parent for path in found)}:
            self._known.update(folder.glob("*.session-*"))
        return [path for path in sorted(found) if self._is_file(path)]

    def _settings(self, env: str) -> LegacySettings:
        text = self._text(self._root / env)
        return LegacySettings() if text is None else read_settings(text, env, self.oddities)

    def _persona(self) -> PersonaConfig | None:
        text = self._text(self._root / "persona.txt")
        return None if text is None else read_persona(text, "persona.txt", self.oddities)

    def _rest(self) -> tuple[list[LegacyMetric], dict[str, Any]]:
        rows: list[LegacyMetric] = []
        kept: dict[str, Any] = {}
        for document in self._load(self._root / "metrics.json"):
            found, left = read_metrics(document, "metrics.json", self.oddities, self._now)
            rows += found
            kept.setdefault("metrics", left)
        for document in self._load(self._root / "fields.json"):
            kept.setdefault("topics", document)
            if document != _KNOWN_TOPICS:
                reason = f"topics of its own: {quoted(document)}"
                self.oddities.note("fields.json", "", reason, "kept with the import; bots ask about Hanfleet's topics")
        return rows, kept

    def _load(self, path: Path) -> list[Any]:
        return self._reader.load(path) if self._is_file(path) else []

    def _text(self, path: Path) -> str | None:
        return self._reader.text(path) if self._is_file(path) else None

    def _is_file(self, path: Path) -> bool:
        """Whether there is a file of that name; anything else of that name is noted."""
        self._known.add(path)
        try:
            path.stat()
        except PermissionError as refused:
            self.oddities.pass_over(self._reader.name(path), "", f"unreadable: {refused.strerror}", what="files")
            return False
        except (OSError, ValueError):
            pass  # a link to nowhere, or a name that no file can have
        if os.path.isfile(path):  # noqa: PTH113 - unlike Path.is_file it says no where it cannot know
            return not (path.is_symlink() and self._passed_over(path))
        if _is_dir(path):
            done = "left out" if path.is_symlink() else "what is in it is named, not read"
            self.oddities.note(self._reader.name(path), "", "no file but a folder", done)
        elif os.path.lexists(path):
            self.oddities.note(self._reader.name(path), "", "no file", "left out")
        return False

    def _leads_out(self, path: Path) -> bool:
        return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._root))

    def _passed_over(self, link: Path) -> bool:
        """Whether ``link`` leads to where nobody said that we may read; then it is noted."""
        if not self._leads_out(link):
            return False
        self._known.add(link)
        self.oddities.pass_over(self._reader.name(link), "", "a link that leads out of the folder", what="files")
        return True

    def _folder(self, variable: str, default: str) -> Path:
        """Where the old bot kept something; a place outside the folder is not ours to read."""
        top = Path(os.path.realpath(self._root))
        path = self._root / self.settings.folder(variable, default)
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(top):
            if path != self._root / default:
                done = f"looked into {default} instead"
                self.oddities.note(self.settings.file, variable, "a place outside the folder", done)
            path = self._root / default
            if self._passed_over(path):
                self._closed.add(path)
                return path
        elif not path.is_relative_to(self._root):
            path = self._root / real.relative_to(top)  # named in full, where we were given another name for it
        if os.path.realpath(path) != str(top / path.relative_to(self._root)) and _is_dir(path):
            self._linked.append(path)
            self.oddities.note(self._reader.name(path), "", "a link to a folder", "read all the same")
        self._places.append(path)
        return path

    def _listed(self, folder: Path) -> list[Path]:
        """What is in ``folder``, by name; nothing where there is none, or, with one note, where we may not look."""
        if folder in self._closed:
            return []
        try:
            return sorted(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as refused:
            self._closed.add(folder)
            reason, done = f"unreadable: {refused.strerror}", "what is in it was left out"
            self.oddities.pass_over(self._reader.name(folder), "", reason, done, what="files")
            return []

    def _numbered(self, folder: Path, what: str) -> dict[int, list[Path]]:
        """The files in ``folder`` by the chat that their names begin with, the plainest name first."""
        found: defaultdict[int, list[Path]] = defaultdict(list)
        for path in self._listed(folder):
            name = _NUMBERED.fullmatch(path.name)
            chat_id = chat_id_of(name[1]) if name else None
            if _is_dir(path) and chat_id is None:
                continue  # what is in it is named as unknown
            if not self._is_file(path):
                continue
            if name is None or chat_id is None:
                self._leave(path, f"a {what} of nobody")
                continue
            found[chat_id].append(path)
            if name[2] != ".json":
                self.oddities.note(self._reader.name(path), "", f"a {what} moved aside", f"read as of chat {chat_id}")
        return {
            chat_id: sorted(paths, key=lambda path: (len(path.name), path.name)) for chat_id, paths in found.items()
        }

    def _find_backups(self) -> dict[int, list[Path]]:
        found: dict[int, list[Path]] = {}
        folder = self._folder("BACKUPS_DIR", "backups")
        for chat in self._listed(folder):
            chat_id = chat_id_of(chat.name)
            if not _is_dir(chat) or (chat_id is None and chat.is_symlink()):
                continue
            if chat.is_symlink():
                if self._passed_over(chat):
                    continue
                self._linked.append(chat)
            # In the order of the days, whose names sort.
            paths = [path for path in self._listed(chat) if self._is_file(path)]
            if chat_id is None:
                for path in paths:
                    self._leave(path, "a backup of nobody")
                continue
            found[chat_id] = [*found.get(chat_id, []), *paths]
        return found

    def _leave(self, path: Path, reason: str) -> None:
        """Name a file that is left out; where it is JSON it may hold what was said, so who compares is told."""
        self.oddities.note(self._reader.name(path), "", reason, "left out")
        if path.suffix == ".json":
            self.oddities.count_unread(self._reader.name(path), "files", 1)

    def _read_profiles(self) -> dict[int, list[LegacyProfile]]:
        profiles: defaultdict[int, list[LegacyProfile]] = defaultdict(list)
        folder = self._folder("GIRLS_DATA_PATH", "girls_data")
        single = self._root / "girls_data.json"
        if folder.suffix == ".json":
            beside = folder.with_suffix("").relative_to(self._root)
            single, folder = folder, self._folder("", str(beside) if _is_dir(self._root / beside) else "girls_data")
        for document in self._load(single):
            for profile in read_profiles_v1(document, self._reader.name(single), self.oddities, self._now):
                profiles[profile.chat_id].append(profile)
        for named, paths in self._numbered(folder, "profile").items():
            for path in paths:
                for profile in self._profiles_of(path, named):
                    profiles[profile.chat_id].append(profile)
        return profiles

    def _profiles_of(self, path: Path, named: int) -> Iterator[LegacyProfile]:
        file = self._reader.name(path)
        aside = path.name != f"{named}.json"
        for document in self._reader.load(path):
            if not isinstance(document, dict):
                self.oddities.pass_over(file, "", f"no profile: {quoted(document)}")
            elif "telegram_id" in document:
                yield read_profile_v3(document, named, file, "", self.oddities, self._now)
            else:
                rank = RANK_ASIDE if aside else RANK_V2
                yield read_profile_v2(document, named, file, "", self.oddities, self._now, rank)

    def _chat(self, chat_id: int) -> LegacyChat:
        messages: list[LegacyMessage] = []
        for path in self._logs.get(chat_id, []):
            file = self._reader.name(path)
            own: list[LegacyMessage] = []
            for document in self._reader.load(path, log=True):
                own += read_messages(document, file, self.oddities, self._now, before=len(own))
            messages = self._merged(messages, own, file) if messages else own
        name = ""
        for path in self._backups.get(chat_id, []):
            file = self._reader.name(path)
            for document in self._reader.load(path, log=True):
                talk, name = self._backup(document, file, chat_id, name)
                messages = self._merged(messages, talk, file)
        profile = chosen(self._profiles.get(chat_id, []), self.oddities)
        return LegacyChat(chat_id, profile and fitting_profile(profile, self.oddities), messages, name)

    def _backup(self, document: Any, file: str, chat_id: int, name: str) -> tuple[list[LegacyMessage], str]:
        if isinstance(document, dict) and "messages" in document:
            known = {"date", "chat_id", "name", "messages"}
            if document.get("chat_id", chat_id) != chat_id:
                reason = f"two ids: its folder says {chat_id}, its chat_id says {quoted(document['chat_id'])}"
                self.oddities.note(file, "", reason, f"taken for chat {chat_id}")
            for key in document.keys() - known:
                self.oddities.keep(file, key, document[key])
            given = Fields({"name": document.get("name")}, file, "", self.oddities).take_text("name", limit=NAME_LIMIT)
            name = fitting_name(given, file, f"chat {chat_id}", self.oddities) or name
            document = document["messages"]
        return read_messages(document, file, self.oddities, self._now), name

    def _merged(self, base: list[LegacyMessage], copy: list[LegacyMessage], file: str) -> list[LegacyMessage]:
        messages, recovered = merged(base, copy)
        if recovered:
            self.oddities.note(file, "", f"messages that the log has lost: {recovered}", "recovered in their order")
        return messages

    def _note_strangers(self) -> None:
        """Name what nothing here has read. What was read by another name lies here by its own as well."""
        read = {*self._known, *self._linked}
        really = {os.path.realpath(path) for path in read} if self._linked else set()
        for path in sorted({path for top in (self._root, *self._linked) for path in self._walk(top)} - read):
            if not (reason := self._stranger(path, really)):
                continue
            if any(path.is_relative_to(place) for place in self._places):
                self._leave(path, reason)
            else:
                self.oddities.note(self._reader.name(path), "", reason, "left out")

    def _stranger(self, path: Path, really: set[str]) -> str:
        """What ``path`` is; "" when it needs no words. ``really`` are the places that were named, and gets this one."""
        try:
            is_link = stat.S_ISLNK(path.lstat().st_mode)
        except OSError as refused:
            return f"unreadable: {refused.strerror}"
        if is_link:
            return "a link to a folder" if _is_dir(path) else "an unknown file"
        real = os.path.realpath(path)
        if real in really or _is_dir(path):
            return ""
        really.add(real)
        return "an unknown file"

    def _walk(self, top: Path) -> Iterator[Path]:
        """All that is below ``top``, but what lies behind a link."""
        for path in self._listed(top):
            yield path
            if _is_dir(path) and not path.is_symlink():
                yield from self._walk(path)


def _is_dir(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - unlike Path.is_dir it says no where it cannot know
