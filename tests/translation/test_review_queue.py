"""The review queue: what follows from ratings, in SQLite and in a real PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from afya.errors import ConfigError, DataError, EngineError
from afya.translation.review import Queue, Rating, ReviewRow, settle

ROW = ReviewRow(
    item_id="own:1:sw",
    group_id="own:1",
    lang="sw",
    field="question",
    source_lang="en",
    source_text="Give 5 ml twice a day.",
    translation="Mpe ml 5 mara mbili kwa siku.",
    source="own",
    reason="sample",
)
EDIT = "Mpe mtoto ml 5 mara mbili kwa siku."


def rating(rater: str, accuracy: int = 5, fluency: int = 5, completeness: int = 5, **more: str) -> Rating:
    return Rating(ROW.row_id, rater, accuracy, fluency, completeness, **more)


def test_a_row_is_open_until_two_have_rated_it() -> None:
    assert settle(ROW, []).state == "open"
    assert settle(ROW, [rating("a")]).why == "1 of 2 ratings"


def test_agreeing_raters_accept_a_good_text_and_reject_a_poor_one() -> None:
    assert settle(ROW, [rating("a"), rating("b", 4)]).state == "accepted"
    poor = settle(ROW, [rating("a", 2), rating("b", 2)])
    assert (poor.state, poor.text) == ("rejected", ROW.translation)


def test_an_edit_that_nobody_disputes_replaces_the_text() -> None:
    settled = settle(ROW, [rating("a", 4, edit=EDIT), rating("b", 4)])
    assert (settled.state, settled.text) == ("accepted", EDIT)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (rating("a", 5), rating("b", 3), "ratings of accuracy are far apart"),
        (rating("a", edit=EDIT), rating("b", edit="Mpe dawa."), "edits differ"),
        (rating("a", edit="Mpe ml 50.", faults="5 ml became 50 ml"), rating("b"), "an edit fails a check"),
    ],
)
def test_disputes_wait_for_a_third_person(first: Rating, second: Rating, why: str) -> None:
    settled = settle(ROW, [first, second])
    assert settled.state == "disputed"
    assert why in settled.why
    decided = settle(ROW, [first, second, rating("c", edit=EDIT)])
    assert (decided.state, decided.text) == ("accepted", EDIT)


def test_a_third_rater_without_an_edit_does_not_choose_between_two_edits() -> None:
    ratings = [rating("a", edit=EDIT), rating("b", edit="Mpe dawa."), rating("c")]
    assert settle(ROW, ratings).state == "disputed"


def test_an_edit_that_fails_a_check_is_never_taken_because_a_third_rater_was_silent() -> None:
    ratings = [rating("a", edit="Mpe ml 50.", faults="5 ml became 50 ml"), rating("b"), rating("c")]
    assert settle(ROW, ratings).text == ROW.translation


def test_a_third_rater_may_reject() -> None:
    assert settle(ROW, [rating("a", 5), rating("b", 2), rating("c", 1)]).state == "rejected"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own on loopback."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("PostgreSQL is not installed")
    programs_folder, folder = programs[-1].parent, Path("/tmp") / f"afya-pg-{tmp_path_factory.getbasetemp().name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    as_user: dict[str, str] = {}
    import os

    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        shutil.chown(folder, "postgres")
        as_user = {"user": "postgres"}
    data, port = folder / "data", "54329"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    quiet = {"check": True, "capture_output": True, "timeout": 60, **as_user}
    subprocess.run([programs_folder / "initdb", "-D", data, "-U", "afya", "-A", "trust"], **quiet)  # type: ignore[call-overload]
    control = [programs_folder / "pg_ctl", "-D", data, "-l", folder / "log", "-w"]
    subprocess.run([*control, "-o", options, "start"], **{**quiet, "capture_output": False})  # type: ignore[call-overload]
    yield f"postgresql://afya@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], **quiet)  # type: ignore[call-overload]
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Queue]:
    where: str | Path = tmp_path / "review.sqlite"
    if request.param == "postgresql":
        where = request.getfixturevalue("postgres")
    with Queue(where) as opened:
        yield opened


def test_rows_and_ratings_come_back_as_they_were_given(queue: Queue) -> None:
    other = replace(ROW, item_id="own:2:wo", group_id="own:2", lang="wo", translation="Jox ko 5 ml ñaari yoon.")
    added = queue.add([ROW, other])
    assert (added.added, added.present) == (2, 0)
    assert queue.add([ROW]).present == 1
    first = rating("a", 4, edit=EDIT, comment="mtoto")
    assert queue.rate([first, rating("b", 4)]).added == 2
    assert queue.rate([first]).present == 1
    found = {entry.row: entry for entry in queue.rows()}
    assert found[ROW].ratings == (first, rating("b", 4))
    assert (found[ROW].state, found[ROW].text) == ("accepted", EDIT)
    assert [entry.row for entry in queue.waiting("a")] == [other]
    assert list(queue.waiting("a", langs=["sw"])) == []


def test_of_ratings_that_cannot_all_be_taken_none_is(queue: Queue) -> None:
    row = replace(ROW, item_id="own:3:sw")
    queue.add([row])
    good = Rating(row.row_id, "a", 5, 5, 5)
    told = queue.rate([good, replace(good, rater="b", accuracy=6), replace(good, row_id="nothing")])
    assert told.added == 0
    assert "accuracy is 6" in told.refused[0]
    assert "no such row" in told.refused[1]
    assert all(not entry.ratings for entry in queue.rows() if entry.row == row)


def test_a_second_opinion_of_the_same_rater_is_refused_unless_it_replaces(queue: Queue) -> None:
    row = replace(ROW, item_id="own:4:sw")
    queue.add([row])
    first, later = Rating(row.row_id, "a", 5, 5, 5), Rating(row.row_id, "a", 2, 5, 5)
    queue.rate([first])
    assert "rated it otherwise before" in queue.rate([later]).refused[0]
    assert queue.rate([later], replace=True).changed == 1
    assert next(entry for entry in queue.rows() if entry.row == row).ratings == (later,)


def test_an_edit_equal_to_the_translation_is_none(queue: Queue) -> None:
    row = replace(ROW, item_id="own:5:sw")
    queue.add([row])
    queue.rate([Rating(row.row_id, "a", 5, 5, 5, edit=row.translation)])
    assert next(entry for entry in queue.rows() if entry.row == row).ratings[0].edit is None


def test_agreement_and_means_are_told_for_each_language(tmp_path: Path) -> None:
    with Queue(tmp_path / "review.sqlite") as queue:
        rows = [replace(ROW, item_id=f"own:{n}:sw", group_id=f"own:{n}") for n in range(6)]
        queue.add(rows)
        for number, row in enumerate(rows):
            value = 1 + number % 5
            queue.rate([Rating(row.row_id, "a", value, 5, 5), Rating(row.row_id, "b", value, 5, 4)])
        agreed = queue.agreement()["sw"]
        assert agreed["accuracy"].alpha == pytest.approx(1.0)
        assert agreed["accuracy"].units == 6
        assert agreed["completeness"].alpha is not None
        assert agreed["completeness"].alpha < 0
        assert agreed["fluency"].alpha is None
        mean = queue.means()["sw"]["accuracy"]
        assert (mean.n, mean.clusters) == (12, 6)


def test_a_queue_that_nobody_made_is_refused_where_it_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such review queue"):
        Queue(tmp_path / "reveiw.sqlite", made=True)
    assert not list(tmp_path.iterdir())


def test_an_edit_of_which_nothing_can_be_seen_is_refused(tmp_path: Path) -> None:
    with Queue(tmp_path / "review.sqlite") as queue:
        queue.add([ROW])
        assert "the edit is empty" in queue.rate([rating("a", 4, edit="\u200b")]).refused[0]


def test_a_database_that_cannot_be_used_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        Queue(tmp_path / "nowhere" / "review.sqlite")
    with pytest.raises(ConfigError, match="no database of the review queue"):
        Queue("mysql://host/name")
    with pytest.raises(EngineError, match="cannot be used") as refused:
        Queue("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(refused.value)
    (tmp_path / "text.sqlite").write_text("This is no database, but long enough to be looked at." * 9)
    with pytest.raises(EngineError, match="not a database"):
        Queue(tmp_path / "text.sqlite")
