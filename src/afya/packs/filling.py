"""What a pack lacks, written into its files: each missing key empty, at the end of its group, the English above it.

A file that is absent is made as for a new pack. Nothing that is there is changed, so a translator can run this whenever
the English pack has grown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import ConfigError
from afya.packs.making import TEXTS, contents, entry, line_after
from afya.packs.pack import load_pack

if TYPE_CHECKING:
    import yaml


@dataclass(frozen=True, slots=True)
class Filled:
    """One file: how many empty entries were put into it, and whether it is new."""

    file: str
    entries: int
    new: bool


def fill_pack(code: str, root: Path | None = None, *, source: str = "en") -> tuple[Filled, ...]:
    """Put what the pack lacks beside the pack `source` into its files, empty. Returns the files that were changed.

    Raises:
        ConfigError: there is no such pack, or a file of it cannot be read.
    """
    folder = load_pack(code, root).folder
    if load_pack(code, root).base is not None:
        raise ConfigError(f"{folder}: a regional pack holds only what differs.", hint="Fill the pack of its language.")
    base = load_pack(source)
    done: list[Filled] = []
    for name, text in contents(code, base, source).items():
        path = folder / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            done.append(Filled(name, text.count("\n"), True))
        elif name in TEXTS or name.startswith("protocols/"):
            old = path.read_text(encoding="utf-8")
            grown, count = with_missing(old, (base.folder / name).read_text(encoding="utf-8"), source, str(path))
            if count:
                path.write_text(grown, encoding="utf-8")
                done.append(Filled(name, count, False))
    return tuple(done)


def with_missing(own: str, english: str, source: str, where: str) -> tuple[str, int]:
    """`own` with the keys of `english` that it lacks, and how many these are. Both are YAML texts of groups of keys.

    Raises ConfigError when `own` is no such text.
    """
    mine, theirs = _groups(own, where), _groups(english, source)
    inserted: list[tuple[int, str]] = []
    appended: list[str] = []
    count = 0
    for group, keys in theirs.items():
        lacking = [key for key in keys.entries if key not in mine[group].entries] if group in mine else [*keys.entries]
        if not lacking:
            continue
        count += len(lacking)
        lines = "".join(entry(english, *keys.entries[key], source) for key in lacking)
        if group in mine and mine[group].entries:
            inserted.append((mine[group].end, lines))
        elif group in mine:
            raise ConfigError(f"{where}: the group '{group}' is empty.", hint="Take the line out and run this again.")
        else:
            appended.append(f"\n{_heading(english, keys.start)}{group}:\n{lines}")
    for place, lines in sorted(inserted, reverse=True):
        before = own[:place] if own[:place].endswith("\n") else f"{own[:place]}\n"
        own = before + lines + own[place:]
    if appended and not own.endswith("\n"):
        own += "\n"
    return own + "".join(appended), count


@dataclass(frozen=True, slots=True)
class _Group:
    """A top key: where it begins, where the line after its last entry begins, and its entries' nodes."""

    start: int
    end: int
    entries: dict[str, tuple[yaml.ScalarNode, yaml.Node]]


def _groups(text: str, where: str) -> dict[str, _Group]:
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML ({error}).") from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{where}: expected groups of keys.")
    found: dict[str, _Group] = {}
    for key, value in root.value:
        entries = dict(_entries(value)) if isinstance(value, yaml.MappingNode) else {}
        last = value.value[-1][1] if entries and not value.flow_style else value
        found[str(key.value)] = _Group(key.start_mark.index, line_after(text, last), entries)
    return found


def _entries(node: yaml.MappingNode) -> list[tuple[str, tuple[yaml.ScalarNode, yaml.Node]]]:
    return [(str(key.value), (key, value)) for key, value in node.value]


def _heading(text: str, start: int) -> str:
    """The comment lines right above a group."""
    lines: list[str] = []
    for line in reversed(text[:start].splitlines(keepends=True)):
        if not line.startswith("#"):
            break
        lines.insert(0, line)
    return "".join(lines)


def tidied(text: str, source: str) -> str:
    """`text` without the comments that say what a filled entry is in the pack `source`; empty entries keep theirs."""
    kept: list[str] = []
    held: list[str] = []
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if bare.startswith(f"# {source}: ") or (held and bare.startswith("#     ")):
            held.append(line)
            continue
        if held and bare.endswith((': ""', ": []", ": ''")):
            kept += held
        held = []
        kept.append(line)
    return "".join([*kept, *held])


def tidy_pack(code: str, root: Path | None = None, *, source: str = "en") -> tuple[str, ...]:
    """Take the comments of filled entries out of a pack's files; the files that became shorter."""
    folder = load_pack(code, root).folder
    changed: list[str] = []
    for path in sorted(folder.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        shorter = tidied(text, source)
        if shorter != text:
            path.write_text(shorter, encoding="utf-8")
            changed.append(str(path.relative_to(folder)))
    return tuple(changed)
