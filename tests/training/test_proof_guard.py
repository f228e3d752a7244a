"""What became worse is named in table, report and card, and the guard keeps it from being published."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest
from test_proof import Listener

from afya.errors import ConfigError, EngineError, GuardError, RunError
from afya.runs import read_json
from afya.training import load_recipe, train
from afya.training.giving import upload
from afya.training.proof.guard import guard
from afya.training.proof.proving import conclude
from afya.training.proof.publish import publish

RECIPE = """
name: one
langs: en,sw
seed: 5
threads: 1
model: {pocket: {vocabulary: 900, hidden: 16, layers: 1, heads: 2, feed_forward: 32, context: 512}}
stages:
  - name: only
    data: [{source: sample}]
    form: instruction
    length: {steps: 2}
    pack_tokens: 512
    packs_per_step: 1
    learning_rate: 0.01
proof:
  data:
    - {name: cases, source: vignettes, count: 40, setting: cloze}
    - {name: letters, source: vignettes, count: 32, seed: 3, role: general}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "one.yaml").write_text(RECIPE, encoding="utf-8")
    train(load_recipe(folder / "one.yaml"), folder / "run", Listener())
    return folder


def made(run: Path, label: str, name: str, lang: str, right: int) -> None:
    """In a run's scores, the first `right` questions of a language right and all others wrong."""
    file = run / "proof" / label / name / "scores.parquet"
    scores = pl.read_parquet(file)
    place = pl.int_range(pl.len()).over("lang")
    wanted = pl.when(place < right).then(pl.lit("correct")).otherwise(pl.lit("wrong"))
    scores.with_columns(outcome=pl.when(pl.col("lang") == lang).then(wanted).otherwise("outcome")).write_parquet(file)


def told(run: Path, rows: list[tuple[str, str, str, int]]) -> Path:
    for row in rows:
        made(run, *row)
    conclude(run)
    return run


@pytest.fixture
def worse(trained: Path, tmp_path: Path) -> Path:
    """The run, were Swahili to fall from 30 to 10 right of 40 while English rises."""
    run = shutil.copytree(trained / "run", tmp_path / "run")
    rows = [("before", "en", 10), ("before", "sw", 30), ("only", "en", 35), ("only", "sw", 10)]
    return told(run, [(label, "cases", lang, right) for label, lang, right in rows])


@pytest.fixture
def better(trained: Path, tmp_path: Path) -> Path:
    """The run, were both languages to rise, from nearly nothing."""
    run = shutil.copytree(trained / "run", tmp_path / "run")
    rows = [("before", "en", 1), ("before", "sw", 0), ("only", "en", 35), ("only", "sw", 38)]
    same = [(label, "letters", lang, 16) for label in ("before", "only") for lang in ("en", "sw")]
    return told(run, [*((label, "cases", lang, right) for label, lang, right in rows), *same])


def test_a_language_that_became_worse_is_flagged_with_its_figures(worse: Path) -> None:
    (flag,) = guard(worse)
    assert (flag.stage, flag.against, flag.data, flag.role, flag.lang) == ("only", "before", "cases", "taught", "sw")
    assert (flag.before, flag.after, flag.n, flag.groups) == (0.75, 0.25, 40, 40)
    assert flag.difference == -0.5
    assert flag.low < -0.5 < flag.high < 0
    assert flag.p < 0.001
    sentence = (
        "After only the model is worse than it was before training in Swahili on cases (taught): from 75.0 to 25.0"
    )
    assert sentence in flag.sentence()
    assert sentence in (worse / "proof" / "report.html").read_text(encoding="utf-8")
    card = (worse / "only" / "README.md").read_text(encoding="utf-8")
    assert f"- **{flag.sentence()}**" in card
    assert "| worse than |" in card


def test_what_was_forgotten_on_general_data_is_flagged_too(better: Path) -> None:
    run = told(better, [("before", "letters", "en", 30), ("only", "letters", "en", 8)])
    # So many questions were lost that it shows over all languages too.
    assert [(flag.lang, flag.role) for flag in guard(run)] == [("en", "general"), ("all", "general")]


def test_a_small_loss_is_not_flagged_and_what_may_be_unseen_is_told(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained / "run", tmp_path / "run")
    told(run, [("before", "cases", "sw", 22), ("only", "cases", "sw", 19)])
    assert [flag for flag in guard(run) if flag.lang == "sw" and flag.data == "cases"] == []
    card = (run / "only" / "README.md").read_text(encoding="utf-8")
    assert "may have stayed unseen (80% power)" in card or "is worse than" in card


def test_a_relative_change_from_a_base_near_zero_is_only_a_least_factor(better: Path) -> None:
    rows = [row for row in read_json(better / "proof" / "proof.json")["changes"] if row["data"] == "cases"]
    swahili = next(row for row in rows if row["lang"] == "sw")
    assert swahili["difference"] == 0.95
    assert swahili["times"] is None
    assert not swahili["defined"]
    page = (better / "proof" / "report.html").read_text(encoding="utf-8")
    assert "at least" in page
    assert "a few points on a base near zero are many times" in page


def test_disparity_and_means_of_languages_stand_before_and_after(better: Path) -> None:
    proof = read_json(better / "proof" / "proof.json")
    uneven = {row["label"]: row for row in proof["disparity"] if row["data"] == "cases"}
    # The mean absolute difference of two scores over twice their mean: 0.025 and 0 before, 0.875 and 0.95 after.
    assert uneven["before"]["gini"] == pytest.approx(0.5)
    assert uneven["only"]["gini"] == pytest.approx(0.0375 / (2 * 0.9125), abs=1e-6)
    means = {(row["who"], row["label"]): row for row in proof["averages"] if row["data"] == "cases"}
    assert means["all", "only"]["mean"] == pytest.approx(0.9125)
    assert means["low", "only"]["mean"] == pytest.approx(0.95)
    assert means["all", "only"]["low"] < 0.9125 < means["all", "only"]["high"]
    change = next(row for row in proof["average_changes"] if row["data"] == "cases" and row["who"] == "all")
    assert change["difference"] == pytest.approx(0.9)
    assert change["p_holm"] < 0.05


