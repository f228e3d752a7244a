"""Experts' answers: proposed by one person, used when two others have endorsed them, and only until they expire."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from afya.assistant.knowledge.adding import Added, add_blocks, day, with_identity
from afya.assistant.knowledge.chunks import Block, clean
from afya.assistant.knowledge.reading import Reading, limits
from afya.assistant.knowledge.record import Document
from afya.assistant.knowledge.store import Store
from afya.errors import ConfigError, DataError
from afya.languages import language
from afya.runs import sha256_text


@dataclass(frozen=True, slots=True)
class Answer:
    """An expert's answer. `endorsed` are name and day, in order; `basis` the document the answer rests on."""

    answer_id: str
    question: str
    text: str
    lang: str
    basis: str
    licence: str
    author: str
    proposed: str
    expires: str
    endorsed: tuple[tuple[str, str], ...]

    def state(self, today: date) -> str:
        """`waiting` for endorsements, `used`, or `expired`."""
        if self.expires <= today.isoformat():
            return "expired"
        return "used" if len(self.endorsed) >= limits().quorum else "waiting"


def propose(
    folder: Path,
    *,
    question: str,
    text: str,
    lang: str,
    author: str,
    basis: str,
    licence: str,
    expires: str,
    today: date | None = None,
) -> Answer:
    """Note an expert's answer. It is not used before others have endorsed it.

    Raises:
        ConfigError: a name, text or basis is empty, or the day of expiry is none or has passed.
    """
    now = today or date.today()
    told = {"question": question, "answer": text, "name": author, "basis": basis, "licence": licence}
    for name, value in told.items():
        if not value.strip():
            raise ConfigError(f"The {name} is empty.", hint="An expert's answer needs all of them.")
    if day(expires) <= now:
        raise ConfigError(f"The answer would expire on {expires}, which has passed.", hint="Give a day to come.")
    code = language(lang).code
    identity = sha256_text("\n".join((code, clean(question), clean(text), _plain(author))))[:10]
    store = Store.open_or_create(folder)
    try:
        if any(answer.answer_id == identity for answer in _all(store)):
            raise ConfigError(f"This answer was proposed before, as {identity}.", hint="Others can endorse it.")
        with store.changing():
            store.record.connection.execute(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    identity,
                    " ".join(clean(question).split()),
                    clean(text),
                    code,
                    basis.strip(),
                    licence.strip(),
                    " ".join(author.split()),
                    now.isoformat(),
                    expires,
                ),
            )
        return _one(store, identity)
    finally:
        store.close()


def endorse(folder: Path, answer_id: str, name: str, *, today: date | None = None) -> Answer:
    """Endorse an answer; with the last endorsement it needs, it becomes a passage.

    Raises:
        ConfigError: the name is the author's, has endorsed before, or is empty; the answer has expired.
        DataError: there is no such answer.
    """
    now = today or date.today()
    store = Store.open(folder, write=True)
    try:
        answer = _one(store, answer_id)
        if not _plain(name):
            raise ConfigError("The name is empty.", hint="Say who endorses: --name 'Dr Amina Yusuf'.")
        if _plain(name) == _plain(answer.author):
            raise ConfigError(
                f"{answer.author} wrote this answer and cannot endorse it.", hint="Ask another clinician."
            )
        if _plain(name) in {_plain(other) for other, _ in answer.endorsed}:
            raise ConfigError(f"{name} has endorsed this answer already.", hint="Another person must.")
        if answer.state(now) == "expired":
            raise ConfigError(f"The answer expired on {answer.expires}.", hint="Propose it again with a new day.")
        with store.changing():
            store.record.connection.execute(
                "INSERT INTO endorsements VALUES (?, ?, ?, ?)",
                (answer.answer_id, " ".join(name.split()), _plain(name), now.isoformat()),
            )
            answer = _one(store, answer.answer_id)
            if len(answer.endorsed) == limits().quorum:
                _use(store, answer, now)
        return answer
    finally:
        store.close()


def answers(folder: Path) -> list[Answer]:
    """All experts' answers, in the order proposed."""
    store = Store.open(folder)
    try:
        return _all(store)
    finally:
        store.close()


def _use(store: Store, answer: Answer, now: date) -> None:
    names = (answer.author, *(name for name, _ in answer.endorsed))
    document = Document(
        document_id="",
        path=f"expert:{answer.answer_id}",
        sha256=sha256_text(answer.text),
        bytes=len(answer.text.encode()),
        title=answer.question,
        source=answer.basis,
        publisher=None,
        licence=answer.licence,
        version=answer.proposed,
        lang=answer.lang,
        reviewed=True,
        reviewed_by=", ".join(name for name, _ in answer.endorsed),
        expires=answer.expires,
        authors=names,
        added=now.isoformat(),
        origin="expert",
    )
    add_blocks(store, with_identity(document), Reading(iter([Block(answer.text)])), Added(Path(document.path), "added"))


def _all(store: Store) -> list[Answer]:
    run = store.record.connection.execute
    given: dict[str, list[tuple[str, str]]] = {}
    for identity, name, when in run("SELECT answer_id, name, given FROM endorsements ORDER BY rowid"):
        given.setdefault(identity, []).append((name, when))
    rows = run("SELECT * FROM answers ORDER BY rowid").fetchall()
    found: list[Answer] = []
    for row in rows:
        identity, question, text, lang, basis, licence, author, proposed, expires = map(str, row)
        endorsed = tuple(given.get(identity, ()))
        found.append(Answer(identity, question, text, lang, basis, licence, author, proposed, expires, endorsed))
    return found


def _one(store: Store, answer_id: str) -> Answer:
    known = _all(store)
    for answer in known:
        if answer.answer_id == answer_id:
            return answer
    raise DataError(
        f"There is no expert's answer {answer_id}.",
        hint=f"There are: {', '.join(one.answer_id for one in known) or 'none'}.",
    )


def _plain(name: str) -> str:
    """A name so that no one counts as two people by writing it otherwise."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace(".", " ").split())
