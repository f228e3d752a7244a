"""Rows that cannot be used are rejected, each with a reason: a stage that looks at whole columns.

Reasons, in the order in which they are looked for: too_short, missing_option, repeated_option, missing_answer,
answer_outside_options, refers_to_picture, markup_left, truncated, wrong_language. What shows each is data
(screen.yaml). A text counts as in a wrong language only where that is sure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from afya.data.recipe import Screen
from afya.data.rows import first_of, reject
from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.executor import Output, Stage
from afya.languages import language, registry
from afya.text.identify import AGREED, guess, identify, is_language, main_script, relatives, witnessed
from afya.text.words import GAP_CHARACTERS, GAP_WORDS

if TYPE_CHECKING:
    import polars as pl

STAGE = "screen"
_LONG = ("context", "answer_text", "rationale")
# Of a long text so many characters tell its language, and shorter ones than that tell nothing.
_TOLD_CHARACTERS = 400
_LEAST_CHARACTERS = 30
# A text this short that ends in an ellipsis is a phrase, not an answer that was cut off.
_CUT_OFF_CHARACTERS = 100
_NAMED = "nbsp|amp|lt|gt|quot|apos|mu|alpha|beta|deg|ndash|mdash|rsquo|lsquo|rdquo|ldquo"
_ENTITY = rf"&(?:{_NAMED}|#\d{{2,6}}|#x[0-9a-fA-F]{{2,5}});"

Case = tuple["pl.Expr", "pl.Expr", "pl.Expr"]


class Signs(BaseModel):
    """The content of screen.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: dict[str, tuple[str, ...]]
    tags: tuple[str, ...]
    broken: tuple[str, ...]
    broken_answers: tuple[str, ...]
    reviewed: bool


@cache
def signs() -> Signs:
    """What shows that a row cannot be used."""
    with as_file(files("afya.data") / "screen.yaml") as path:
        found = read_model(path, Signs)
        unknown = [code for code in found.pictures if code not in registry()]
        if unknown:
            raise ConfigError(f"{path}: {', '.join(unknown)} is not in the language registry.")
    return found


def stage(rule: Screen) -> Stage:
    """The stage that screens by the recipe's rule."""
    reads = ("lang", "task", "question", "context", "options", "answer", "answer_text", "rationale")
    return Stage(STAGE, screen, {**rule.model_dump(mode="json"), "signs": signs().model_dump(mode="json")}, reads)


def screen(frame: pl.DataFrame, config: Mapping[str, Any], _state: Any) -> Output:
    """The rows that can be used."""
    import polars as pl

    rule = Screen.model_validate({key: value for key, value in config.items() if key != "signs"})
    cases = list(_cases(rule, frame))
    first = reject(frame, STAGE, *first_of(cases))
    if not rule.language:
        return first
    # Last, and only for rows that pass all else: it is the slow one.
    wrong = pl.Series("wrong", list(_languages_found(first.frame)), dtype=pl.String)
    marked = first.frame.with_columns(wrong.alias("__wrong"))
    detail = pl.format("the text is {}, not {}", "__wrong", "lang")
    why = pl.when(pl.col("__wrong").is_not_null()).then(pl.lit("wrong_language"))
    second = reject(marked, STAGE, why, detail)
    return Output(second.frame.drop("__wrong"), (*first.rejections, *second.rejections))


def _cases(rule: Screen, frame: pl.DataFrame) -> Iterator[Case]:
    import polars as pl

    question = pl.col("question")
    if rule.min_characters:
        ideographs = question.str.count_matches(r"[\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}]").cast(pl.Int64)
        count = question.str.count_matches(r"[\p{L}\p{N}]").cast(pl.Int64) + 2 * ideographs
        detail = pl.format("{} letters and digits", count)
        yield (count < rule.min_characters) & _asks(), pl.lit("too_short"), detail
    if rule.options and frame["options"].null_count() < frame.height:
        yield from _option_cases()
    if rule.options:
        lacking = pl.col("task").is_in(["mcq", "nli"]) & pl.col("options").is_null()
        yield lacking, pl.lit("missing_option"), pl.lit("no options")
    if rule.picture:
        yield from _picture_cases(frame)
    if rule.markup:
        options = pl.col("options").list.join("\n", ignore_nulls=True)
        for name, text in (*((name, pl.col(name)) for name in ("question", *_LONG)), ("options", options)):
            pattern = markup_pattern()
            detail = pl.format("{}: {}", pl.lit(name), text.str.extract(f"({pattern})", 1))
            yield text.str.contains(pattern), pl.lit("markup_left"), detail
    if rule.truncated:
        yield from _truncated_cases()


def _option_cases() -> Iterator[Case]:
    import polars as pl

    options, answer = pl.col("options"), pl.col("answer")
    folded = options.list.eval(pl.element().str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars(" ."))
    asked = pl.col("task").is_in(["mcq", "nli"])
    count = options.list.len()
    blank = options.list.eval(~pl.element().str.contains(r"[^\s\p{Cf}]").fill_null(False)).list.any()
    yield count < 2, pl.lit("missing_option"), pl.format("{} option(s)", count)
    yield blank, pl.lit("missing_option"), pl.lit("an option has no text")
    repeated = folded.list.n_unique() < count
    yield repeated, pl.lit("repeated_option"), pl.lit("two options read the same")
    unmarked = asked & (answer.list.len().fill_null(0) == 0)
    yield unmarked, pl.lit("missing_answer"), pl.lit("no answer is marked")
    outside = (answer.list.max().cast(pl.Int64) >= count.cast(pl.Int64)) | (answer.list.min() < 0)
    yield outside, pl.lit("answer_outside_options"), pl.format("answer {} of {} options", answer.list.max() + 1, count)


