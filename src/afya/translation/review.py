"""The people's review: translations in a queue, rated by two or more, edited, disputed, settled.

A row is one text of one item (its question, an option). Raters do not see one another's ratings. What becomes of a row
follows from its ratings alone (`settle`): when raters are far apart, or edits differ, a third person decides. The queue
is a table of a database: SQLite beside the dataset, or PostgreSQL by URL.

The scales are Accuracy, Fluency and Completeness, each 1 (worst) to 5 (best), as in GlobMed's review.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from afya.errors import ConfigError, DataError, EngineError, require
from afya.items import blank
from afya.runs import scrub, sha256_text
from afya.statistics import Agreement, Estimate, krippendorff, mean_interval

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

State = Literal["open", "disputed", "accepted", "rejected"]
SCALES = ("accuracy", "fluency", "completeness")

RATERS = 2
FAR_APART = 2
"""Ratings of one scale that differ by so much are a dispute."""
ACCEPTABLE = 3.0
"""A text that nobody edited is accepted from this median accuracy and completeness on."""

_TEXTS_AT_ONCE = 500


@dataclass(frozen=True)
class ReviewRow:
    """A translation to be reviewed: one text of one item. `reason` says why it is here: failed or sample."""

    item_id: str
    group_id: str
    lang: str
    field: str
    source_lang: str
    source_text: str
    translation: str
    source: str
    reason: str
    detail: str | None = None

    @property
    def row_id(self) -> str:
        """A name that stays the same as long as the item, the text's place and both texts do."""
        return sha256_text("\0".join([self.item_id, self.field, self.source_text, self.translation]))[:20]


@dataclass(frozen=True)
class Rating:
    """What one rater said of one row. `edit` None: the translation may stay as it is.

    `faults`: what the integrity checks found in the edit; such an edit needs a second person.
    """

    row_id: str
    rater: str
    accuracy: int
    fluency: int
    completeness: int
    edit: str | None = None
    comment: str | None = None
    faults: str | None = None


@dataclass(frozen=True)
class Settled:
    """A row, its ratings in the order in which they came, and what follows: `text` is the one that holds now."""

    row: ReviewRow
    ratings: tuple[Rating, ...]
    state: State
    text: str
    why: str


@dataclass
class Counts:
    """What became of rows that were handed in."""

    added: int = 0
    present: int = 0
    changed: int = 0
    refused: list[str] = field(default_factory=list)


def settle(row: ReviewRow, ratings: Sequence[Rating], raters: int = RATERS) -> Settled:
    """What follows from the ratings of a row.

    Fewer than `raters` ratings: open. Then, unless a further person has decided: disputed when two ratings of a scale
    are `FAR_APART`, when two edits differ, or when an edit fails an integrity check. The person who comes after that
    decides: their edit if they made one, else the one edit there is, else the translation as it stands; where several
    edits differ, only an edit of theirs settles it. A text that nobody edited and that is rated below `ACCEPTABLE` is
    rejected.
    """
    ratings = tuple(ratings)
    edits = list(dict.fromkeys(rating.edit for rating in ratings if rating.edit is not None))
    if len(ratings) < raters:
        return Settled(row, ratings, "open", row.translation, f"{len(ratings)} of {raters} ratings")
    first = ratings[:raters]
    early = list(dict.fromkeys(rating.edit for rating in first if rating.edit is not None))
    apart = [name for name in SCALES if _spread(first, name) >= FAR_APART]
    faulty = [rating for rating in first if rating.edit is not None and rating.faults]
    why = (
        f"ratings of {', '.join(apart)} are far apart"
        if apart
        else "edits differ"
        if len(early) > 1
        else f"an edit fails a check ({faulty[0].faults})"
        if faulty
        else ""
    )
    if why:
        decided = ratings[raters:]
        if not decided:
            return Settled(row, ratings, "disputed", row.translation, why)
        own = [rating.edit for rating in decided if rating.edit is not None]
        if not own and len(early) > 1:
            return Settled(row, ratings, "disputed", row.translation, "edits differ, and no third one decides")
        text = own[-1] if own else early[0] if early and not faulty else row.translation
        if text == row.translation and min(_median(decided, "accuracy"), _median(decided, "completeness")) < ACCEPTABLE:
            return Settled(row, ratings, "rejected", row.translation, "a further rater rejects it")
        return Settled(row, ratings, "accepted", text, f"a further rater decided ({why})")
    if edits:
        return Settled(row, ratings, "accepted", edits[-1], "edited")
    if min(_median(ratings, "accuracy"), _median(ratings, "completeness")) < ACCEPTABLE:
        return Settled(row, ratings, "rejected", row.translation, "rated low, and nobody edited it")
    return Settled(row, ratings, "accepted", row.translation, "accepted as it is")


