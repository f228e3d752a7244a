"""What is exported, whatever the format: the prompts of one way to ask, by task and language, every item accounted for.

They come from the prompt parts of a run folder, or are written for dataset folders as a run would write them: an
exported prompt is the text that afya asks, never one that was laid out again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from afya import __version__
from afya.bench.asking.cache import cache_folder
from afya.bench.asking.prompt_parts import LONGEST, write_prompts
from afya.bench.asking.prompts import TEMPLATE_VERSION
from afya.bench.asking.shots import ShotPool
from afya.bench.running.plan import PLAIN
from afya.bench.settings import Setting, parse_setting
from afya.bench.tasks.declare import TaskSet, task_set
from afya.bench.tasks.selection import CHOICE_TASKS, Selection, choose
from afya.bench.tasks.selection import STAGE as SELECT
from afya.errors import ConfigError, DataError, RunError
from afya.languages import registry
from afya.runs import Ledger, Rejection, RunFolder, make_folder, read_json, sha256_path, write_frame

if TYPE_CHECKING:
    import polars as pl

STAGE = "export"
_PART_ROWS = 500
_KINDS = ("choice",)

Row = dict[str, Any]
"""One prompt: the columns of a prompt part."""


@dataclass(frozen=True)
class Wanted:
    """What to take. All but `langs` is for datasets and declared tasks: a run holds what it asked.

    `task_refs` name declared tasks, as for `afya bench run --task`; `limit` counts items per language and task.
    """

    langs: tuple[str, ...] | None = None
    splits: tuple[str, ...] = ("test",)
    limit: int | None = None
    seed: int = 0
    task_refs: tuple[str, ...] = ()
    max_tokens: int | None = None


@dataclass(frozen=True)
class Exported:
    """The prompts of one task in one language."""

    task: str
    lang: str
    setting: Setting
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """The task's name in other programs: letters, digits, "_" and "-", the same for every language but its end."""
        return f"{self.group}_{self.lang}"

    @property
    def group(self) -> str:
        """The name of the task with all its languages."""
        return "_".join(("afya", slug(self.task), slug(self.setting.name)))

    @property
    def max_tokens(self) -> int:
        """The longest reply that is wanted, where text is."""
        return max(row["max_tokens"] or LONGEST for row in self.rows)

    def separator(self) -> str:
        """What stands between the answer marker and an option: "" or " ".

        Raises DataError when options are not scored, or differ in it.
        """
        shown = "letters" if self.setting.formulation == "letter" else "choices"
        found: set[str] = {
            option.removesuffix(text)
            for row in self.rows
            for option, text in zip(row["options"] or [""], row[shown], strict=False)
        }
        if len(found) != 1 or any(row["options"] is None for row in self.rows):
            raise DataError(f"{self.name}: its options do not begin alike ({sorted(found)}).")
        return found.pop()


@dataclass
class Collected:
    """All that is exported for one setting: tasks by language, what they come from, and what was left out and why."""

    setting: Setting
    tasks: list[Exported]
    made_from: list[dict[str, str]]
    ledger: Ledger = field(default_factory=Ledger)

    def counts(self) -> list[tuple[str, str, int, int, str]]:
        """(task, language, exported, left out, reasons) rows, by task and language.

        What was left out before its task was told apart stands under "-", unless its language has one task only.
        """
        exported = {(one.task, one.lang): len(one.rows) for one in self.tasks}
        only = {lang: task for task, lang in exported if sum(place[1] == lang for place in exported) == 1}
        left: dict[tuple[str, str], Counter[str]] = {}
        for entry in self.ledger.rejections:
            lang = entry.item_id.rpartition(":")[2]
            left.setdefault((only.get(lang, "-"), lang), Counter())[entry.reason] += 1
        places = [*exported, *(place for place in left if place not in exported)]
        whys = [left.get(place, Counter()) for place in places]
        return [
            (*place, exported.get(place, 0), why.total(), _told(why)) for place, why in zip(places, whys, strict=True)
        ]

    def described(self) -> dict[str, object]:
        """What the files were made from, for the formats' own fields of metadata."""
        return {"afya": __version__, "template": TEMPLATE_VERSION, "setting": self.setting.name, "data": self.made_from}


