"""The engine libretranslate: a LibreTranslate server over HTTP, its languages asked of it, texts in batches.

API: docs.libretranslate.com (POST /translate with a list of texts, GET /languages). The key, where the server wants
one, is read from an environment variable, travels in the request's body, and is never written anywhere.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import Field

from afya.datafiles import validate
from afya.errors import EngineError
from afya.models.endpoint import Endpoint, EndpointOptions, Fault, checked_address
from afya.runs import canonical, scrub, sha256_text
from afya.translation.base import EngineIdentity, Hint, Translation, Translator
from afya.translation.codes import from_engine, spellings, unsupported

_SCHEME = "libretranslate"


class LibreTranslateOptions(EndpointOptions):
    """Settings of a server: those of every endpoint, and how many texts and characters one request carries."""

    api_key_env: str = "LIBRETRANSLATE_API_KEY"
    batch: int = Field(default=32, ge=1)
    batch_characters: int = Field(default=5_000, ge=1)
    concurrency: int = Field(default=2, ge=1)


OPTIONS = frozenset(LibreTranslateOptions.model_fields)


def load(name: str, options: Mapping[str, object]) -> Translator:
    """The server at the address `name`, its languages asked.

    Raises:
        ConfigError: the address is none, or an option is not known.
        EngineError: the server cannot be reached, refuses, or does not answer as LibreTranslate does.
    """
    return LibreTranslator(name, validate(dict(options), LibreTranslateOptions, f"libretranslate:{name}"))


class LibreTranslator:
    """A LibreTranslate server behind the `Translator` protocol."""

    uses_hints = False

    def __init__(self, address: str, options: LibreTranslateOptions | None = None) -> None:
        self.options = options or LibreTranslateOptions()
        url = checked_address(address, "libretranslate:http://localhost:5000")
        self._key = os.environ.get(self.options.api_key_env) or None
        self._endpoint = Endpoint(
            url, f"libretranslate:{scrub(url)}", self.options, key=self._key, key_env=self.options.api_key_env
        )
        told = self._endpoint.ask("GET", f"{url}/languages", lambda: None, _read_languages)
        if isinstance(told, Fault):
            self._endpoint.close()
            raise EngineError(
                f"{scrub(url)} did not give its languages ({told.message}).",
                hint="Check that a LibreTranslate server answers at this address.",
            )
        self._spelled, self._pairs = _ours(told)
        sha256 = sha256_text(canonical({"address": scrub(url), "languages": told}))
        self.identity = EngineIdentity(f"libretranslate:{scrub(url)}", "libretranslate", sha256)

    def pairs(self) -> frozenset[tuple[str, str]]:
        """The pairs of registry languages that the server told of."""
        return self._pairs

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        """One answer a text.

        Raises:
            ConfigError: the server does not have the pair.
            EngineError: it cannot be reached, refuses the key, or fails again and again.
        """
        if (source, target) not in self._pairs:
            raise unsupported(self.identity.name, source, target, self._pairs)
        told = (self._spelled[source], self._spelled[target])
        stop = threading.Event()

        def ask(part: list[str]) -> list[Translation]:
            try:
                return self._batch(part, told, stop)
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(self.options.concurrency) as pool:
            return [answer for part in pool.map(ask, self._batches(texts)) for answer in part]

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        part: list[str] = []
        characters = 0
        for text in texts:
            full = len(part) == self.options.batch or characters + len(text) > self.options.batch_characters
            if part and full:
                yield part
                part, characters = [], 0
            part.append(text)
            characters += len(text)
        if part:
            yield part

    def _batch(self, texts: list[str], told: tuple[str, str], stop: threading.Event) -> list[Translation]:
        def body() -> dict[str, Any]:
            key = {"api_key": self._key} if self._key else {}
            return {"q": texts, "source": told[0], "target": told[1], "format": "text", **key}

        answer = self._endpoint.ask(
            "POST", f"{self._endpoint.url}/translate", body, lambda got: _read_texts(got, len(texts)), stop=stop
        )
        if not isinstance(answer, Fault):
            return [Translation(text, self.identity.name) for text in answer]
        if len(texts) == 1:
            return [Translation("", self.identity.name, error=answer.message)]
        if answer.again:
            raise EngineError(f"{self.identity.name} fails again and again ({answer.message}).")
        # What it refuses together (too long, one bad text) it may take in halves.
        middle = len(texts) // 2
        return [entry for half in (texts[:middle], texts[middle:]) for entry in self._batch(half, told, stop)]


def _read_texts(body: bytes, count: int) -> list[str] | Fault:
    try:
        texts = json.loads(body)["translatedText"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return Fault(f"the answer is not LibreTranslate's ({type(error).__name__})", again=True)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return Fault("the answer's translatedText is not a list of texts", again=False)
    if len(texts) != count:
        return Fault(f"{len(texts)} translations came for {count} text(s)", again=False)
    return texts


def _read_languages(body: bytes) -> list[dict[str, Any]] | Fault:
    """The server's languages as {"code", "targets"}; servers before 1.3 do not list targets, all are then."""
    try:
        rows = json.loads(body)
        codes = [str(row["code"]) for row in rows]
        return [
            {"code": str(row["code"]), "targets": [str(code) for code in row.get("targets", codes)]} for row in rows
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Fault(f"the list of languages cannot be read ({type(error).__name__})", again=True)


def _ours(told: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], frozenset[tuple[str, str]]]:
    """How the server spells each of our languages, and the pairs; of two spellings the likelier one is taken."""
    spelled: dict[str, str] = {}
    for row in told:
        ours = from_engine(row["code"], _SCHEME)
        if ours is not None:
            known = spellings(ours, _SCHEME)
            if ours not in spelled or known.index(row["code"]) < known.index(spelled[ours]):
                spelled[ours] = row["code"]
    pairs = {
        (source, target)
        for row in told
        if (source := from_engine(row["code"], _SCHEME)) is not None and spelled[source] == row["code"]
        for target, spelling in spelled.items()
        if spelling in row["targets"] and target != source
    }
    return spelled, frozenset(pairs)
