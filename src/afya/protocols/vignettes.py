"""Vignettes: practice cases told in many languages as multiple-choice Items with exact answers, without limit.

One case gives one Item in each language, with the same group_id, the same facts, the same options in the same order.
The same split, seed and index always give the same bytes, whatever came before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice

from afya.errors import ConfigError
from afya.items import Item, Split
from afya.languages import language
from afya.packs import Pack, load_pack
from afya.protocols.cases import Case, CaseSource, Option, Sentence, load_cases
from afya.protocols.load import CHILD
from afya.runs import Rejection

SOURCE = "vignette"
LICENCE = "Apache-2.0"
# Draws before it is said that there are no more different cases. Where nearly all have been found few draws are new.
_DRAWS_AT_LEAST, _DRAWS_A_CASE = 1000, 50


def generate(
    langs: Sequence[str], n: int | None, seed: int, split: Split, *, protocol: str = CHILD, start: int = 0
) -> Iterator[Item]:
    """Items of `n` cases (None: without end), every case in each of `langs`, in the order of the languages.

    Cases are numbered from `start`; the ids are `vignette:{split}-{seed}-{index}:{lang}`. A case of the train split
    never comes in dev or test, whatever the seed. Within a split a case may come again, mostly in other words.

    Raises:
        ConfigError: a language has no pack, or its pack lacks a text.
    """
    source = load_cases(protocol)
    tellers = [_Teller(load_pack(lang), source) for lang in langs]
    for index in islice(count(start), n):
        case = source.draw(split, seed, index)
        group_id = f"{SOURCE}:{split}-{seed}-{index}"
        extra = _extra(case, source)
        for teller in tellers:
            yield teller.item(case, group_id, split, extra)


def different(
    langs: Sequence[str],
    n: int,
    seed: int,
    split: Split,
    stage: str,
    repeated: list[Rejection],
    seen: set[bytes] | None = None,
) -> Iterator[Item]:
    """The items of the first `n` cases that read like none before, in any of the languages.

    Two groups that read alike would be counted as independent. Numbers of cases stay those of the drawing.

    Args:
        stage: the name under which a case that reads as an earlier one is added to `repeated`.
        seen: what earlier cases read like (of another split); added to.

    Raises:
        ConfigError: there are not so many different cases, or as `generate`.
    """
    drawn = generate(langs, None, seed, split)
    seen = set() if seen is None else seen
    found = 0
    for _ in range(_DRAWS_AT_LEAST + _DRAWS_A_CASE * n):
        case = list(islice(drawn, len(langs)))
        told = {_told(item) for item in case}
        if seen.isdisjoint(told):
            yield from case
            seen |= told
            found += 1
        else:
            detail = "the case reads as an earlier one"
            repeated += [Rejection(stage, item.item_id, "repeated_case", detail) for item in case]
        if found == n:
            return
    raise ConfigError(
        f"{n:,} cases were asked for in {split}; {found:,} different ones were found.", hint="Ask for fewer."
    )


def _told(item: Item) -> bytes:
    """What an item reads like: the hash of its language, question and options in any order."""
    text = "\0".join([item.lang, item.question or "", *sorted(item.options or ())])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _extra(case: Case, source: CaseSource) -> str:
    return json.dumps(
        {
            "protocol": source.protocol.name,
            "version": source.protocol.version,
            "kind": case.kind,
            "section": case.section,
            "facts": case.findings,
            "rows": list(case.rows),
            "source": case.citation.source.key,
            "page": case.citation.page,
            "reviewed": case.reviewed,
        },
        sort_keys=True,
    )


class _Teller:
    """Tells cases in one language."""

    def __init__(self, pack: Pack, source: CaseSource) -> None:
        self.pack = pack
        self.lang = pack.lang
        self.joint = " " if language(pack.lang.partition("-")[0]).spaced else ""
        self.protocol = source.protocol
        self._options: dict[Option, str] = {}

    def item(self, case: Case, group_id: str, split: Split, extra: str) -> Item:
        options = tuple(self.option(option) for option in case.options)
        if len(set(options)) < len(options):
            raise ConfigError(
                f"{self.pack.folder / 'vignettes.yaml'}: two answers of '{case.kind}' read the same: {options}.",
                hint="Make the two texts differ.",
            )
        answer = options[case.answer]
        return Item(
            item_id=f"{group_id}:{self.lang}",
            group_id=group_id,
            lang=self.lang,
            task="mcq",
            split=split,
            question=self.joint.join(self.sentence(sentence) for sentence in case.sentences),
            options=options,
            answer=(case.answer,),
            rationale=self.pack.sentence(
                "rationale", 0, answer=answer, source=case.citation.source.title, page=case.citation.page
            ),
            source=SOURCE,
            licence=LICENCE,
            origin="synthetic",
            extra=extra,
        )

    def option(self, option: Option) -> str:
        known = self._options.get(option)
        if known is None:
            values = dict(option.values)
            if option.message:
                known = self.pack.text(option.key, **values)
            else:
                known = self.pack.sentence(option.key, 0, **values)
            self._options[option] = known
        return known

    def sentence(self, sentence: Sentence) -> str:
        values = dict(sentence.values)
        if sentence.message:
            return self.pack.text(sentence.key, **values)
        return self.pack.sentence(sentence.key, sentence.variant, **values)


def needed_sentences(protocol: str = CHILD) -> frozenset[str]:
    """The keys in vignettes.yaml that the protocol's cases can use."""
    source = load_cases(protocol)
    keys: set[str] = {"rationale"}
    for _, kind in source.kinds:
        keys |= {f"lead.{section}" for section in (kind.sections or [kind.section or ""])}
        keys |= {f"ask.{kind.ask}"} | ({f"fact.{kind.close}"} if kind.close else set())
        for name in kind.say:
            values = source.protocol.inputs[name].values
            drawn: Iterable[object] = kind.draw.get(name, [kind.set.get(name)])
            keys |= {f"fact.{name}.{value}" for value in drawn} if values else {f"fact.{name}"}
        if kind.answer == "classification":
            keys |= {f"option.{result}" for result in kind.options}
        elif kind.answer == "derived":
            keys |= {f"option.{result}" for table in kind.tables for result in source.protocol.tables[table].results()}
        elif kind.answer == "dose":
            keys.add(f"option.dose_{kind.medicine}")
        elif kind.answer == "follow_up":
            keys |= {"option.come_back", "option.come_back_if_not_better", "option.come_back_now"}
    return frozenset(keys)