def collect(sources: Sequence[Path], setting: Setting, wanted: Wanted | None = None) -> Collected:
    """The prompts of dataset folders and declared tasks, or of one run folder, in one setting.

    Raises:
        ConfigError: the sources do not go together, or the run did not ask so. DataError: no such folder, or nothing
        that can be exported.
    """
    wanted = wanted or Wanted()
    if not sources and not wanted.task_refs:
        raise ConfigError("Nothing to export was named.", hint="Give a dataset or run folder, or --task.")
    runs = [path for path in sources if _is_run(path)]
    if runs and (len(sources) > 1 or wanted.task_refs):
        raise ConfigError(f"{runs[0]} is a run folder.", hint="Export one run alone, or datasets and declared tasks.")
    made = _of_run(runs[0], setting, wanted) if runs else _of_datasets(sources, setting, wanted)
    made.ledger.check()
    if not made.tasks:
        reasons = Counter(entry.reason for entry in made.ledger.rejections)
        raise DataError(f"Nothing can be exported as '{setting.name}' ({_told(reasons) or 'no items'}).")
    return made


def start_folder(out: Path) -> None:
    """Make the folder to write to. Raises RunError where one is that holds something."""
    if out.is_dir() and any(out.iterdir()):
        raise RunError(f"{out} is not empty.", hint="Give a new folder.")
    make_folder(out)


def write_ledger(collected: Sequence[Collected], out: Path) -> None:
    """Write the account of all items, every one that was left out by name, as ledger.parquet."""
    whole = Ledger()
    for made in collected:
        ledger = made.ledger
        for stage in ledger.rows_in:
            left = [entry for entry in ledger.rejections if entry.stage == stage]
            whole.add(stage, ledger.rows_in[stage], ledger.rows_out[stage], left, made=ledger.rows_made[stage])
    write_frame(out / "ledger.parquet", whole.frame())


IMPORTED = {"id": "group_id", "group": "group_id", "task": "task", "options": "choices"} | {
    name: name for name in ("letters", "answer", "several", "lang")
}
"""Where an import of the samples finds what afya knows of an item: field -> key of the exported item."""


def import_command(setting: Setting, files: str, place: str, more: str = "") -> list[str]:
    """The lines of the command that takes samples back, which hold the exported item under `place`."""
    columns = [f"--column {field}={place}.{name}" for field, name in IMPORTED.items()]
    half = len(columns) // 2
    return [
        f"    afya bench import-replies {files} \\",
        f"        --setting {setting.name} {more + ' ' if more else ''}--out runs/{slug(setting.name)} \\",
        f"        {' '.join(columns[:half])} \\",
        f"        {' '.join(columns[half:])}",
    ]


def template(name: str) -> str:
    """The text of a file that is exported with little change."""
    from importlib.resources import files

    return (files("afya.bench.exports") / "templates" / name).read_text(encoding="utf-8")


def _is_run(path: Path) -> bool:
    manifest = path / "manifest.json"
    return manifest.exists() and "command" in read_json(manifest)


def _of_datasets(sources: Sequence[Path], setting: Setting, wanted: Wanted) -> Collected:
    import polars as pl

    if setting.translated:
        raise ConfigError(
            f"'{setting.name}' asks for prompts that a translator makes.",
            hint="Ask them with 'afya bench run' first, and export the run folder.",
        )
    ledger = Ledger()
    tables = []
    shots = ShotPool.from_datasets(sources, seed=wanted.seed) if setting.shots and sources else None
    with TemporaryDirectory() as place, RunFolder.open(Path(place) / "run", "bench export", {}) as folder:
        for name, task, selection in _sets(sources, wanted):
            chosen = choose(selection)
            ledger.add(SELECT, chosen.rows_seen, chosen.rows, chosen.rejections)
            pool = shots
            if setting.shots and task is not None:
                pool = ShotPool.from_datasets(selection.datasets, seed=wanted.seed)
            files = write_prompts(
                folder,
                chosen,
                setting,
                _PART_ROWS,
                ledger,
                name=name,
                task=task,
                shots=pool,
                max_tokens=wanted.max_tokens,
            )
            tables += [pl.read_parquet(file) for file in files]
        datasets = [path for _, _, selection in _sets(sources, wanted) for path in selection.datasets]
    made_from = [{"name": path.name, "sha256": sha256_path(path / "manifest.json")} for path in datasets]
    return _collected(pl.concat(tables), setting, made_from, ledger)


def _sets(sources: Sequence[Path], wanted: Wanted) -> Iterator[tuple[str, TaskSet | None, Selection]]:
    """The sets of items to ask about, as a run would name them: each declared task, and the plain datasets together."""
    limit, seed = wanted.limit, wanted.seed
    for ref in wanted.task_refs:
        task = task_set(ref, cache_folder() / "tasks")
        langs = wanted.langs or task.langs
        yield task.name, task, Selection((task.dataset,), langs, (), task.splits, limit, seed, kind=task.kind)
    if sources or not wanted.task_refs:
        yield PLAIN, None, Selection(tuple(sources), wanted.langs, CHOICE_TASKS, wanted.splits, limit, seed)