def test_the_guard_refuses_to_publish_and_leaves_no_folder(worse: Path, tmp_path: Path) -> None:
    with pytest.raises(
        GuardError, match=r"only is not published\. After only the model is worse .* Swahili"
    ) as refused:
        publish(worse, tmp_path / "given")
    assert refused.value.exit_code == 8
    assert not (tmp_path / "given").exists()
    done = publish(worse, tmp_path / "given", guard=False)
    assert len(done.flags) == 1
    assert "in Swahili" in done.flags[0]
    assert "worse than it was before training in Swahili" in (tmp_path / "given" / "README.md").read_text("utf-8")


def test_what_is_published_is_the_model_with_a_card_that_has_the_figures(better: Path, tmp_path: Path) -> None:
    from afya.models import load_model

    done = publish(better, tmp_path / "given")
    assert done.stage == "only"
    card = (tmp_path / "given" / "README.md").read_text(encoding="utf-8")
    for part in (
        "## Data",
        "| afya-sample |",
        "| Swahili | 40 | 40 | 25.0 | 0.0 [",
        "## Limits",
        "Not for clinical use",
        "No language became significantly worse",
    ):
        assert part in card
    assert load_model(f"hf:{tmp_path / 'given'}", device="cpu").identity.name == "given"
    with pytest.raises(RunError, match="is not empty"):
        publish(better, tmp_path / "given")
    with pytest.raises(ConfigError, match="no stage 'stage7'"):
        publish(better, tmp_path / "other", stage="stage7")


def test_a_model_that_changed_since_it_was_measured_is_not_published(better: Path, tmp_path: Path) -> None:
    file = better / "only" / "config.json"
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(RunError, match="not the model that was measured"):
        publish(better, tmp_path / "given")


def test_a_run_without_a_proof_is_published_only_without_the_guard(better: Path, tmp_path: Path) -> None:
    shutil.rmtree(better / "proof")
    with pytest.raises(ConfigError, match="nobody knows what became worse"):
        publish(better, tmp_path / "given")
    publish(better, tmp_path / "given", guard=False)
    assert "published without a proof" in (tmp_path / "given" / "README.md").read_text(encoding="utf-8")


def test_an_export_is_published_with_the_figures_on_its_card(better: Path, tmp_path: Path) -> None:
    from afya.training.exporting import export

    export(better, "safetensors", tmp_path / "exported")
    own = (tmp_path / "exported" / "README.md").read_text(encoding="utf-8")
    assert "| Swahili | 40 | 40 | 25.0 | 0.0 [" in own
    assert "No benchmark run of this model was at hand" not in own
    publish(better, tmp_path / "given", exported=tmp_path / "exported")
    card = (tmp_path / "given" / "README.md").read_text(encoding="utf-8")
    assert "## This export" in card
    assert card.count("## Measured before and after each stage") == 1
    with pytest.raises(EngineError, match="this is no export"):
        publish(better, tmp_path / "again", exported=better / "only")


def test_the_command_line_ends_with_its_own_code(worse: Path, trained: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "afya.cli.main", "train"]
    recipe = str(trained / "one.yaml")
    done = subprocess.run(
        [*command, recipe, "--out", str(worse), "--guard"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 8, done.stderr
    assert "in Swahili on cases" in done.stderr
    assert "what was to be learned" in done.stdout


class Hub(BaseHTTPRequestHandler):
    """As much of a model hub as an upload needs; keeps what it was sent."""

    files: ClassVar[dict[str, bytes]] = {}
    made: ClassVar[list[dict[str, object]]] = []
    tokens: ClassVar[set[str | None]] = set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.tokens.add(self.headers.get("Authorization"))
        address = f"http://{self.headers['Host']}/team/model"
        if self.path == "/api/repos/create":
            self.made.append(json.loads(body))
            self.answer({"url": address, "name": "team/model"})
        elif "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            told = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked]
            self.answer({"files": told})
        elif "/commit/" in self.path:
            for line in body.splitlines():
                row = json.loads(line)
                if row["key"] == "file":
                    self.files[row["value"]["path"]] = base64.b64decode(row["value"]["content"])
            self.answer({"success": True, "commitOid": "a" * 40, "commitUrl": f"{address}/commit/{'a' * 40}"})
        else:
            self.answer({"errors": [], "warnings": []})

    def do_GET(self) -> None:
        self.answer({"id": "team/model", "sha": "b" * 40, "siblings": []})

    def answer(self, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_published_folder_is_uploaded_whole(better: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as hub

    done = publish(better, tmp_path / "given")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(hub, "ENDPOINT", address)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    try:
        told = upload(done.folder, "team/model")
    finally:
        server.shutdown()
        server.server_close()
    assert told.startswith(f"{address}/team/model/commit/")
    # Named otherwise by older versions of the hub's library.
    assert "private" in (Hub.made[0].get("visibility"), "private" if Hub.made[0].get("private") else "")
    assert Hub.tokens == {"Bearer hf_test"}
    held = {file.relative_to(done.folder).as_posix(): file.read_bytes() for file in done.folder.rglob("*")}
    assert Hub.files == held
    with pytest.raises(EngineError, match=r"team/model: the upload failed .* can be uploaded again"):
        upload(done.folder, "team/model")
    with pytest.raises(ConfigError, match="'model' is no repository"):
        upload(done.folder, "model")
