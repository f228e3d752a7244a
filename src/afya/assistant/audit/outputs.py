"""What models and translators gave in a turn, kept beside the log by the hash of what they were asked.

An engine may not be there when a turn is looked at again, or may say something else: a replay takes what it gave then.
One file an answer, named by the hash of its bytes; a turn's first event lists them (`outputs`: asked -> file), so that
the chain covers them too. What is asked holds masked text only, as everything does that leaves the mask stage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from afya.assistant.audit.files import outputs_folder
from afya.assistant.audit.record import clean
from afya.assistant.context import Call
from afya.errors import DataError
from afya.runs import canonical, make_folder, sha256_text, write_text


def asked_key(asked: Mapping[str, object]) -> str:
    """The name under which an answer to this is found: SHA-256 of its canonical JSON."""
    return sha256_text(canonical(clean(asked, "asked")))


def keep(log: Path, calls: Sequence[Call]) -> dict[str, str]:
    """Write what the engines gave beside the log; files that are there already stay. Gives key -> file's hash."""
    listed = {}
    for call in calls:
        text = canonical(clean({"asked": call.asked, "given": call.given}, "output"))
        name = sha256_text(text)
        file = _file(log, name)
        if not file.exists():
            make_folder(file.parent)
            write_text(file, text)
        listed[asked_key(call.asked)] = name
    return listed


def kept(log: Path, listed: Mapping[str, str]) -> dict[str, object]:
    """What the engines gave in a turn, by the hash of what they were asked.

    Raises DataError when a file is missing, or is not what was written.
    """
    given = {}
    for key, name in listed.items():
        file = _file(log, name)
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise DataError(f"{file}: what an engine gave is missing.") from None
        except (UnicodeDecodeError, OSError) as error:
            raise DataError(f"{file}: what an engine gave cannot be read ({error}).") from None
        if sha256_text(text) != name:
            raise DataError(f"{file}: what an engine gave was changed: its hash is not its name any more.")
        given[key] = json.loads(text)["given"]
    return given


def faults_of_outputs(log: Path, head: Mapping[str, object]) -> Iterator[str]:
    """What is wrong with the kept outputs that a turn's first event lists; nothing when all are whole."""
    listed = head.get("outputs")
    for key, name in listed.items() if isinstance(listed, Mapping) else ():
        try:
            kept(log, {key: name})
        except DataError as error:
            yield error.message.rstrip(".")


def _file(log: Path, name: str) -> Path:
    return outputs_folder(log) / name[:2] / f"{name}.json"
