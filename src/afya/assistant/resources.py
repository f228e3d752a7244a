"""What the stages of a turn work with: packs, protocol, triage rows and limits, read once and compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from afya.assistant.context import Context, Mode, SourceNote
from afya.assistant.limits import Limits, limits
from afya.assistant.texts import NEEDED
from afya.assistant.understanding.speech import Language
from afya.datafiles import read_yaml
from afya.errors import ConfigError
from afya.packs import Pack, available
from afya.protocols import CHILD, Protocol, load_protocol
from afya.protocols import available as protocol_names
from afya.protocols import needed_messages as protocol_messages
from afya.protocols.texts import offered_sections
from afya.text.literals import text_literals
from afya.text.normalise import fold_marks

if TYPE_CHECKING:
    from afya.assistant.knowledge import Knowledge
    from afya.models import LanguageModel
    from afya.translation.base import Translator


@dataclass(frozen=True)
class TriageRow:
    """What triage says for one rule: the actions (texts of the pack), and the place they rest on.

    `required`: a pack without phrases and texts for this rule is refused.
    """

    rule: str
    actions: tuple[str, ...]
    source: SourceNote
    required: bool


AuditHook = Callable[[Context], None]
"""Is given every turn when it is over. What it raises is an event of the turn, and takes no answer away."""
QueueHook = Callable[[Context, tuple[str, ...]], None]
"""Is given a turn that a supervisor should look at, and why: escalated, abstained, translation_failed, withheld,
broken."""


@dataclass
class Resources:
    """Everything a turn may use. Other languages' packs are read when a message turns out to be in one.

    `protocols` are those that the pack can tell, each with the sections that it has all texts of; `views` the pack as
    each protocol reads it.
    """

    chosen: Language
    protocols: Mapping[str, Protocol]
    views: Mapping[str, Pack]
    triage: Mapping[str, TriageRow]
    limits: Limits
    model: LanguageModel | None = None
    translator: Translator | None = None
    knowledge: Knowledge | None = None
    audit: AuditHook | None = None
    queue: QueueHook | None = None
    mode: Mode = "retrieve+pivot"
    packs: Path | None = None
    _others: dict[str, Language | None] = field(default_factory=dict)

    @property
    def protocol(self) -> Protocol:
        """The protocol of the sick child, which every pack can tell."""
        return self.protocols[CHILD]

    @property
    def unseen(self) -> tuple[str, ...]:
        """The danger rules for which the chosen pack has no phrases."""
        return tuple(rule for rule in self.triage if rule not in self.chosen.pack.danger)

    def view(self, protocol: str | None) -> Pack:
        """The pack as a protocol reads it; the pack itself for None."""
        return self.chosen.pack if protocol is None else self.views[protocol]

    def other(self, lang: str) -> Language | None:
        """Another language's pack, or None where there is none that can be used."""
        if lang == self.chosen.code:
            return self.chosen
        if lang not in self._others:
            try:
                self._others[lang] = Language.load(lang, self.packs) if lang in available(self.packs) else None
            except ConfigError:
                # A fault in a pack that was not asked for must not stop triage in the chosen language.
                self._others[lang] = None
        return self._others[lang]


def load(
    lang: str,
    *,
    packs: Path | None = None,
    model: LanguageModel | None = None,
    translator: Translator | None = None,
    knowledge: Knowledge | None = None,
    audit: AuditHook | None = None,
    queue: QueueHook | None = None,
    mode: Mode | None = None,
) -> Resources:
    """What a turn in `lang` needs. Raises ConfigError naming the file and key that is missing or wrong.

    A pack without phrases or a sign's text for a required danger rule is refused here, before anybody relies
    on it. One that lacks the phrases of other rules is not: those are looked for in English and in the pivot text, and
    every answer names them.
    """
    chosen = Language.load(lang, packs)
    pack = chosen.pack
    rows = triage_rows()
    for rule, row in rows.items():
        if row.required and rule not in pack.danger:
            raise ConfigError(
                f"{pack.folder / 'danger.yaml'}: the danger sign '{rule}' has no phrases.",
                hint="Add them; the assistant does not answer in a language in which it cannot see every danger sign.",
            )
    text_literals(chosen.code)
    child = load_protocol()
    missing = sorted((needed_messages() | protocol_messages(child)) - set(pack.messages))
    if missing:
        raise ConfigError(
            f"{pack.folder / 'messages.yaml'}: {len(missing)} texts are missing: {', '.join(missing[:8])}.",
            hint="Add them; the English pack has them all, and English never stands in for another language.",
        )
    views = {name: pack if name == CHILD else pack.for_protocol(name) for name in pack.protocols if name in known()}
    protocols = {name: told(load_protocol(name), view) for name, view in views.items()}
    return Resources(
        chosen,
        {name: entry for name, entry in protocols.items() if entry is not None},
        views,
        rows,
        limits(),
        model,
        translator,
        knowledge,
        audit,
        queue,
        mode or "retrieve+pivot",
        packs,
    )


@cache
def known() -> frozenset[str]:
    """The names of the protocols that come with afya."""
    return frozenset(protocol_names())


def told(protocol: Protocol, pack: Pack) -> Protocol | None:
    """The protocol with the sections that the pack has all texts of; None where the pack cannot tell it."""
    if not protocol_messages(protocol) <= set(pack.messages):
        return None
    return protocol.part(offered_sections(protocol, pack))


def needed_messages() -> frozenset[str]:
    """The keys of every message that a pack must have for the assistant, beside those of the protocols."""
    required = [row for row in triage_rows().values() if row.required]
    signs = {f"sign.{row.rule}" for row in required}
    actions = {f"action.{action}" for row in required for action in row.actions}
    return frozenset(signs | actions | NEEDED)


@cache
def triage_rows() -> Mapping[str, TriageRow]:
    """The rows of triage.yaml by rule. Raises ConfigError for a row without actions, source, page or review state."""
    path = _folder() / "triage.yaml"
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("rules"), dict):
        raise ConfigError(f"{path}: expected 'sources' and 'rules'.")
    sources, required = content.get("sources") or {}, content.get("required") or ()
    rows = {}
    for rule, row in content["rules"].items():
        source = sources.get(row.get("source"))
        if source is None or not row.get("actions") or not row.get("page") or not isinstance(row.get("reviewed"), bool):
            raise ConfigError(
                f"{path}: the rule '{rule}' needs actions, a listed source, a page, and reviewed: true or false."
            )
        note = SourceNote(source["title"], source["publisher"], row["page"], f"triage, {rule}", row["reviewed"])
        rows[str(rule)] = TriageRow(str(rule), tuple(row["actions"]), note, rule in required)
    return rows


def concepts_known(protocol: str | None) -> frozenset[str]:
    """The packs' concepts that hold for a person once the conversation is about `protocol`."""
    return frozenset(name for name, protocols in _concepts_by_protocol().items() if protocol in protocols)


@cache
def _concepts_by_protocol() -> Mapping[str, tuple[str, ...]]:
    path = _folder() / "triage.yaml"
    content = read_yaml(path)
    listed = content.get("known", {}) if isinstance(content, dict) else None
    if not isinstance(listed, dict) or not all(isinstance(names, list) for names in listed.values()):
        raise ConfigError(f"{path}: 'known' must hold concepts, each with a list of protocols.")
    unknown = sorted({str(name) for names in listed.values() for name in names} - known())
    if unknown:
        raise ConfigError(f"{path}: 'known' names the protocol '{unknown[0]}', which there is not.")
    return {str(concept): tuple(map(str, names)) for concept, names in listed.items()}


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
