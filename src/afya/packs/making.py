"""A new pack: the folder of another one with every text emptied and, above each, what it says there as a comment.

Keys, notes for translators and the order of the lines stay, so that a translator fills a file from top to bottom. An
empty text counts as missing, so the linter tells what is left to do from the first day.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import ConfigError
from afya.languages import language
from afya.packs.pack import TEACHING, Pack, load_pack
from afya.packs.places import ENVIRONMENT, builtin_folder

if TYPE_CHECKING:
    import yaml

WIDTH = 116
# Files whose every value is a text or a list of them, to be written in the new language.
TEXTS = ("messages.yaml", "danger.yaml", "topics.yaml", "vignettes.yaml", TEACHING, "harm.yaml")
# Files in which only these keys are the language's own; facts and sources stay.
_ROWS = {"glossary.yaml": (), "units.yaml": ("words",), "referral.yaml": ("name", "words")}


@dataclass(frozen=True, slots=True)
class Made:
    """What was written: the folder and its files, in the order in which they are best filled."""

    folder: Path
    files: tuple[str, ...]


def new_pack(code: str, root: Path, *, source: str = "en") -> Made:
    """Begin the pack `code` under `root` from the pack `source`.

    A code with a region ("sw-KE") whose language has a pack gets a small folder that is laid over it.

    Raises:
        ConfigError: the language is unknown, the folder is there already, or the source pack is faulty.
    """
    language(code.partition("-")[0])
    folder = root / code
    if folder.exists():
        raise ConfigError(f"{folder} is there already.", hint=f"'afya pack lint {code}' says what it lacks.")
    base = load_pack(source)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{folder}: no folder can be made there ({error.strerror}).") from None
    if "-" in code:
        return _regional(code, folder)
    written = contents(code, base, source)
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Made(folder, tuple(written))


def contents(code: str, base: Pack, source: str) -> dict[str, str]:
    """The files of a new pack, by name, with their texts; in the order in which they are best filled."""
    known = language(code)
    written = {"pack.yaml": _header(code, known.name, known.endonym)}
    for name in TEXTS:
        if (base.folder / name).is_file():
            written[name] = emptied((base.folder / name).read_text(encoding="utf-8"), source)
    if (base.folder / "privacy.yaml").is_file():
        text = (base.folder / "privacy.yaml").read_text(encoding="utf-8")
        written["privacy.yaml"] = emptied(text, source, keep=("reviewed",))
    for path in sorted((base.folder / "protocols").glob("*.yaml")):
        written[f"protocols/{path.name}"] = emptied(path.read_text(encoding="utf-8"), source)
    for name, keys in _ROWS.items():
        if (base.folder / name).is_file():
            written[name] = _rows(base, name, keys, source)
    for name in ("spellings.yaml", "culture.yaml"):
        if (base.folder / name).is_file():
            written[name] = _own(base.folder / name)
    if base.has("tests.jsonl"):
        written["tests.jsonl"] = _tests(base)
    from afya.text.literals import folder as literals

    if not (literals() / f"{known.code}.yaml").is_file():
        # The words that belong to the language itself travel with the pack, so that no file of afya must change.
        written["text/lang.yaml"] = _language_file(literals() / "en.yaml", known.code)
    return written


def _header(code: str, name: str, endonym: str) -> str:
    return f"""# What this pack is.
#
# origin      human: written by people; machine: written by a machine and not yet corrected by people
# reviewed    true only when a health professional who speaks the language has read every text in this folder
# reviewers   names and dates of those who did, newest last
# tone_marks  true when a text without any tone mark would be read wrongly (then a text without marks is a fault)
code: {code}
name: {json.dumps(name, ensure_ascii=False)}
endonym: {json.dumps(endonym, ensure_ascii=False)}
region: null
decimal_mark: "."
tone_marks: false
origin: human
reviewed: false
reviewers: []
"""


def _regional(code: str, folder: Path) -> Made:
    base, _, region = code.partition("-")
    own = load_pack(base)
    header = f"""# What {region} has otherwise than the {own.name} pack, over which this folder is laid key by key.
