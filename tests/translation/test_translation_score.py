from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from afya.errors import DataError, EngineError, MissingDependencyError
from afya.translation.score import comet, score, trusted_estimators

REFERENCE = ["Mtoto ana homa na kikohozi kwa siku tatu.", "Mpe maji mengi kila siku.", "Nenda kliniki leo hii."] * 12
NEAR = ["Mtoto ana homa na kikohozi kwa siku tatu.", "Mpe maji kila siku.", "Nenda kliniki leo."] * 12
FAR = ["Mtoto anacheza.", "Mpe chakula.", "Rudi nyumbani."] * 12


def test_a_translation_equal_to_the_reference_has_the_highest_score() -> None:
    for found in score(REFERENCE, {"same": REFERENCE}, "sw", samples=100):
        assert found.value == pytest.approx(100.0)
        assert found.p is None


def test_engines_are_compared_to_the_first_with_signatures() -> None:
    found = {(entry.metric, entry.engine): entry for entry in score(REFERENCE, {"far": FAR, "near": NEAR}, "sw")}
    assert set(found) == {(metric, engine) for metric in ("BLEU", "chrF2++") for engine in ("far", "near")}
    for metric in ("BLEU", "chrF2++"):
        near, far = found[metric, "near"], found[metric, "far"]
        assert near.value > far.value
        assert near.p is not None
        assert near.p < 0.01
        assert near.low <= near.value <= near.high
        assert "seed:12345" in near.signature
    assert "nw:2" in found["chrF2++", "near"].signature
    assert [entry.value for entry in score(REFERENCE, {"far": FAR, "near": NEAR}, "sw")] == [
        entry.value for entry in found.values()
    ]


def test_an_interval_stays_on_the_scale() -> None:
    for found in score(REFERENCE[:3], {"near": NEAR[:3]}, "sw", samples=100):
        assert 0 <= found.low <= found.value <= found.high <= 100


def test_engines_that_do_not_differ_are_not_told_apart() -> None:
    assert [entry.p for entry in score(REFERENCE, {"one": NEAR, "two": NEAR}, "sw", samples=100)] == [None, 1, None, 1]


def test_languages_without_spaces_are_cut_by_character() -> None:
    chinese = ["孩子发烧三天了。", "每天喝水。"] * 5
    assert "tok:zh" in score(chinese, {"a": chinese}, "zh", samples=100)[0].signature
    assert "tok:char" in score(chinese, {"a": chinese}, "ja", samples=100)[0].signature


def test_unequal_numbers_of_segments_are_refused() -> None:
    with pytest.raises(DataError, match="'near' has 35 segments, the reference 36"):
        score(REFERENCE, {"near": NEAR[1:]}, "sw")
    with pytest.raises(DataError, match="nothing to score"):
        score([], {"near": []}, "sw")


def test_no_estimator_is_trusted_for_wolof_and_zulu() -> None:
    assert not trusted_estimators("en", "wo")
    assert not trusted_estimators("en", "zu")
    assert [entry.name for entry in trusted_estimators("en", "yo")] == ["masakhane/africomet-mtl"]


def program(folder: Path, body: str) -> None:
    """A comet-score of our own, which speaks as the real one does."""
    file = folder / "comet-score"
    file.write_text(f"#!{sys.executable}\nimport json, sys\nargs = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n{body}")
    file.chmod(0o755)


def test_comet_runs_as_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="comet-score"):
        comet("model", ["a"], ["b"], ["c"])
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin")
    program(
        tmp_path,
        "rows = [{'COMET': len(line) / 10} for line in open(args['-t'])]\n"
        "json.dump({args['-t']: rows}, open(args['--to_json'], 'w'))",
    )
    assert comet("model", ["a", "b"], ["a", "b"], ["four", "line\nend"]) == pytest.approx((0.5 + 0.9) / 2)
    program(tmp_path, "sys.exit('no such checkpoint')")
    with pytest.raises(EngineError, match="no such checkpoint"):
        comet("model", ["a"], ["b"], ["c"])
    program(tmp_path, "json.dump({'hyp': []}, open(args['--to_json'], 'w'))")
    with pytest.raises(EngineError, match="0 scores for 1"):
        comet("model", ["a"], ["b"], ["c"])
