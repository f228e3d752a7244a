"""The engine apertium: rule-based pairs of the separate program Apertium, offline, and chains of them through a pivot.

A batch is one call of the program for each step of the chain. Texts go in Apertium's own stream format, a null between
two, so that each comes back as one; signs that are no words travel as its "superblanks". Format: Apertium wiki,
"Apertium stream format". The language data is GPL; what it writes is not bound by that, so that no licence is marked.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import validate
from afya.errors import EngineError, MissingDependencyError
from afya.languages import registry
from afya.runs import canonical, sha256_path, sha256_text
from afya.translation.base import EngineIdentity, Hint, Translation, Translator
from afya.translation.codes import from_engine, unsupported

_CALL_CHARACTERS = 100_000
# Apertium handles about 40,000 characters a second; a tenth of that is still no hang.
_CHARACTERS_A_SECOND = 2_000

_PLAIN_MODE = regex.compile(r"\s*([a-z]{2,3})-([a-z]{2,3})\s*")
_RESERVED = regex.compile(r"[\\$@/{}\[\]<>]")
# Line ends, tabs, other controls; the tilde, which its last step takes for a mark of its own; and the caret, from which
# at a text's end it reads on into the next text, escaped or in brackets as it may be.
_ODD = regex.compile(r"(?:[\p{Cc}\u2028\u2029~^])+")
_WRITTEN = str.maketrans({"\0": " ", "~": "~t", "^": "~c"})
_MARK = regex.compile(r"~([tc])")
_STREAM = regex.compile(r"\\(?P<sign>.)|\[(?P<blank>(?:[^\[\]\\]|\\.)*)\]", regex.DOTALL)
_ESCAPED = regex.compile(r"\\(.)", regex.DOTALL)


class ApertiumOptions(BaseModel):
    """Settings. `pivots` is how many languages may stand between source and target; `timeout_s` bounds one call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    program: str = "apertium"
    pivots: int = Field(default=2, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0)


OPTIONS = frozenset(ApertiumOptions.model_fields)


def load(name: str, options: Mapping[str, object]) -> Translator:
    """The installed Apertium with all its pairs; `name` is empty, or a pair of modes' languages such as "es-pt".

    Raises:
        MissingDependencyError: the program or its language data is not installed.
        ConfigError: an option is not known.
    """
    return ApertiumTranslator(
        name, validate(dict(options), ApertiumOptions, f"apertium:{name}" if name else "apertium")
    )


