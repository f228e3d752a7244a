"""The recipe of a translation run (`kind: translation`).

Every key is checked; an unknown one is refused with the nearest known key. The fields' docstrings are the reference
for those who write recipes; the settings of the loop are those of every recipe (`afya.training.recipe.settings`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from afya.datafiles import validate
from afya.items import Split
from afya.languages import parse_codes
from afya.training.recipe import MixtureRule, RunSettings, StageSettings, read_recipe
from afya.training.recipe.base import Name, Positive, Share, Strict
from afya.training.recipe.load import anchored_recipe
from afya.training.recipe.whole import RESERVED
from afya.translation.checks import CHECKS

_PAIR = re.compile(r"([a-z]{2,3})-([a-z]{2,3})")


def _known_pair(told: str) -> str:
    found = _PAIR.fullmatch(told)
    if found is None:
        raise ValueError(f"'{told}' is not a pair of languages such as en-sw")
    parse_codes(",".join(found.groups()))
    if found[1] == found[2]:
        raise ValueError(f"'{told}' names one language twice")
    return told


def _known_checks(names: tuple[str, ...]) -> tuple[str, ...]:
    # The last two need a glossary or an engine of their own.
    usable = CHECKS[:-2]
    unknown = [name for name in names if name not in usable]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is no check of a pair; there are: {', '.join(usable)}")
    return names


LanguagePair = Annotated[str, AfterValidator(_known_pair)]
"""A source and a target language, such as en-sw."""

Checks = Annotated[tuple[str, ...], AfterValidator(_known_checks)]
"""Names of integrity checks (docs/translation-checks.md) that need nothing but the two texts."""


def languages_of(pair: str) -> tuple[str, str]:
    """(source, target) of a pair such as en-sw."""
    source, _, target = pair.partition("-")
    return source, target


def reverse(pair: str) -> str:
    """The pair the other way round."""
    source, target = languages_of(pair)
    return f"{target}-{source}"


class TranslationModel(Strict):
    """The model the run starts from."""

    path: str
    """A model folder of the Hugging Face format (relative to the recipe), or a name on a model hub: NLLB, M2M100,
    OPUS-MT (Marian), MADLAD-400, SeamlessM4T."""
    source: str | None = None
    target: str | None = None
    """The languages of a model that does not say them, as of the engines' options: codes with commas between them."""
    revision: str | None = None
    """A version of a hub repository."""


class PairSource(Strict):
    """Where aligned sentences come from."""

    source: Literal["dataset", "tsv", "glossary", "memory"]
    """dataset: a dataset folder with items of the task parallel; tsv: a file of two columns; glossary: a glossary's
    preferred terms; memory: a translation memory's entries that people wrote or accepted."""
    path: Path
    """The folder or file (relative to the recipe)."""
    split: Split = "train"
    """dataset: which split."""
    pair: LanguagePair | None = None
    """tsv: the languages of its two columns."""
    header: bool = False
    """tsv: its first line names the columns."""
    licence: str = "unknown"
    """tsv, memory: the texts' licence, for the model card."""

    @model_validator(mode="after")
    def _fits(self) -> PairSource:
        if (self.source == "tsv") != (self.pair is not None):
            raise ValueError("'pair' belongs to source 'tsv', and to it alone")
        return self


class TrainingSource(PairSource):
    """Aligned sentences to learn from."""

    pairs: tuple[LanguagePair, ...] | None = None
    """Only these directions; by default those of the stage."""
    repeat: Positive = 1
    """Each pair stands this many times among the examples."""

    @model_validator(mode="after")
    def _taught(self) -> TrainingSource:
        if self.split == "test":
            raise ValueError("test sentences are never trained on")
        return self


