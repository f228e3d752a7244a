"""Placeholders and markup: what a machine reads in a text must come through a translation as it was.

Compared as a multiset: placeholders ({name}, {{name}}, ${name}, %s, %(name)d), tags by name, web and mail
addresses, citation numbers ([1], [2, 3]), Markdown (bold, code, headings, link targets) and LaTeX (commands,
formulas between dollar signs). Order is free, since grammars differ.
"""

from __future__ import annotations

import re
from collections import Counter

from afya.translation.checks.lexicon import SIGN, lexicon
from afya.translation.checks.verdict import PairCheck, Verdict

NAME = "placeholders"
_PASSED = Verdict(NAME, True)

_MARKUP = re.compile(
    r"""
    (?P<url>(?:https?://|www\.)[!#-&(-;=?-~]+)
  | (?P<mail>[\w.+-]+@[\w-]+\.[\w.-]*\w)
  | (?P<placeholder>\{\{[^{}\n]{1,60}\}\}|\$?\{[A-Za-z_0-9][^{}\n]{0,60}\}|%\([A-Za-z_]\w*\)[sdif]
      |(?<![\d\w])(?<!\d\s)%[sdif](?!\w))
  | (?P<tag></?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]{0,200})?/?>)
  | (?P<citation>\[\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\])
  | (?P<formula>\$[^$\n]{0,80}[\\^_{][^$\n]{0,80}\$)
  | (?P<command>\\[A-Za-z]+)
  | (?P<code>`{1,3})
  | (?P<bold>\*\*|__(?=\w)|(?<=\w)__)
  | (?P<heading>^\#{1,6}(?=\s))
  | (?P<link>\]\([^()\s]+\))
    """,
    re.VERBOSE | re.MULTILINE,
)
_MOST_NAMED = 5


def make(source: str, target: str) -> PairCheck:
    """The check; what it looks for belongs to no language."""

    marks_here, marks_there = lexicon(source).marks, lexicon(target).marks

    def check(source_text: str, translation: str) -> Verdict:
        # Most texts have no sign of markup, and are done with here.
        if not (marks_here(source_text) | marks_there(translation)) & SIGN:
            return _PASSED
        here, there = markup(source_text), markup(translation)
        if here == there:
            return _PASSED
        lost, added = here - there, there - here
        said = [f"{what}: {_named(signs)}" for what, signs in (("lost", lost), ("added", added)) if signs]
        return Verdict(NAME, False, "; ".join(said))

    return check


def markup(text: str) -> Counter[str]:
    """The machine-read pieces of `text`, each as it is compared, with how often it stands there."""
    return Counter(_plain(str(found.lastgroup), found[0]) for found in _MARKUP.finditer(text))


def _plain(kind: str, piece: str) -> str:
    if kind == "url":
        # A full stop behind an address is the sentence's.
        return piece.rstrip(".,;:!?)]").lower()
    if kind == "mail":
        return piece.lower()
    if kind == "tag":
        # Attributes may hold text that is translated (alt, title).
        closing = "/" if piece.startswith("</") else ""
        name = re.match(r"</?([A-Za-z0-9]+)", piece)
        return f"<{closing}{name[1].lower() if name else ''}>"
    if kind == "citation":
        return "[" + ",".join(str(int(number)) for number in re.findall(r"\d+", piece)) + "]"
    return piece


def _named(signs: Counter[str]) -> str:
    listed = [sign if count == 1 else f"{sign} ({count} times)" for sign, count in sorted(signs.items())]
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more
