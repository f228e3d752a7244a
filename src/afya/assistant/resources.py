"""What the stages of a turn work with: packs, protocol, triage rows and limits, read once and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from afya.assistant.context import SourceNote
from afya.assistant.facts import Vocabulary
from afya.assistant.limits import Limits, limits
from afya.datafiles import read_yaml
from afya.errors import ConfigError
from afya.languages import language
from afya.packs import Pack, available, load_pack
from afya.protocols import Protocol, load_protocol
from afya.protocols import needed_messages as protocol_messages
from afya.text.literals import text_literals
from afya.text.normalise import fold_marks
from afya.text.words import Phrases, words

if TYPE_CHECKING:
    from afya.models import LanguageModel


_MESSAGES = frozenset(
    {
        "answer.is_false",
        "answer.is_true",
        "colour.green",
        "colour.red",
        "colour.unknown",
        "colour.yellow",
        "notice.age_too_high",
        "notice.age_too_low",
        "notice.at_least",
        "notice.danger_list",
        "notice.danger_seen",
        "notice.disclaimer",
        "notice.do_not_know",
        "notice.empty",
        "notice.left_out",
        "notice.missing",
        "notice.model_text",
        "notice.model_unavailable",
        "notice.model_withheld",
        "notice.no_words",
        "notice.not_available",
        "notice.not_reviewed",
        "notice.other_language",
        "notice.out_of_scope",
        "notice.rule_not_reviewed",
        "notice.too_long",
        "notice.understood",
        "notice.what_to_do",
        "notice.what_to_give",
        "notice.when_in_doubt",
        "prompt.advice",
        "prompt.instruction",
        "prompt.question",
    }
)


@dataclass(frozen=True)
class TriageRow:
    """What triage says for one rule: the actions (texts of the pack), and the place they rest on."""

    rule: str
    actions: tuple[str, ...]
    source: SourceNote


@dataclass(frozen=True)
class Language:
    """One language's pack with its phrases compiled."""

    pack: Pack
    code: str
    danger: Phrases
    sections: Phrases
    requests: Phrases
    facts: Vocabulary
    words: frozenset[str]

    @classmethod
    def load(cls, lang: str, root: Path | None = None) -> Language:
        """The language's pack, compiled. Raises ConfigError when there is none or it is faulty."""
        pack = load_pack(lang, root)
        code = lang.partition("-")[0]

        def compiled(group: Mapping[str, tuple[str, ...]]) -> Phrases:
            return Phrases(code, [(key, phrase) for key, listed in group.items() for phrase in listed])

        topics = pack.topics
        groups = (pack.danger, topics.sections, topics.signs, topics.units)
        known = {
            word.plain
            for group in groups
            for listed in group.values()
            for phrase in listed
            if "*" not in phrase
            for word in words(phrase)
        }
        return cls(
            pack=pack,
            code=code,
            danger=compiled(pack.danger),
            sections=compiled(topics.sections),
            requests=compiled(topics.requests),
            facts=Vocabulary.of(pack, code, language(code).spaced),
            words=frozenset(known),
        )


@dataclass
class Resources:
    """Everything a turn may use. Other languages' packs are read when a message turns out to be in one."""

    chosen: Language
    protocol: Protocol
    triage: Mapping[str, TriageRow]
    limits: Limits
    model: LanguageModel | None = None
    packs: Path | None = None
    _others: dict[str, Language] = field(default_factory=dict)

    def other(self, lang: str) -> Language | None:
        """Another language's pack, or None where there is none that can be used."""
        if lang not in self._others:
            if lang not in available(self.packs):
                return None
            try:
                self._others[lang] = Language.load(lang, self.packs)
            except ConfigError:
                # A fault in a pack that was not asked for must not stop triage in the chosen language.
                return None
        return self._others[lang]


def load(lang: str, *, model: LanguageModel | None = None, packs: Path | None = None) -> Resources:
    """What a turn in `lang` needs. Raises ConfigError naming the file and key that is missing or wrong.

    A pack without phrases or a sign's text for a danger rule is refused here, before anybody relies on it.
    """
    chosen = Language.load(lang, packs)
    rows = triage_rows()
    for rule in rows:
        if rule not in chosen.pack.danger:
            raise ConfigError(
                f"{chosen.pack.folder / 'danger.yaml'}: the danger sign '{rule}' has no phrases.",
                hint="Add them; the assistant does not answer in a language in which it cannot see every danger sign.",
            )
    text_literals(chosen.code)
    protocol = load_protocol()
    missing = sorted((needed_messages() | protocol_messages(protocol)) - set(chosen.pack.messages))
    if missing:
        raise ConfigError(
            f"{chosen.pack.folder / 'messages.yaml'}: {len(missing)} texts are missing: {', '.join(missing[:8])}.",
            hint="Add them; the English pack has them all, and English never stands in for another language.",
        )
    return Resources(chosen, protocol, rows, limits(), model, packs)


def needed_messages() -> frozenset[str]:
    """The keys of every message that the assistant itself shows, beside those of the protocol."""
    signs = {f"sign.{rule}" for rule in triage_rows()}
    actions = {f"action.{action}" for row in triage_rows().values() for action in row.actions}
    return frozenset(signs | actions | _MESSAGES)


@cache
def triage_rows() -> Mapping[str, TriageRow]:
    """The rows of triage.yaml by rule. Raises ConfigError for a row without actions, source, page or review state."""
    path = _folder() / "triage.yaml"
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("rules"), dict):
        raise ConfigError(f"{path}: expected 'sources' and 'rules'.")
    sources = content.get("sources") or {}
    rows = {}
    for rule, row in content["rules"].items():
        source = sources.get(row.get("source"))
        if source is None or not row.get("actions") or not row.get("page") or not isinstance(row.get("reviewed"), bool):
            raise ConfigError(
                f"{path}: the rule '{rule}' needs actions, a listed source, a page, and reviewed: true or false."
            )
        note = SourceNote(source["title"], source["publisher"], row["page"], f"triage, {rule}", row["reviewed"])
        rows[str(rule)] = TriageRow(str(rule), tuple(row["actions"]), note)
    return rows


@cache
def drug_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Beginnings of medicines' names, and endings (INN stems), without marks."""
    path = _folder() / "drugs.yaml"
    content = read_yaml(path)
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in ("names", "stems")):
        raise ConfigError(f"{path}: expected the lists 'names' and 'stems'.")
    return tuple(map(fold_marks, content["names"])), tuple(map(fold_marks, content["stems"]))


def _folder() -> Path:
    return Path(str(files("afya.assistant")))