def _asks() -> pl.Expr:
    """Rows that ask something: an aligned text may be a term, half a sentence, or stand under a picture in the news."""
    import polars as pl

    return pl.col("task") != "parallel"


def _picture_cases(frame: pl.DataFrame) -> Iterator[Case]:
    import polars as pl

    for lang in frame["lang"].unique(maintain_order=True):
        pattern = picture_pattern(str(lang))
        if pattern is None:
            continue
        here = (pl.col("lang") == lang) & _asks()
        for name in ("question", "context"):
            # The phrases are many; a look for a word of each tells quickly that a text has none of them.
            maybe = here & pl.col(name).str.to_lowercase().str.contains_any(picture_words(str(lang)))
            text = pl.when(maybe).then(pl.col(name))
            detail = pl.format("{}: '{}'", pl.lit(name), text.str.extract(f"({pattern})", 1))
            yield text.str.contains(pattern), pl.lit("refers_to_picture"), detail


@cache
def picture_pattern(lang: str) -> str | None:
    """The phrases of a language that refer to a picture, as one expression; None where none are known."""
    phrases = signs().pictures.get(lang)
    if not phrases:
        return None
    spaced = language(lang).spaced
    return "(?i)(?:" + "|".join(_phrase(phrase, spaced) for phrase in phrases) + ")"


@cache
def picture_words(lang: str) -> list[str]:
    """Words, in lower case, of which every text with such a phrase holds at least one: each phrase's longest ones."""
    found: dict[str, None] = {}
    for phrase in signs().pictures.get(lang, ()):
        choices = [part.split("|") for part in phrase.split() if part != "..."]
        longest = max(choices, key=lambda words: (min(len(word) for word in words), -len(words)))
        found.update(dict.fromkeys(word.strip("*").lower() for word in longest))
    return list(found)


def _phrase(phrase: str, spaced: bool) -> str:
    if not spaced:
        between = rf"[^。！？\n]{{0,{GAP_CHARACTERS}}}?"
        return "(?:" + between.join(_either(part) for part in phrase.split(" ... ")) + ")"
    pieces: list[str] = []
    gap = False
    for word in phrase.split():
        if word == "...":
            gap = True
            continue
        if pieces:
            pieces.append(rf"(?:\W+\w+){{0,{GAP_WORDS}}}?\W+" if gap else r"[\s(:,]+")
        pieces.append(_either(word))
        gap = False
    # Where the words are plain letters their ends are too; looking for other scripts' ends takes ten times as long.
    end = r"(?-u:\b)" if phrase.isascii() else r"\b"
    return end + "".join(pieces) + end


def _either(words: str) -> str:
    return "(?:" + "|".join(re.escape(word).replace(r"\*", r"\w*") for word in words.split("|")) + ")"


@cache
def markup_pattern() -> str:
    """HTML tags and entities."""
    return rf"(?:</?(?:{'|'.join(signs().tags)})(?:\s[^<>]*|\s*/)?>|{_ENTITY}|<!--)"


def _truncated_cases() -> Iterator[Case]:
    import polars as pl

    for name in ("question", *_LONG):
        # A question to which the options are the end may well stop at a comma.
        listed = signs().broken if name == "question" else (*signs().broken, *signs().broken_answers)
        endings = "".join(re.escape(sign) for sign in listed)
        text = pl.when(_asks()).then(pl.col(name).str.strip_chars_end())
        end = pl.format("{} ends with '{}'", pl.lit(name), text.str.tail(20))
        yield text.str.contains(f"[{endings}]$"), pl.lit("truncated"), end
        yield text.str.contains("\ufffd"), pl.lit("truncated"), pl.lit(f"{name}: characters were lost (U+FFFD)")
        if name == "answer_text":
            # A question may well end so ("The most common cause is ..."), and doctors explain so.
            cut = text.str.contains(r"(?:\.\.\.|…)$") & (text.str.len_chars() >= _CUT_OFF_CHARACTERS)
            yield cut, pl.lit("truncated"), end


def _languages_found(frame: pl.DataFrame) -> Iterator[str | None]:
    """For each row the language its text is surely in when that is another than the row's, else None."""
    import polars as pl

    options = pl.col("options").list.join(". ", ignore_nulls=True)
    texts = frame.select(
        "lang",
        pl.concat_str(
            pl.col("question").str.slice(0, _TOLD_CHARACTERS),
            options.fill_null("").str.slice(0, _TOLD_CHARACTERS // 2),
            pl.col("answer_text").fill_null("").str.slice(0, _TOLD_CHARACTERS // 2),
            separator="\n",
        ).alias("text"),
    )
    for lang, text in texts.iter_rows():
        yield other_language(text, lang)


def other_language(text: str, lang: str) -> str | None:
    """The language that `text` is surely in when that is not `lang`; None where it is, or may be, in `lang`.

    Sure is another script, or another language by two witnesses that is no near relative: a Zulu question full of Latin
    terms looks like Xhosa to one witness, and Bambara, which none knows well, like many others.
    """
    if len(text) < _LEAST_CHARACTERS:
        return None
    named = guess(text)
    if named == lang or named in relatives(lang):
        return None
    latin = language(lang).script == "Latn"
    if latin and named is not None and not witnessed(lang) and language(named).tier == "low":
        return None
    if latin and named is None and main_script(text) == "Latn":
        return None
    verdict = identify(text)
    if latin and verdict.script == "Latn":
        return verdict.language if verdict.reason == AGREED and verdict.language != lang else None
    if is_language(text, lang) is not False:
        return None
    return verdict.language or f"in another script ({verdict.script})"
