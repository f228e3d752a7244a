"""The answer as it is put together: paragraphs, sources, and what is not known. Every text of its own is the pack's."""

from __future__ import annotations

from dataclasses import dataclass, field

from afya.assistant.context import Block, Colour, Origin, SourceNote
from afya.assistant.texts import said
from afya.packs import Pack
from afya.protocols import Row


@dataclass
class Page:
    """An answer in the making. `pack` is the pack as the answer's protocol reads it."""

    pack: Pack
    colour: Colour | None = None
    blocks: list[Block] = field(default_factory=list)
    sources: list[SourceNote] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)
    rules_unreviewed: bool = False
    asks: str | None = None
    abstained: bool = False

    def say(self, kind: str, key: str, /, **values: object) -> bool:
        """The pack's text, or what stands in for it; False where the pack has neither and nothing is said."""
        found = said(self.pack, key)
        if found is None:
            return False
        text = self.pack.text(found, **values)
        # A stand-in may say what was said before.
        if found == key or all(block.text != text for block in self.blocks):
            self.blocks.append(Block(kind, text))
        return True

    def doubt(self, key: str, /, **values: object) -> None:
        """The same as something that is uncertain."""
        found = said(self.pack, key)
        if found is not None and self.say("uncertain", key, **values):
            self.uncertain.append(self.pack.text(found, **values))

    def put(self, kind: str, text: str, origin: Origin = "pack") -> None:
        """A paragraph that is no single text of the pack."""
        self.blocks.append(Block(kind, text, origin))

    def cite(self, note: SourceNote, *, rule: bool = True) -> None:
        """A source the answer rests on: of a rule, or of a passage."""
        self.sources.append(note)
        self.rules_unreviewed = self.rules_unreviewed or (rule and not note.reviewed)

    def cite_row(self, row: Row) -> None:
        """The place a row of a protocol follows."""
        source = row.citation.source
        self.cite(SourceNote(source.title, source.publisher, row.citation.page, row.name, row.reviewed))
