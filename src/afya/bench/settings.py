"""How an item is put to a model: a formulation, and what is changed about it, written in one short name.

    letter                      the options are listed, their letters scored
    cloze                       the question alone, each option's text scored as the answer
    generate                    the options are listed, the answer is free text, read by extract.py
    letter+5-shot               after five answered examples in the item's language, of the training or dev split
    generate+cot                reasoned step by step before the answer
    letter+english              the instruction and labels in English, the item in its own language
    generate+translated         the item translated to English first (the L2M3 way), the answer carried back

Modifiers combine: generate+5-shot+cot+english. `translated` makes everything English: `english` beside it is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from afya.errors import ConfigError

Formulation = Literal["letter", "cloze", "generate"]
FORMULATIONS: tuple[str, ...] = get_args(Formulation)
_SHOTS = re.compile(r"([1-9]\d?)-shot")
_HINT = "Write letter, cloze or generate, then +5-shot, +cot, +english or +translated as wanted: generate+5-shot+cot"


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """One way to ask. `shots` examples come first; `cot`: reason before answering (generate only)."""

    formulation: Formulation = "letter"
    shots: int = 0
    cot: bool = False
    english: bool = False
    translated: bool = False

    @property
    def name(self) -> str:
        """The name that `parse_setting` reads, modifiers in a fixed order."""
        told: list[str] = [self.formulation]
        if self.shots:
            told.append(f"{self.shots}-shot")
        told += [word for word in ("cot", "english", "translated") if getattr(self, word)]
        return "+".join(told)

    def asked_as(self, formulation: Formulation) -> Setting:
        """The same with another formulation: for models that cannot score options. Reasoning needs free text."""
        return replace(self, formulation=formulation, cot=self.cot and formulation == "generate")

    def for_kind(self, kind: str) -> Setting:
        """The same for a kind of task: open answers and safety are written, without reasoning aloud."""
        if kind == "choice":
            return self
        # A translation task would be nothing after its items were translated.
        return replace(self.asked_as("generate"), cot=False, translated=self.translated and kind != "translation")


def parse_setting(name: str) -> Setting:
    """The setting of a name. Raises ConfigError for a word that is not known or a combination that makes no sense."""
    formulation, *words = [word.strip() for word in name.split("+")]
    if formulation not in FORMULATIONS:
        raise ConfigError(f"There is no setting '{name}'.", hint=_HINT)
    told: dict[str, bool | int] = {}
    for word in words:
        shots = _SHOTS.fullmatch(word)
        key = "shots" if shots else word
        if not shots and word not in ("cot", "english", "translated"):
            raise ConfigError(f"Setting '{name}': '{word}' is not known.", hint=_HINT)
        if key in told:
            raise ConfigError(f"Setting '{name}': '{word}' is said twice.", hint=_HINT)
        told[key] = int(shots[1]) if shots else True
    if told.get("cot") and formulation != "generate":
        raise ConfigError(f"Setting '{name}': a model that reasons first must write.", hint="Write generate+cot.")
    if told.get("english") and told.get("translated"):
        raise ConfigError(
            f"Setting '{name}': translated prompts are English already.", hint="Leave one of the two out."
        )
    return Setting(cast(Formulation, formulation), **told)  # type: ignore[arg-type]
