"""Translate first: items into English before they are asked, written replies back into the item's language after.

This is how a health worker's question reaches a model that reads little but English. What the translation gets wrong is
part of what is measured, so an item whose translation fails an integrity check is asked all the same, and counted: the
ledger tells how many failed which check, `parts/translated-*` which. An item without any translation was never asked:
it is a rejection, `translation_failed`, and no wrong answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya import executor
from afya.bench.asking.prompts import PIVOT
from afya.bench.reading.extract_fold import spoken
from afya.executor import Output
from afya.items import Item, from_frame, schema, to_frame
from afya.languages import language
from afya.runs import Ledger, Rejection, RunFolder, write_frame

if TYPE_CHECKING:
    import polars as pl

    from afya.bench.tasks.selection import Chosen
    from afya.translation.base import Translator
    from afya.translation.checks import Checker

STAGE = "translate"
CARRY = "carry_back"
# Items whose translation is lost when a run is killed, at most.
_ROWS = 128
# A reference is no part of a prompt, but an item without one is not whole. This has no word that would be translated.
_NO_REFERENCE = "-"


@cache
def translated_schema() -> dict[str, pl.DataType]:
    """Columns of a translated part: the English item, and of its original the id and language.

    `faults` names the integrity checks that found something; their details are in the item's `checks`. A check that
    cannot judge the language is no fault. The reference answer stays as it was.
    """
    import polars as pl

    return {**schema(), "own_id": pl.String(), "own_lang": pl.String(), "faults": pl.List(pl.String())}


@dataclass
class _Loaded:
    """A translator, and the checks of the directions met so far."""

    translator: Translator
    checkers: dict[str, Checker] = field(default_factory=dict)

    def checker(self, lang: str) -> Checker:
        from afya.translation.checks import Checker

        if lang not in self.checkers:
            self.checkers[lang] = Checker(lang, PIVOT)
        return self.checkers[lang]


def described(spec: str, options: Mapping[str, object] | None = None) -> dict[str, object]:
    """What a run's recipe keeps of a translator: its name, and the hash of what shapes its output. Loads it."""
    with _opening([]) as setup:
        identity = setup({"translator": spec, "options": dict(options or {})}).translator.identity
    return {"name": identity.name, "sha256": identity.sha256}


