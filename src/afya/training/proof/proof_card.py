"""What a model card says of the proof: figures by language, what became worse, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.bench.analysis.summary import percent
from afya.bench.analysis.table_text import markdown
from afya.bench.page.cells import setting_name
from afya.runs import write_text
from afya.training.card import PROOF_TITLE, with_section
from afya.training.proof.findings import Findings
from afya.training.proof.terminal import verdict
from afya.training.proof.wide import ROLES, average_lines, shown, wide


def write_cards(found: Findings, run: Path) -> None:
    """Complete the card of every stage that was measured."""
    for label in found.labels:
        card = run / label / "README.md"
        if card.is_file():
            text = card.read_text(encoding="utf-8")
            write_text(card, with_section(text, PROOF_TITLE, proof_section(found, label)))


def proof_section(found: Findings, stage: str) -> str:
    """The section of a stage's card: Markdown, its title in front."""
    return "\n".join([PROOF_TITLE, "", *_lines(found, stage)]).rstrip() + "\n"


def _lines(found: Findings, stage: str) -> Iterator[str]:
    level = percent(found.level, 0)
    yield (
        f"Share of questions answered correctly, in %, with {level}% intervals that know about questions asked in "
        "several languages. None of the questions was learned. Change: from the model before training to this one, "
        f"paired by question; p is adjusted (Holm); times: how many times the base. Run {found.fingerprint}."
    )
    yield ""
    for one in wide(found, stage):
        options = setting_name(one.setting)
        yield markdown(shown(one, found.flags, f"**{one.task}** ({ROLES[one.role]}; {options})"))
        yield from (f"- {line}" for line in average_lines(found, one))
        yield ""
    yield "### What became worse"
    yield ""
    own = [flag for flag in found.flags if flag.stage == stage]
    if own:
        yield from (f"- **{flag.sentence()}**" for flag in own)
    elif found.flags:
        yield "- Nothing significantly at this stage. At others of the run:"
        yield from (f"- {flag.sentence()}" for flag in found.flags)
    else:
        yield from (f"- {line}" for line in verdict(found))
    if found.notes:
        yield ""
        yield "### What these figures cannot say"
        yield ""
        yield from (f"- {note}" for note in found.notes)
    yield ""