def _spread(ratings: Sequence[Rating], scale: str) -> int:
    values = [getattr(rating, scale) for rating in ratings]
    return int(max(values) - min(values))


def _median(ratings: Sequence[Rating], scale: str) -> float:
    return float(statistics.median(getattr(rating, scale) for rating in ratings))


def check_rating(rating: Rating) -> str | None:
    """What is wrong with a rating, in a sentence, or None."""
    if not rating.rater.strip():
        return "the rater has no name"
    for name in SCALES:
        value = getattr(rating, name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 5:
            return f"{name} is {value!r}, a whole number from 1 to 5 is needed"
    return "the edit is empty" if rating.edit is not None and blank(rating.edit) else None


class Queue:
    """The queue of one dataset, in a database.

    Args:
        where: a path (SQLite, made where it is not there) or a URL such as postgresql://user@host/name.
        raters: how many ratings a row needs before anything follows from them.
        made: refuse a path where no queue was made before.

    Raises:
        MissingDependencyError: SQLAlchemy, or PostgreSQL's driver, is not installed.
        EngineError: the database cannot be opened.
        DataError: there is no such queue, though it should have been `made`.
        ConfigError: the URL is none, or fewer than two raters are asked for.
    """

    def __init__(self, where: str | Path, *, raters: int = RATERS, made: bool = False) -> None:
        require("sqlalchemy", "data", "The review queue")
        if raters < 2:
            raise ConfigError(f"{raters} rater(s): agreement needs at least two.")
        self.raters = raters
        self.where = scrub(str(where))
        if made and "://" not in self.where and not Path(where).is_file():
            raise DataError(f"{where}: no such review queue.", hint="Fill one with 'afya data review add'.")
        self._engine = _engine(where)
        self._rows, self._ratings = _tables()
        with self._connection() as connection:
            self._rows.metadata.create_all(connection)

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            told = _told(getattr(error, "orig", None) or error)
            raise EngineError(
                f"The review queue {self.where} cannot be used ({scrub(told)}).",
                hint="Check the path or URL, that the database runs, and that it may be written.",
            ) from None

    def add(self, rows: Iterable[ReviewRow]) -> Counts:
        """Put rows into the queue; those that are there already (same item, place and texts) stay as they are."""
        from sqlalchemy import select

        counts = Counts()
        waiting = iter(rows)
        while some := list(islice(waiting, _TEXTS_AT_ONCE)):
            named = {row.row_id: row for row in some}
            with self._connection() as connection:
                known = set(connection.scalars(select(self._rows.c.row_id).where(self._rows.c.row_id.in_(named))).all())
                fresh = [{"row_id": name, **vars(row)} for name, row in named.items() if name not in known]
                if fresh:
                    connection.execute(self._rows.insert(), fresh)
            counts.added += len(fresh)
            counts.present += len(some) - len(fresh)
        return counts

    def rate(self, ratings: Iterable[Rating], *, replace: bool = False) -> Counts:
        """Take ratings in, all or none of them.

        The same rating again changes nothing. Another one by the same rater for the same row is refused, unless
        `replace`. `refused` of what is returned names every rating that could not be taken; then none was.
        """
        from sqlalchemy import select

        counts = Counts()
        with self._connection() as connection, connection.begin_nested() as attempt:
            for rating in ratings:
                fault = check_rating(rating)
                text = connection.scalar(select(self._rows.c.translation).where(self._rows.c.row_id == rating.row_id))
                if fault is None and text is None:
                    fault = "the queue has no such row"
                if fault is not None:
                    counts.refused.append(f"row {rating.row_id}: {fault}")
                    continue
                if rating.edit == text:
                    rating = Rating(**{**vars(rating), "edit": None, "faults": None})
                self._take(connection, rating, counts, replace)
            if counts.refused:
                attempt.rollback()
                counts.added = counts.changed = counts.present = 0
        return counts

    def _take(self, connection: Connection, rating: Rating, counts: Counts, replace: bool) -> None:
        from sqlalchemy import select

        table = self._ratings
        same = (table.c.row_id == rating.row_id) & (table.c.rater == rating.rater)
        held = connection.execute(select(table).where(same)).mappings().first()
        values = {**vars(rating), "rated_at": datetime.now(UTC).isoformat(timespec="seconds")}
        if held is None:
            connection.execute(table.insert(), values)
            counts.added += 1
        elif all(held[name] == value for name, value in vars(rating).items()):
            counts.present += 1
        elif replace:
            connection.execute(table.update().where(same), values)
            counts.changed += 1
        else:
            counts.refused.append(f"row {rating.row_id}: {rating.rater} has rated it otherwise before")

    def rows(self, *, langs: Sequence[str] | None = None) -> Iterator[Settled]:
        """Every row with its ratings and what follows from them, in order of language and item."""
        from sqlalchemy import select

        table = self._rows
        asked = select(table).order_by(table.c.lang, table.c.item_id, table.c.field, table.c.row_id)
        if langs is not None:
            asked = asked.where(table.c.lang.in_(list(langs)))
        with self._connection() as connection:
            for some in connection.execution_options(yield_per=_TEXTS_AT_ONCE).execute(asked).mappings().partitions():
                rated = self._ratings_of(connection, [row["row_id"] for row in some])
                for row in some:
                    values = {name: row[name] for name in ReviewRow.__dataclass_fields__}
                    yield settle(ReviewRow(**values), rated.get(row["row_id"], []), self.raters)

    def _ratings_of(self, connection: Connection, names: Sequence[str]) -> Mapping[str, list[Rating]]:
        from sqlalchemy import select

        table = self._ratings
        found: dict[str, list[Rating]] = {}
        asked = select(table).where(table.c.row_id.in_(names)).order_by(table.c.number)
        for row in connection.execute(asked).mappings():
            rating = Rating(**{name: row[name] for name in Rating.__dataclass_fields__})
            found.setdefault(rating.row_id, []).append(rating)
        return found

    def waiting(self, rater: str, *, langs: Sequence[str] | None = None, disputed: bool = False) -> Iterator[Settled]:
        """The rows that this rater may rate: those that still need ratings, or, with `disputed`, a decision."""
        wanted = "disputed" if disputed else "open"
        for settled in self.rows(langs=langs):
            if settled.state == wanted and all(rating.rater != rater for rating in settled.ratings):
                yield settled

    def agreement(self) -> dict[str, dict[str, Agreement]]:
        """Krippendorff's alpha (ordinal) for each language and scale, over the rows with two or more ratings.

        Texts of one item are drawn together for the interval. Deciding ratings do not count: their givers knew of the
        dispute.
        """
        grouped: dict[str, list[Settled]] = {}
        for settled in self.rows():
            if len(settled.ratings) >= 2:
                grouped.setdefault(settled.row.lang, []).append(settled)
        return {
            lang: {
                scale: krippendorff(
                    [[getattr(rating, scale) for rating in entry.ratings[: self.raters]] for entry in entries],
                    clusters=[entry.row.group_id for entry in entries],
                )
                for scale in SCALES
            }
            for lang, entries in grouped.items()
        }

    def means(self) -> dict[str, dict[str, Estimate]]:
        """The mean rating for each language and scale with its interval; items are the clusters."""
        values: dict[str, list[tuple[Rating, str]]] = {}
        for settled in self.rows():
            for rating in settled.ratings[: self.raters]:
                values.setdefault(settled.row.lang, []).append((rating, settled.row.group_id))
        return {
            lang: {
                scale: mean_interval([getattr(rating, scale) for rating, _ in entries], [group for _, group in entries])
                for scale in SCALES
            }
            for lang, entries in values.items()
        }


def _told(error: BaseException) -> str:
    """The first line of what a database's driver says; PostgreSQL's says it under "M" of a table."""
    said = error.args[0] if error.args else error
    return str(said.get("M", error) if isinstance(said, dict) else error).splitlines()[0].rstrip(".")


def _engine(where: str | Path) -> Engine:
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError

    text = str(where)
    if "://" not in text:
        path = Path(text)
        if not path.parent.is_dir():
            raise ConfigError(f"{path.parent}: no such folder for the review queue.")
        return sqlalchemy.create_engine(f"sqlite:///{path}")
    try:
        url = sqlalchemy.make_url(text)
    except ArgumentError:
        raise ConfigError(f"'{scrub(text)}' is no URL of a database.") from None
    if url.get_backend_name() == "postgresql":
        require("pg8000", "postgres", "A review queue in PostgreSQL")
        url = url.set(drivername="postgresql+pg8000")
    elif url.get_backend_name() != "sqlite":
        raise ConfigError(f"'{url.get_backend_name()}' is no database of the review queue: sqlite or postgresql.")
    return sqlalchemy.create_engine(url)


def _tables() -> tuple[Table, Table]:
    from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

    metadata = MetaData()
    texts: Any = {name: Column(name, Text, nullable=name == "detail") for name in ReviewRow.__dataclass_fields__}
    rows = Table("review_rows", metadata, Column("row_id", String(20), primary_key=True), *texts.values())
    ratings = Table(
        "review_ratings",
        metadata,
        Column("number", Integer, primary_key=True),
        Column("row_id", String(20), ForeignKey("review_rows.row_id"), nullable=False),
        Column("rater", Text, nullable=False),
        *[Column(name, Integer, CheckConstraint(f"{name} BETWEEN 1 AND 5"), nullable=False) for name in SCALES],
        Column("edit", Text),
        Column("comment", Text),
        Column("faults", Text),
        Column("rated_at", Text, nullable=False),
        UniqueConstraint("row_id", "rater"),
    )
    return rows, ratings
