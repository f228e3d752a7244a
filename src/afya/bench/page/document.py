"""A report as one HTML document that is complete in itself: it loads nothing and opens from disk."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from string import Template

from afya import __version__
from afya.bench.page.markup import Markup, escaped, joined
from afya.bench.page.plots import PALETTE
from afya.bench.page.sections_opening import contents


def document(
    title: str,
    lead: Markup,
    sections: Sequence[tuple[str, str, Markup]],
    *,
    kind: str = "Benchmark report",
    data: Markup | None = None,
    script: Markup | None = None,
    digest: str = "'none'",
) -> str:
    """The text of an HTML file.

    Args:
        lead: what stands under the title.
        sections: (id, name in the contents, section) in the page's order.
        kind: what sort of report this is, above the title.
        data, script: what the page's one script reads, and the script; `digest` is its hash, by which the page allows
            it.
    """
    return template("report.html").substitute(
        kind=escaped(kind),
        title=escaped(title),
        style=_style(),
        scripts=digest,
        lead=lead,
        contents=contents([(identity, name) for identity, name, _ in sections]),
        body=joined([part for _, _, part in sections], "\n"),
        data=data or "",
        script=script or "",
        version=escaped(__version__),
    )


def _style() -> str:
    light = "\n".join(f"  --{name}: {shades[0]};" for name, shades in PALETTE.items())
    dark = "\n".join(f"    --{name}: {shades[1]};" for name, shades in PALETTE.items())
    return template("report.css").substitute(light=light, dark=dark).rstrip()


def template(name: str) -> Template:
    """A file of the page's templates."""
    return Template((files("afya.bench.page") / "template" / name).read_text(encoding="utf-8"))