class TranslationStage(StageSettings):
    """One stage: its pairs, their mixture, its batches, and the settings of every stage."""

    data: Annotated[tuple[TrainingSource, ...], Field(min_length=1)]
    pairs: tuple[LanguagePair, ...] | None = None
    """Only these directions; by default the recipe's."""
    mixture: MixtureRule = MixtureRule()
    """How the directions share the tokens; weights are by direction, such as en-sw."""
    batch_tokens: Positive = 2_048
    """Tokens of a batch, both sides and their padding included. Pairs of like length share one."""
    packs_per_step: Positive = 1
    """Batches that are computed together, as one that is padded to its longest pair."""
    longest: Positive = 256
    """Tokens that either side of a pair may have, its control tokens included; longer ones are rejected, never cut."""
    checks: Checks = ("length",)
    """Integrity checks that a pair must pass to be learned. Its languages are always looked at."""
    label_smoothing: Share = 0.1
    """How much of each learned token's probability is spread over all tokens (Szegedy et al. 2016)."""
    dropout: Share | None = None
    """Of hidden states, and of attention where the model has it; by default the model's own."""


class TranslationProofData(PairSource):
    """Aligned sentences to measure on. None of them is ever learned from: a training pair with one of these texts is
    left out, whatever file it is from."""

    name: Name
    split: Split = "test"
    pairs: tuple[LanguagePair, ...] | None = None
    """Only these directions; by default those of the proof."""
    count: Positive | None = 200
    """No more than so many sentences a direction, drawn by `seed`; null for all."""
    seed: int = 0


class TranslationProof(Strict):
    """What is measured before the first stage and after each."""

    data: Annotated[tuple[TranslationProofData, ...], Field(min_length=1)]
    pairs: tuple[LanguagePair, ...] | None = None
    """Directions to measure; by default those of the recipe."""
    checks: Checks = ("quantities", "polarity")
    """Integrity checks whose alarms are counted."""
    beam_size: Positive = 1
    """1 is greedy."""
    samples: Annotated[int, Field(ge=100)] = 1_000
    """Resamples of the bootstrap."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """A direction is worse when the p-value of its loss, adjusted for all that are measured (Holm), is below this."""

    @model_validator(mode="after")
    def _named(self) -> TranslationProof:
        names = [entry.name for entry in self.data]
        if len(set(names)) < len(names):
            raise ValueError("two data sets of the proof have the same name")
        return self


class TranslationRecipe(RunSettings):
    """A translation run."""

    kind: Literal["translation"]
    model: TranslationModel
    pairs: Annotated[tuple[LanguagePair, ...], Field(min_length=1)]
    """The directions to learn, such as en-sw."""
    both_directions: bool = False
    """Learn each pair the other way round too."""
    proof: TranslationProof | None = None
    stages: Annotated[tuple[TranslationStage, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> TranslationRecipe:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        reserved = [name for name in names if name in RESERVED]
        if reserved:
            raise ValueError(f"a stage cannot be called '{reserved[0]}': the run folder uses the name")
        if self.method == "qlora":
            raise ValueError("translation models are small: method is full or lora")
        known = self.directions()
        for stage in self.stages:
            _refuse_beyond(stage.pairs, known, f"stage '{stage.name}' names directions that the recipe does not")
            for entry in stage.data:
                where = f"data of '{entry.path}' name directions that the stage '{stage.name}' does not"
                _refuse_beyond(entry.pairs, self.stage_directions(stage), where)
        return self

    def directions(self) -> tuple[str, ...]:
        """All directions, in the recipe's order, each once."""
        both = [told for pair in self.pairs for told in ((pair, reverse(pair)) if self.both_directions else (pair,))]
        return tuple(dict.fromkeys(both))

    def stage_directions(self, stage: TranslationStage) -> tuple[str, ...]:
        """The directions that a stage learns."""
        return stage.pairs or self.directions()


def _refuse_beyond(named: Sequence[str] | None, known: Sequence[str], what: str) -> None:
    beyond = [pair for pair in named or () if pair not in known]
    if beyond:
        raise ValueError(f"{what}: {', '.join(beyond)}")


def load_translation_recipe(name: str | Path, overrides: Sequence[str] = ()) -> TranslationRecipe:
    """The translation recipe in a file, or the shipped one of that name; see `load_recipe` for names and overrides.

    Raises:
        ConfigError: no such recipe, or a key or value is wrong; each is named.
    """
    content, folder = read_recipe(name, overrides)
    return anchored_recipe(validate(content, TranslationRecipe, str(name)), folder)
