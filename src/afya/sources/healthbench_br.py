"""HealthBench-BR: true and false statements from Brazil's national clinical protocols.

Origin: noharm-ai/healthbench-br; statements drawn up from 100 protocols of the ministry of health. Licence: MIT. Size:
1,000 statements, half of them true. Citation: NoHarm.ai. HealthBench-BR. 2025, github.com/noharm-ai/healthbench-br.

Formats: benchmark_perguntas_unificado.json, an array of arquivo, titulo, perguntas (statements, by turns true and
false, each after the same introduction); or healthbench_br.jsonl with id, protocol, statement, label. Both give the
same items. The options are the dataset's own words; the protocol's title is the context.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item
from afya.sources.files import Record, identifier, json_array, json_lines, optional_text, text, texts
from afya.sources.source import Malformed, Outcome, Reading, Source, outcomes

_OPTIONS = ("Verdadeiro", "Falso")
_INTRODUCTION_ENDS = "a afirmação a seguir é verdadeira ou falsa?"


def read(reading: Reading) -> Iterator[Outcome]:
    native = reading.matching("*.json")
    if native:
        for file in native:
            yield from _native(reading, file)
        return

    def make(row: Record) -> Item:
        label = optional_text(row, "label")
        if label is None:
            raise Malformed("missing_answer", "'label' is missing")
        return _item(reading, identifier(row, "id"), text(row, "statement"), optional_text(row, "protocol"), label)

    for file in reading.files:
        yield from outcomes(reading, json_lines(reading, file), make)


def _native(reading: Reading, file: Path) -> Iterator[Outcome]:
    for row in json_array(reading, file):
        try:
            if isinstance(row, Malformed):
                raise row
            name, title, statements = identifier(row, "arquivo"), optional_text(row, "titulo"), texts(row, "perguntas")
            if len(statements) % 2:
                raise Malformed("missing_answer", f"{len(statements)} statements, but true and false come in pairs")
        except Malformed as fault:
            yield reading.reject(fault)
            continue
        for index, statement in enumerate(statements):
            after = statement.partition(_INTRODUCTION_ENDS)[2].strip()
            yield _item(reading, f"{name}#{index}", after or statement, title, _OPTIONS[index % 2])


def _item(reading: Reading, native_id: str, statement: str, protocol: str | None, label: str) -> Item:
    if label not in _OPTIONS:
        raise Malformed("answer_outside_options", f"'{label[:40]}' is none of {', '.join(_OPTIONS)}")
    return reading.item(
        native_id,
        "pt",
        task="mcq",
        split=reading.split("test"),
        question=statement,
        context=protocol,
        options=_OPTIONS,
        answer=(_OPTIONS.index(label),),
    )


SOURCE = Source(
    name="healthbench-br",
    title="HealthBench-BR",
    licence="MIT",
    url="https://github.com/noharm-ai/healthbench-br",
    citation="NoHarm.ai 2025, HealthBench-BR",
    languages=("pt",),
    tasks=("mcq",),
    reads="benchmark_perguntas_unificado.json, or healthbench_br.jsonl",
    patterns=("benchmark_perguntas_unificado.json", "healthbench_br.jsonl"),
    read=read,
)
