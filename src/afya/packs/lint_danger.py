"""Faults of the words that tell a danger sign together: concepts of danger.yaml, groups of danger_groups.yaml."""

from __future__ import annotations

from collections.abc import Iterator

from afya.errors import ConfigError
from afya.packs.finding import Finding
from afya.packs.pack import GROUPS, Pack
from afya.text.groups import Groups
from afya.text.negation import judged
from afya.text.normalise import normalise
from afya.text.words import Phrases

_FILE = "danger.yaml"


def inspect_danger(pack: Pack, base: Pack) -> list[Finding]:
    """The faults of a pack's concepts, groups and look-alikes.

    Codes: no_concepts, no_words, bad_phrase, unknown_concept, unused_concept, unknown_rule, lone_group, false_alarm,
    unreadable.
    """
    if not pack.concepts:
        message = "there are no concepts: a danger sign is found in whole phrases only"
        return [Finding("warning", "no_concepts", _FILE, "concepts", message)]
    try:
        groups = pack.groups
    except ConfigError as error:
        return [Finding("error", "unreadable", GROUPS, "-", str(error))]
    bad = list(_phrases(pack))
    return [*bad, *_named(pack, base), *(() if bad else _alarms(pack, base))] if groups else bad


def _phrases(pack: Pack) -> Iterator[Finding]:
    for name, listed in pack.concepts.items():
        for phrase in listed:
            try:
                Phrases(pack.code, [(name, phrase)])
            except ConfigError:
                message = f"'{phrase}' holds no word to look for"
                yield Finding("error", "bad_phrase", _FILE, f"concepts.{name}", message)


def _named(pack: Pack, base: Pack) -> Iterator[Finding]:
    """Names that nothing stands for, and groups that one word alone would fire."""
    known = {*pack.concepts, *base.concepts}
    used: dict[str, str] = {}
    for rule, groups in pack.groups.items():
        if rule not in base.danger and rule not in pack.danger:
            yield Finding("error", "unknown_rule", GROUPS, rule, "there is no such danger sign")
        for group in groups:
            if len(group.all) == 1 and not group.context:
                message = f"'{group.name}' would be a danger sign by itself; write phrases instead, or add a concept"
                yield Finding("error", "lone_group", GROUPS, rule, message)
            for name in {name for names in (*group.all, *group.context, group.unless) for name in names}:
                used.setdefault(name, rule)
                if name not in known:
                    yield Finding("error", "unknown_concept", GROUPS, rule, f"no pack has words for '{name}'")
    for name in sorted(set(used) & known - set(pack.concepts)):
        message = f"there are no words for it; {used[name]} and others are not found by it"
        yield Finding("warning", "no_words", _FILE, f"concepts.{name}", message)
    for name in sorted(set(pack.concepts) - set(used)):
        yield Finding("warning", "unused_concept", _FILE, f"concepts.{name}", "no group uses it")


def _alarms(pack: Pack, base: Pack) -> Iterator[Finding]:
    """Sentences of a well person in which a danger sign would be seen: those of `normal.*`, and the look-alikes."""
    phrases = Phrases(pack.code, [(rule, phrase) for rule, listed in pack.danger.items() for phrase in listed])
    together = Groups(pack.code, pack.concepts, [group for groups in pack.groups.values() for group in groups])
    sentences: list[tuple[str, str, str | None]] = [
        (f"messages.yaml, {key}", text, None) for key, text in pack.messages.items() if key.startswith("normal.")
    ]
    sentences += [(f"look_alikes.{rule}", text, rule) for rule, listed in pack.look_alikes.items() for text in listed]
    for name in sorted(set(pack.look_alikes) - set(base.danger) - set(pack.danger)):
        yield Finding("error", "unknown_rule", _FILE, f"look_alikes.{name}", "there is no such danger sign")
    for place, text, rule in sentences:
        plain = normalise(text)
        # A pack's texts are told here only for what its groups add: its phrases are tried by its own tests.
        found = together.find(plain) if rule is None else [*phrases.find(plain), *together.find(plain)]
        for match, no in judged(plain, [match for match in found if rule in (None, match.key)], pack.code):
            if not no:
                message = f"'{text}' ({place}) is taken for this danger sign by '{match.phrase}'"
                yield Finding("error", "false_alarm", _FILE, f"rules.{match.key}", message)