class ApertiumTranslator:
    """Apertium's pairs behind the `Translator` protocol."""

    uses_hints = False

    def __init__(self, name: str = "", options: ApertiumOptions | None = None) -> None:
        self.options = options or ApertiumOptions()
        found = shutil.which(self.options.program)
        if found is None:
            raise MissingDependencyError(
                f"The engine apertium needs the program '{self.options.program}', which is not installed.",
                hint="Install it and the pairs you need, on Debian: apt-get install apertium apertium-en-es "
                "apertium-es-pt apertium-fr-es",
            )
        self._program = found
        self._modes = self._installed(name)
        self._chains = _chains(self._modes, self.options.pivots)
        self.identity = self._identify(name)

    def pairs(self) -> frozenset[tuple[str, str]]:
        """The pairs of registry languages, chains included."""
        return frozenset(self._chains)

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        """One answer a text; a chain says in its note which languages it went through.

        Raises:
            ConfigError: no chain of installed pairs leads from source to target.
            EngineError: the program failed, hung, or gave another number of texts than it got.
        """
        chain = self._chains.get((source, target))
        if chain is None:
            raise unsupported(self.identity.name, source, target, self.pairs())
        note = f"via {' and '.join(chain[1:-1])}" if len(chain) > 2 else None
        current = list(texts)
        for step in pairwise(chain):
            current = self._through(current, self._modes[step])
        return [Translation(text, self.identity.name, note=note) for text in current]

    def close(self) -> None:
        """Nothing is kept open."""

    def _through(self, texts: Sequence[str], mode: str) -> list[str]:
        """Each text through one mode; blank ones stay as they are."""
        done = list(texts)
        waiting: list[int] = []
        characters = 0
        for place, text in enumerate(texts):
            if not text.strip():
                continue
            if waiting and characters + len(text) > _CALL_CHARACTERS:
                self._call_into(done, waiting, mode)
                waiting, characters = [], 0
            waiting.append(place)
            characters += len(text)
        if waiting:
            self._call_into(done, waiting, mode)
        return done

    def _call_into(self, texts: list[str], places: Sequence[int], mode: str) -> None:
        stream = "".join(_to_stream(texts[place]) + "\0" for place in places)
        answer = self._run(["-u", "-z", "-f", "none", mode], stream)
        parts = answer.split("\0")
        # Each program of the pipe adds a null at the end of its input.
        if len(parts) < len(places) or any(part.strip() for part in parts[len(places) :]):
            raise EngineError(f"{self.identity.name}: the mode {mode} gave other texts than the {len(places)} it got.")
        for place, part in zip(places, parts, strict=False):
            texts[place] = _from_stream(part)

    def _run(self, arguments: Sequence[str], stream: str = "") -> str:
        """What the program writes. Its whole pipe is ended when it takes too long."""
        limit = self.options.timeout_s + len(stream) / _CHARACTERS_A_SECOND
        try:
            process = subprocess.Popen(
                [self._program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
        except OSError as error:
            raise EngineError(f"The program {self._program} cannot be started ({error.strerror}).") from None
        try:
            out, told = process.communicate(stream.encode("utf-8", errors="replace"), timeout=limit)
        except subprocess.TimeoutExpired:
            raise EngineError(f"The program {self._program} did not answer within {limit:.3g} s.") from None
        finally:
            if process.poll() is None:
                # The shell script's children hold the pipes: all of its group must go.
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if process.returncode != 0:
            words = " ".join(told.decode("utf-8", errors="replace").split())[:200]
            raise EngineError(f"The program {self._program} failed with code {process.returncode} ({words}).")
        return out.decode("utf-8", errors="replace")

    def _installed(self, name: str) -> dict[tuple[str, str], str]:
        """The mode of each step, by its two languages: our codes, or Apertium's own for languages that are not ours."""
        found: dict[tuple[str, str], str] = {}
        for line in self._run(["-l"]).splitlines():
            # Variants ("es-pt_BR", "eco-es-fr") are no other languages.
            mode = _PLAIN_MODE.fullmatch(line)
            if mode is not None and name in ("", line.strip()):
                step = (_ours(mode[1]), _ours(mode[2]))
                found.setdefault(step, line.strip())
        if not found:
            raise MissingDependencyError(
                f"Apertium has no language pair{f' {name!r}' if name else ''} installed.",
                hint="Install pairs, on Debian: apt-get install apertium-en-es apertium-es-pt apertium-fr-es",
            )
        return found

    def _identify(self, name: str) -> EngineIdentity:
        """The hash covers the program's version and the modes with the data files they name."""
        version = self._run(["-V"]).strip()
        data = Path(os.environ.get("APERTIUM_DATADIR", "/usr/share/apertium")) / "modes"
        files: dict[str, str] = {}
        for mode in sorted(self._modes.values()):
            told = data / f"{mode}.mode"
            if told.is_file():
                files[mode] = sha256_path(told)
                for named in regex.findall(r"'([^']+)'", told.read_text(encoding="utf-8")):
                    if named not in files and Path(named).is_file():
                        files[named] = sha256_path(Path(named))
        key = canonical({"version": version, "modes": sorted(self._modes.values()), "files": files})
        shown = f"apertium:{name}" if name else "apertium"
        return EngineIdentity(shown, "apertium", sha256_text(key), non_commercial=False)


def _ours(code: str) -> str:
    return from_engine(code, "apertium") or code


def _chains(steps: Mapping[tuple[str, str], str], pivots: int) -> dict[tuple[str, str], tuple[str, ...]]:
    """The shortest way between every two registry languages, of equal ones the first by its languages' codes."""
    following: dict[str, list[str]] = {}
    for one, two in sorted(steps):
        following.setdefault(one, []).append(two)
    chains: dict[tuple[str, str], tuple[str, ...]] = {}
    for start in following:
        ways: dict[str, tuple[str, ...]] = {start: (start,)}
        waiting = deque([start])
        while waiting:
            here = waiting.popleft()
            if len(ways[here]) > pivots + 1:
                continue
            for there in following.get(here, ()):
                if there not in ways:
                    ways[there] = (*ways[here], there)
                    waiting.append(there)
        for end, way in ways.items():
            if len(way) > 1 and start in registry() and end in registry():
                chains[start, end] = way
    return chains


def _to_stream(text: str) -> str:
    """A text in Apertium's stream format, what is no word in brackets, which come back as they are."""
    pieces = []
    start = 0
    for odd in _ODD.finditer(text):
        pieces += [_RESERVED.sub(r"\\\g<0>", text[start : odd.start()]), "[", odd[0].translate(_WRITTEN), "]"]
        start = odd.end()
    # The empty bracket keeps a last full stop, which would be dropped before the null.
    return "".join(pieces) + _RESERVED.sub(r"\\\g<0>", text[start:]) + "[]"


def _from_stream(stream: str) -> str:
    return _STREAM.sub(
        lambda hit: hit["sign"] if hit["sign"] is not None else _MARK.sub(_unmarked, _ESCAPED.sub(r"\1", hit["blank"])),
        stream,
    )


def _unmarked(hit: regex.Match[str]) -> str:
    return "~" if hit[1] == "t" else "^"
