"""Run folders: the manifest, the ledger, atomic files and events of every long command.

A run folder holds `manifest.json` (resolved recipe, fingerprint, hashes of inputs, versions, hardware, seed; secrets
scrubbed), `parts/` (finished work, one file a part), `ledger.parquet` and `events.jsonl`. Starting the same command
again continues it; another recipe in the same folder is refused with the differing keys named. Nothing in a run folder
but `events.jsonl` holds the time of day, so a run that was killed and continued gives the same bytes as one that was
not.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya import __version__
from afya.errors import DataError, RunError

if TYPE_CHECKING:
    import polars as pl

_SECRET_KEY = re.compile(
    r"(?:^|[_-])(?:(?:api[_-]?)?key|token|secret|password|passwd|authorization|credentials?)$", re.IGNORECASE
)
_URL_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_URL_SECRET = re.compile(r"([?&](?:(?:\w+[_-])?(?:key|token|secret|password)|sig)=)[^&#\s]+", re.IGNORECASE)
_PACKAGES = ("polars", "numpy", "torch", "transformers", "tokenizers", "peft", "accelerate")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path to write to; renamed to `path` when the block ends well, removed when it does not.

    The data is flushed to the disk before the rename: after a crash `path` is either absent, old, or whole.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror or error}).",
            hint="Free space or choose another folder, then run the same command again.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there yet. Raises RunError when that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{path}: no folder can be made there ({error.strerror or error}).", hint="Choose another folder."
        ) from error


def sweep(folder: Path) -> None:
    """Remove temporary files and folders that a killed process left in `folder`, while nobody else writes there."""
    for leftover in folder.glob(".*.tmp"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys and a final newline, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n")


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a table as Parquet (zstd), whole or not at all."""
    with atomic_path(path) as temporary, _disk_errors():
        frame.write_parquet(temporary, compression="zstd")


def sink_frame(path: Path, frame: pl.LazyFrame) -> None:
    """Write a lazy table without holding it, its rows in their order and in row groups of a fixed size."""
    with atomic_path(path) as temporary, _disk_errors():
        frame.sink_parquet(temporary, compression="zstd", row_group_size=50_000, maintain_order=True)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Polars wraps what the system says of a full disk in an error of its own; here it is an OSError again."""
    import polars as pl

    try:
        yield
    except pl.exceptions.PolarsError as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from error


def read_json(path: Path) -> Any:
    """The JSON in a file. Raises DataError naming the file and line of a fault."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not JSON ({error.msg}).") from None


def canonical(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces, UTF-8; equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sha256_text(text: str) -> str:
    """Hexadecimal SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def folder_name(name: str, digest: str) -> str:
    """A folder's name for what a user calls `name`, followed by the beginning of a hash.

    Letters that a file system may not take become "-". Names that differ in such letters alone stay apart.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80]
    told = "" if safe == name else f"-{sha256_text(name)[:6]}"
    return f"{safe}{told}-{digest[:8]}"