def translate_first(
    folder: RunFolder,
    chosen: Chosen,
    spec: str,
    options: Mapping[str, object] | None,
    ledger: Ledger,
    *,
    name: str,
    choice: bool,
    carried_back: bool,
) -> list[Path]:
    """The chosen items in English, in parts as `translated_schema` says; parts that are done are not done again.

    All settings of a set share them. The ledger gets a stage "translate:{name}", and one for each check that failed.

    Args:
        choice: the items are choices, of which only question, context and options are shown.
        carried_back: replies will be translated into the items' languages, so that the engine needs both directions.

    Raises:
        ConfigError: the engine lacks a language; nothing was translated yet. EngineError: it cannot be loaded, or
        answers nothing; the same command goes on where it stopped.
    """
    import polars as pl

    place = folder.parts / f"untranslated-{name}"
    sources = [place / f"{name}~{PIVOT}-{number:05d}.parquet" for number in range(-(-chosen.rows // _ROWS))]
    for source, frame in zip(sources, chosen.frames(_ROWS), strict=True):
        if not source.exists():
            write_frame(source, frame)
    others = [code for code in chosen.langs if code != PIVOT]
    wanted = [(code, PIVOT) for code in others] + ([(PIVOT, code) for code in others] if carried_back else [])
    config = {"translator": spec, "options": dict(options or {}), "set": name, "choice": choice}
    with _opening(wanted) as setup:
        stage = executor.Stage(
            f"{STAGE}:{name}", _into_english, config, tuple(schema()), tuple(translated_schema()), setup
        )
        parts = executor.run(stage, sources, folder.parts / f"translated-{name}")
    if stage.name not in ledger.rows_in:
        executor.ledger_of(stage, parts, ledger)
        faults: Counter[str] = Counter()
        for part in parts:
            faults.update(pl.read_parquet(part.path, columns=["faults"])["faults"].explode().drop_nulls())
        for check, count in sorted(faults.items()):
            # Asked all the same, so no rejection: a count of rows that came and went.
            ledger.add(f"{stage.name}:failed {check}", count, count)
    return [part.path for part in parts]


def translated_items(paths: Iterable[Path]) -> Iterator[tuple[Item, str, str]]:
    """(English item, the original's id, its language) of translated parts, in their order."""
    import polars as pl

    for path in paths:
        frame = pl.read_parquet(path)
        yield from zip(from_frame(frame), frame["own_id"], frame["own_lang"], strict=True)


def carry_back(
    pairs: Sequence[tuple[Path, Path]], out: Path, spec: str, options: Mapping[str, object] | None = None
) -> list[Path]:
    """Reply parts with the written replies to translated prompts in the items' own languages, one a pair, in order.

    Args:
        pairs: prompt parts, and the reply parts that answer them.
        out: the folder for what is made; parts that are done are not done again.

    Returns:
        The reply part itself where nothing is carried back. Else a part with the same rows, whose `text_en` is what the
        model said (without its thinking), null in rows that were not carried. A reply that could not be translated has
        no `text`, and an `error` that says so.

    Raises:
        ConfigError: the engine lacks a language. EngineError: it cannot be loaded, or answers nothing.
    """
    import polars as pl

    langs: set[str] = set()
    carried = []
    for prompts, replies in pairs:
        asked = pl.read_parquet(prompts, columns=["kind", "lang", "prompt_lang"]).filter(
            (pl.col("kind") == "written") & (pl.col("prompt_lang") == PIVOT) & (pl.col("lang") != PIVOT)
        )
        langs.update(asked["lang"])
        if asked.height:
            carried.append(replies)
    config = {"translator": spec, "options": dict(options or {})}
    with _opening([(PIVOT, code) for code in sorted(langs)]) as setup:
        stage = executor.Stage(
            CARRY, _into_own, config, ("lang", "text", "error", "finish_reason"), ("text", "text_en"), setup
        )
        made = {source: part.path for source, part in zip(carried, executor.run(stage, carried, out), strict=True)}
    return [made.get(replies, replies) for _, replies in pairs]


# Stages ---------------------------------------------------------------------------------------------------------------


def _into_english(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """A stage: items in English, one result an item."""
    import polars as pl

    from afya.translation.items import translate_items

    loaded: _Loaded = state
    items = from_frame(frame)
    shown = [_shown(item, config["choice"]) for item in items]
    made: list[Item] = []
    told: list[tuple[str, str, list[str]]] = []
    rejections: list[Rejection] = []
    for item, bare, result in zip(items, shown, translate_items(shown, PIVOT, loaded.translator), strict=True):
        if result.item is None:
            rejections.append(Rejection(f"{STAGE}:{config['set']}", item.item_id, "translation_failed", result.error))
            continue
        english = replace(result.item, answer_text=item.answer_text)
        faults: list[str] = []
        if item.lang != PIVOT:
            verdicts = loaded.checker(item.lang).check_item(bare, result.item)
            english = replace(english, checks=tuple(verdict.as_check() for verdict in verdicts))
            faults = [verdict.check for verdict in verdicts if verdict.judged and not verdict.passed]
        made.append(english)
        told.append((item.item_id, item.lang, faults))
    types = {name: translated_schema()[name] for name in ("own_id", "own_lang", "faults")}
    table = pl.concat([to_frame(made), pl.DataFrame(told, schema=types, orient="row")], how="horizontal")
    return Output(table, tuple(rejections))


def _shown(item: Item, choice: bool) -> Item:
    """The item with the texts that a prompt shows, and no others that would have to be translated."""
    turns = None if choice else item.turns
    return replace(item, answer_text=_NO_REFERENCE if item.answer_text else None, rationale=None, turns=turns)


def _into_own(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """A stage: English replies in the items' languages, the same rows."""
    import polars as pl

    from afya.translation import guard

    loaded: _Loaded = state
    said = frame["text"].to_list()
    texts: list[str | None] = list(said)
    english: list[str | None] = [None] * frame.height
    errors: list[str | None] = frame["error"].to_list()
    reasons: list[str] = frame["finish_reason"].to_list()
    places: dict[str, list[int]] = {}
    for place, (lang, text) in enumerate(zip(frame["lang"], said, strict=True)):
        if lang != PIVOT and text is not None:
            places.setdefault(lang, []).append(place)
            english[place] = spoken(text).text.strip()
    for lang, own in places.items():
        answers = guard.translate(loaded.translator, [english[place] or "" for place in own], PIVOT, lang)
        for place, answer in zip(own, answers, strict=True):
            texts[place] = answer.text
            if answer.error is not None:
                texts[place], reasons[place] = None, "error"
                name = language(lang).name
                errors[place] = f"the reply could not be translated back into {name} ({lang}): {answer.error}"
    return Output(
        frame.with_columns(
            pl.Series("text", texts, dtype=pl.String),
            pl.Series("error", errors, dtype=pl.String),
            pl.Series("finish_reason", reasons, dtype=pl.String),
            pl.Series("text_en", english, dtype=pl.String),
        )
    )


@contextmanager
def _opening(wanted: Sequence[tuple[str, str]]) -> Iterator[partial[_Loaded]]:
    """A stage's setup, which loads the translator only when there is something to translate; closes it in the end."""
    opened: list[_Loaded] = []
    try:
        yield partial(_load, opened, tuple(wanted))
    finally:
        for loaded in opened:
            loaded.translator.close()


def _load(opened: list[_Loaded], wanted: Sequence[tuple[str, str]], config: Mapping[str, Any]) -> _Loaded:
    from afya.translation.codes import unsupported
    from afya.translation.load import load_translator

    translator = load_translator(config["translator"], **config["options"])
    opened.append(_Loaded(translator))
    known = translator.pairs() if wanted else frozenset()
    for source, target in wanted:
        if (source, target) not in known:
            raise unsupported(translator.identity.name, source, target, known)
    return opened[-1]