def _of_run(path: Path, setting: Setting, wanted: Wanted) -> Collected:
    import polars as pl

    manifest = read_json(path / "manifest.json")
    if manifest["command"] != "bench run":
        raise ConfigError(
            f"{path} was made by 'afya {manifest['command']}'.", hint="Give a folder of 'afya bench run'."
        )
    files = sorted(path.glob("parts/prompts-*/*.parquet"))
    if not files:
        raise RunError(f"{path} holds no prompts (parts/prompts-*).", hint="Finish the run, or export its datasets.")
    parts = pl.scan_parquet(files)
    frame = parts.filter((pl.col("setting") == setting.name) & (pl.col("rotation") == 0)).collect()
    if not frame.height:
        asked = ", ".join(sorted(parts.select("setting").unique().collect()["setting"]))
        raise ConfigError(f"{path} did not ask as '{setting.name}'.", hint=f"It asked: {asked}.")
    for lang in wanted.langs or ():
        if lang not in frame["lang"].unique():
            raise DataError(
                f"{path} asked nothing in '{lang}'.", hint=f"It asked: {', '.join(frame['lang'].unique())}."
            )
    if wanted.langs:
        frame = frame.filter(pl.col("lang").is_in(wanted.langs))
    ledger = _account_of(path / "ledger.parquet", frame, setting)
    return _collected(frame, setting, _datasets_of(manifest["recipe"], setting), ledger)


def _account_of(path: Path, frame: pl.DataFrame, setting: Setting) -> Ledger:
    """What a run left out of the items that it asked in this setting, in the languages of `frame`."""
    import polars as pl

    ledger = Ledger()
    if not path.exists():
        return ledger
    langs = set(frame["lang"])
    told = [
        entry
        for entry in Ledger.from_frame(pl.read_parquet(path)).rejections
        if entry.item_id.rpartition(":")[2] in langs
    ]
    before = [entry for entry in told if entry.stage == SELECT]
    asking = re.compile(rf"prompts:.+~{re.escape(setting.name)}")
    after = [
        Rejection(f"prompts~{setting.name}", entry.item_id, entry.reason, entry.detail)
        for entry in told
        if asking.fullmatch(entry.stage)
    ]
    ledger.add(SELECT, frame.height + len(after) + len(before), frame.height + len(after), before)
    ledger.add(f"prompts~{setting.name}", frame.height + len(after), frame.height, after)
    return ledger


def _datasets_of(recipe: Mapping[str, Any], setting: Setting) -> list[dict[str, str]]:
    """The datasets that a run asked about in this setting: name and hash."""
    return [
        dict(dataset)
        for group in recipe["sets"]
        if setting.name in group["settings"] or setting.formulation == "generate"
        for dataset in group["datasets"]
    ]


def _collected(frame: pl.DataFrame, setting: Setting, made_from: list[dict[str, str]], ledger: Ledger) -> Collected:
    import polars as pl

    others = frame.filter(~pl.col("kind").is_in(_KINDS))
    detail = "only tasks with options are exported"
    left = [
        Rejection(STAGE, name, f"kind_{kind}", detail) for name, kind in others.select("item_id", "kind").iter_rows()
    ]
    kept = frame.filter(pl.col("kind").is_in(_KINDS))
    ledger.add(STAGE, frame.height, kept.height, left)
    order = {code: place for place, code in enumerate(registry())}
    groups = kept.partition_by(["task", "lang"], as_dict=True, maintain_order=True)
    tasks = [
        Exported(str(task), str(lang), setting, tuple(rows.iter_rows(named=True)))
        for (task, lang), rows in groups.items()
    ]
    tasks.sort(key=lambda asked: (asked.task, order.get(asked.lang, len(order))))
    names = Counter(asked.name for asked in tasks)
    doubled = [name for name, count in names.items() if count > 1]
    if doubled:
        raise DataError(f"Two tasks would be called {doubled[0]}.", hint="Export their datasets one by one.")
    return Collected(setting, tasks, made_from, ledger)


def settings_of(names: Sequence[str]) -> list[Setting]:
    """The settings of the names on a command line, each once."""
    return [parse_setting(name) for name in dict.fromkeys(names)]


def slug(text: str) -> str:
    """The text in letters and digits, "-" between them: "letter+2-shot" is letter-2-shot."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()


def _told(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