def sha256_path(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes, or of a folder's relative file names and bytes."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(child for child in path.rglob("*") if child.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_path(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def scrub(value: Any) -> Any:
    """A copy with every secret replaced: values of keys such as api_key, in URLs too, and the userinfo of URLs."""
    if isinstance(value, Mapping):
        return {
            str(key): "***" if _SECRET_KEY.search(str(key)) and item is not None else scrub(item)
            for key, item in value.items()
        }
    if isinstance(value, str):
        return _URL_SECRET.sub(r"\1***", _URL_USERINFO.sub("***@", value)) if "://" in value else value
    if isinstance(value, (list, tuple)):
        return [scrub(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def versions() -> dict[str, str]:
    """Versions of afya, Python and the libraries that shape results, where installed."""
    found = {"afya": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def memory_gib() -> float | None:
    """The machine's memory in GiB, or None where the system does not say."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else None


def hardware() -> dict[str, object]:
    """Processor, cores, memory in GiB and, when torch is already loaded, its GPUs."""
    gib = memory_gib()
    described: dict[str, object] = {
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "memory_gib": None if gib is None else round(gib, 1),
    }
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        described["gpus"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return described


def differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    """Dotted keys whose values differ, each as 'key: old -> new'; entries of a list of mappings by their number."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        pairs = [(str(key), old.get(key), new.get(key)) for key in sorted({*old, *new}, key=str)]
    elif isinstance(old, list) and isinstance(new, list) and any(isinstance(item, Mapping) for item in [*old, *new]):
        pairs = [(str(number), *pair) for number, pair in enumerate(zip_longest(old, new))]
    else:
        return [] if old == new else [f"{prefix}: {canonical(old)} -> {canonical(new)}"]
    dot = f"{prefix}." if prefix else ""
    return [line for key, left, right in pairs for line in differences(left, right, dot + key)]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that a stage did not pass on: which stage, which row, a stable reason and what exactly was found."""

    stage: str
    item_id: str
    reason: str
    detail: str | None = None


@dataclass
class Ledger:
    """An account of every row: per stage, rows in + made == rows out + rejected.

    `made` counts rows that a stage was to add, such as the translations that were asked for.
    """

    rows_in: Counter[str] = field(default_factory=Counter)
    rows_out: Counter[str] = field(default_factory=Counter)
    rows_made: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)

    def add(
        self, stage: str, rows_in: int, rows_out: int, rejections: Iterable[Rejection] = (), *, made: int = 0
    ) -> None:
        """Account for some rows of one stage. May be called many times for the same stage."""
        self.rows_in[stage] += rows_in
        self.rows_out[stage] += rows_out
        if made:
            self.rows_made[stage] += made
        self.rejections.extend(rejections)

    def reasons(self, stage: str) -> Counter[str]:
        """How many rows the stage rejected, by reason."""
        return Counter(entry.reason for entry in self.rejections if entry.stage == stage)

    def check(self) -> None:
        """Raise RunError when any stage's account does not add up."""
        rejected = Counter(entry.stage for entry in self.rejections)
        for stage in {*self.rows_in, *self.rows_out, *rejected}:
            if self.rows_in[stage] + self.rows_made[stage] != self.rows_out[stage] + rejected[stage]:
                made = f"{self.rows_made[stage]} made, " if self.rows_made[stage] else ""
                raise RunError(
                    f"The ledger of stage '{stage}' does not add up: {self.rows_in[stage]} rows in, {made}"
                    f"{self.rows_out[stage]} out, {rejected[stage]} rejected.",
                    hint="Rows were lost or doubled; do not use this output and report it as a fault of afya.",
                )

    def frame(self) -> pl.DataFrame:
        """The ledger as a table: stage, entry (in, made, out, rejected), rows, item_id, reason, detail."""
        import polars as pl

        rows: list[tuple[str, str, int, str | None, str | None, str | None]] = []
        for stage in dict.fromkeys([*self.rows_in, *self.rows_out]):
            rows.append((stage, "in", self.rows_in[stage], None, None, None))
            if self.rows_made[stage]:
                rows.append((stage, "made", self.rows_made[stage], None, None, None))
            rows.append((stage, "out", self.rows_out[stage], None, None, None))
        rows += [(entry.stage, "rejected", 1, entry.item_id, entry.reason, entry.detail) for entry in self.rejections]
        names = {
            "stage": pl.String,
            "entry": pl.String,
            "rows": pl.Int64,
            "item_id": pl.String,
            "reason": pl.String,
            "detail": pl.String,
        }
        return pl.DataFrame(rows, schema=names, orient="row")

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> Ledger:
        """The ledger that `frame()` wrote."""
        ledger = cls()
        for stage, entry, rows, item_id, reason, detail in frame.iter_rows():
            if entry == "in":
                ledger.rows_in[stage] += rows
            elif entry == "made":
                ledger.rows_made[stage] += rows
            elif entry == "out":
                ledger.rows_out[stage] += rows
            else:
                ledger.rejections.append(Rejection(stage, item_id, reason, detail))
        return ledger


class RunFolder:
    """An opened run folder. Use as a context manager: one process at a time may hold it."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self.parts = path / "parts"
        make_folder(self.parts)
        self._lock = _lock(path)
        sweep(path)

    @classmethod
    def open(
        cls, path: Path, command: str, recipe: Mapping[str, Any], *, inputs: Sequence[Path] = (), seed: int = 0
    ) -> RunFolder:
        """Start a run in `path`, or continue the same one.

        The fingerprint covers the command, the resolved recipe, the inputs' contents and the seed; secrets are scrubbed
        before anything is compared or written.

        Raises:
            RunError: the folder holds another run (differing keys are named), something that is no run, or is in use.
        """
        # By their names alone, so that inputs may be moved; two of one name are told apart by where they lie.
        shared = Counter(entry.name for entry in inputs)
        names = {entry: entry.name if shared[entry.name] == 1 else str(entry) for entry in inputs}
        described = {
            "command": command,
            "recipe": scrub(dict(recipe)),
            "inputs": {names[entry]: sha256_path(entry) for entry in inputs},
            "seed": seed,
        }
        manifest = {
            **described,
            "fingerprint": sha256_text(canonical(described)),
            "versions": versions(),
            "hardware": hardware(),
        }
        path = Path(path)
        file = path / "manifest.json"
        if file.exists():
            old = read_json(file)
            if old.get("command") != command:
                what = f"a run of afya {old['command']}" if old.get("command") else "something else, such as a dataset"
                raise RunError(
                    f"{path} holds {what}, not a run of afya {command}.", hint="Choose a new or empty folder."
                )
            if old.get("fingerprint") != manifest["fingerprint"]:
                keys = differences({key: old.get(key) for key in described}, described)
                raise RunError(
                    f"{path} holds another run. What differs: {'; '.join(keys[:8])}.",
                    hint="Continue with the settings of that run, choose another folder, or remove this one.",
                )
            return cls(path, old)
        make_folder(path)
        if any(child.name != ".lock" for child in path.iterdir()):
            raise RunError(f"{path} is not empty and holds no run.", hint="Choose a new or empty folder.")
        folder = cls(path, manifest)
        write_json(file, manifest)
        return folder

    def event(self, name: str, **values: object) -> None:
        """Append one line to events.jsonl: the time (seconds since the epoch), the event's name, its values."""
        line = json.dumps({"time": round(time.time(), 3), "event": name, **values}, ensure_ascii=False)
        with (self.path / "events.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(line + "\n")

    def note(self, key: str, value: object) -> None:
        """Write something into the manifest that is known only once the run is under way; secrets are scrubbed."""
        told = scrub(value)
        if self.manifest.get(key) != told:
            self.manifest[key] = told
            write_json(self.path / "manifest.json", self.manifest)

    def withdraw(self, *made: str) -> None:
        """Give up a run that has done nothing yet: removes its manifest, events, parts and what is named in `made`.

        Another run may then be started in the folder.
        """
        for name in ("manifest.json", "events.jsonl", *made):
            if (self.path / name).is_dir():
                shutil.rmtree(self.path / name)
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.parts)

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._lock)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock(path: Path) -> int:
    import fcntl

    handle = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise RunError(
            f"{path} is in use by another running command.", hint="Wait for it, or choose another folder."
        ) from None
    return handle


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a run folder; a torn last line (the process was killed in mid-write) is left out."""
    file = path / "events.jsonl"
    if not file.exists():
        return []
    events = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return events