#
# Any file of the {base} pack may stand here with only those keys that differ. referral.yaml holds what belongs to a
# country: its levels of care and its emergency numbers, each with a source.
code: {code}
name: {json.dumps(f"{own.name} ({region})", ensure_ascii=False)}
endonym: {json.dumps(f"{own.endonym} ({region})", ensure_ascii=False)}
region: {region}
base: {base}
origin: human
reviewed: false
reviewers: []
"""
    (folder / "pack.yaml").write_text(header, encoding="utf-8")
    (folder / "referral.yaml").write_text("levels: []\nemergency: []\n", encoding="utf-8")
    return Made(folder, ("pack.yaml", "referral.yaml"))


def emptied(text: str, source: str, keep: tuple[str, ...] = ()) -> str:
    """A YAML file of texts with every text emptied (but for the keys of `keep`), the old text as a comment above it.

    `cough: Cough` becomes `# en: Cough` and `cough: ""`; a list becomes `[]`. Comments and the order of keys stay.
    """
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return text
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    pieces: list[str] = []
    done = 0
    for key, value in _leaves(root):
        if key.value in keep:
            continue
        pieces.append(text[done : starts[key.start_mark.line]])
        pieces.append(entry(text, key, value, source))
        done = line_after(text, value)
    pieces.append(text[done:])
    return "".join(pieces)


def entry(text: str, key: yaml.ScalarNode, value: yaml.Node, source: str) -> str:
    """The lines of an empty entry: what it says in `text` as a comment, and the key with nothing behind it."""
    import yaml

    indent = " " * key.start_mark.column
    empty = '""' if isinstance(value, yaml.ScalarNode) else "[]"
    name = text[key.start_mark.index : key.end_mark.index]
    return f"{_comment(_said(value), indent, source)}{indent}{name}: {empty}\n"


def _leaves(node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Every key that holds a text or a list, with it, in the order of the file."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(value, yaml.MappingNode) and value.value:
                yield from _leaves(value)
            else:
                yield key, value


def _said(node: yaml.Node) -> list[str]:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return [str(entry.value) for entry in node.value]
    return [str(node.value)] if isinstance(node, yaml.ScalarNode) else []


def line_after(text: str, node: yaml.Node) -> int:
    """Where the line after the node's last line begins."""
    import yaml

    last = node
    while isinstance(last, yaml.SequenceNode) and last.value and not last.flow_style:
        last = last.value[-1]
    # A block's end mark lies where the next thing begins.
    end = len(text[: last.end_mark.index].rstrip()) if last is not node else last.end_mark.index
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline + 1


def _comment(said: list[str], indent: str, source: str) -> str:
    joined = " | ".join(said)
    lines = textwrap.wrap(
        f"{source}: {joined}", WIDTH - len(indent) - 2, subsequent_indent="    ", break_on_hyphens=False
    )
    return "".join(f"{indent}# {line}\n" for line in lines)


def _notes(path: Path) -> str:
    """The comments with which a file begins."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            break
        lines.append(line)
    return "\n".join(lines).rstrip() + "\n"


def _dump(content: object) -> str:
    import yaml

    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=WIDTH)


def _rows(base: Pack, name: str, keys: tuple[str, ...], source: str) -> str:
    """A file of rows with the language's own keys emptied, the rest as it is."""
    notes = _notes(base.folder / name)
    if name == "glossary.yaml":
        lines = [notes + "terms:"]
        for term in base.glossary:
            lines.append(f"  - en: [{', '.join(json.dumps(form, ensure_ascii=False) for form in term.en)}]")
            if term.note:
                lines += [f"    # {source}: {term.note}"]
            lines.append("    here: []")
        return "\n".join(lines) + "\n"
    from afya.packs.reading import mapping

    return notes + _dump(_without(mapping(base.folder / name), keys, source))


def _without(value: object, keys: tuple[str, ...], source: str) -> object:
    if isinstance(value, dict):
        return {
            key: ([] if isinstance(entry, list) else "") if key in keys else _without(entry, keys, source)
            for key, entry in value.items()
        }
    return [_without(entry, keys, source) for entry in value] if isinstance(value, list) else value


def _own(path: Path) -> str:
    """A file whose rows are nobody else's: its notes, and its top keys with nothing in them."""
    from afya.packs.reading import mapping

    content = mapping(path)
    empty: dict[str, object] = {key: {} if isinstance(value, dict) else [] for key, value in content.items()}
    return _notes(path) + _dump(empty)


def _tests(base: Pack) -> str:
    """Each test with its expectations and an empty text; the note says what the message is to say."""
    lines = []
    for test in base.tests:
        row = {
            "id": test.id,
            "text": "",
            "note": test.note or test.text,
            **({"route": test.route} if test.route else {}),
            **({"protocol": test.protocol} if test.protocol else {}),
            **({"danger": list(test.danger)} if test.danger else {}),
            # Words of the answer are the language's own; keys of texts are the same in all.
            **({"must": keys} if (keys := [word for word in test.must if "." in word]) else {}),
            **({"must_not": keys} if (keys := [word for word in test.must_not if "." in word]) else {}),
            **({"findings": dict(test.findings)} if test.findings else {}),
        }
        lines.append(json.dumps(row, ensure_ascii=False))
    return "\n".join(lines) + "\n"


def _language_file(path: Path, code: str) -> str:
    """The words of the language itself (numbers, denial, answers), in the form of afya's own file for English.

    Nothing English may stand in it: a list that is not filled makes the file invalid, and the linter says so.
    """
    text = emptied(path.read_text(encoding="utf-8"), "en", keep=("language", "reviewed"))
    return text.replace("language: en", f"language: {code}", 1)


def own_root(folder: Path | None) -> Path:
    """Where a new pack is put: the folder that was named, else $AFYA_PACKS, else afya's own packs."""
    import os

    if folder is not None:
        return folder
    told = os.environ.get(ENVIRONMENT)
    return Path(told).expanduser() if told else builtin_folder()
