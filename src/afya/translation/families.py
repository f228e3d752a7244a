"""How each family of translation models is told its languages, and which languages a model's vocabulary shows.

One table for both neural engines. NLLB: Costa-jussà et al. 2022 (arXiv:2207.04672); M2M100: Fan et al. 2020
(arXiv:2010.11125); MADLAD-400: Kudugunta et al. 2023 (arXiv:2309.04662); SeamlessM4T v2: Seamless Communication 2023
(arXiv:2312.05187); OPUS-MT: Tiedemann and Thottingal 2020 (EAMT).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from afya.errors import ConfigError
from afya.languages import language, parse_codes, registry
from afya.translation.codes import spellings, to_engine


@dataclass(frozen=True, slots=True)
class Family:
    """One way of telling a model its languages.

    `token` is how a language stands in the vocabulary, with {} for its code in `scheme` (see codes.yaml). `told` says
    where: "ends" is a token before the source text and one that the decoder is made to begin with; "target" is a token
    of the target language before the source text; "nowhere" is a model of one pair.
    """

    name: str
    scheme: str
    token: str
    told: Literal["ends", "target", "nowhere"]


# The token of English (for OPUS-MT: any target token) in a vocabulary tells the family, in this order.
FAMILIES: tuple[Family, ...] = (
    Family("nllb", "flores200", "{}", "ends"),
    Family("m2m100", "m2m100", "__{}__", "ends"),
    Family("seamless", "seamless", "__{}__", "ends"),
    Family("madlad400", "madlad400", "<2{}>", "target"),
)
OPUS = Family("opus", "opus", ">>{}<<", "target")
PAIR = Family("pair", "opus", "", "nowhere")


@dataclass(frozen=True)
class Layout:
    """A model's family, its languages, and how a text stands between its control tokens.

    `languages` gives the token of each afya code that the vocabulary has (empty for models of one pair). `eos` closes
    the source ("" where the engine does it, or the model was not taught so); `last` puts the source language's token
    behind it, as NLLB's first release did.
    """

    family: Family
    languages: Mapping[str, str]
    pairs: frozenset[tuple[str, str]]
    eos: str = ""
    last: bool = False
    lead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def source(self, pieces: Sequence[str], source: str, target: str) -> list[str]:
        """The encoder's tokens for a text's pieces."""
        close = [self.eos] if self.eos else []
        if self.family.told == "target":
            return [*self.lead.get(target, (self.languages[target],)), *pieces, *close]
        if self.family.told == "nowhere":
            return [*pieces, *close]
        told = [self.languages[source]]
        return [*pieces, *close, *told] if self.last else [*told, *pieces, *close]

    def prefix(self, target: str) -> list[str]:
        """The tokens that the decoder must begin with."""
        return [self.languages[target]] if self.family.told == "ends" else []


def find_family(vocabulary: Iterable[str]) -> Family:
    """The family whose language tokens a vocabulary has; PAIR where it has none."""
    tokens = vocabulary if isinstance(vocabulary, (set, frozenset, dict)) else set(vocabulary)
    for family in FAMILIES:
        if family.token.format(to_engine("en", family.scheme)) in tokens:
            return family
    if any(token.startswith(">>") and token.endswith("<<") and len(token) > 4 for token in tokens):
        return OPUS
    return PAIR


def find_languages(family: Family, vocabulary: Mapping[str, int]) -> dict[str, str]:
    """The token of every registry language that the vocabulary has, by afya code."""
    if not family.token:
        return {}
    found = {}
    for entry in registry().values():
        for code in spellings(entry.code, family.scheme):
            token = family.token.format(code)
            if token in vocabulary:
                found[entry.code] = token
                break
    return found


def find_pairs(
    family: Family,
    languages: Mapping[str, str],
    *,
    source: str | None,
    target: str | None,
    told: tuple[str | None, str | None],
    name: str,
) -> frozenset[tuple[str, str]]:
    """The pairs a model declares.

    Args:
        source, target: the user's own word: codes with commas between them.
        told: source and target language as the model's tokenizer names them.
        name: the model, for errors.

    Raises ConfigError when a model of one pair does not say which, and nobody else did.
    """
    sources = _codes(source, told[0]) if family in (OPUS, PAIR) else _within(source, languages, name)
    targets = _codes(target, told[1]) if family is PAIR else _within(target, languages, name)
    for side, codes in (("source", sources), ("target", targets)):
        if not codes:
            raise ConfigError(
                f"{name}: the model does not say which {side} language it was made for.",
                hint=f"Say it with the option {side}, such as {side}=en or {side}=sw,zu.",
            )
    return frozenset((one, other) for one in sources for other in targets if one != other)


def _codes(option: str | None, told: str | None) -> tuple[str, ...]:
    if option is not None:
        return parse_codes(option)
    return tuple(entry.code for entry in registry().values() if told in spellings(entry.code, "opus"))


def _within(option: str | None, languages: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The codes of an option, which must be among the model's; all of the model's without one."""
    if option is None:
        return tuple(languages)
    codes = parse_codes(option)
    for code in codes:
        if code not in languages:
            raise ConfigError(
                f"{name}: its vocabulary has no token for {language(code).name} ({code}).",
                hint=f"It has: {', '.join(languages)}.",
            )
    return codes
