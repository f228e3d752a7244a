"""What a report measured: models with their hashes, items, the first prompt as a model read it, settings, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.analysis.analyse import Analysis
from afya.bench.analysis.summary import languages_in
from afya.bench.page.cells import folded, section, setting_name, task_name
from afya.bench.page.markup import Markup, table, tag
from afya.runs import read_json

if TYPE_CHECKING:
    import polars as pl

_DIGITS = 16
"""Of a hash: enough to tell models apart; the manifest holds it whole."""
_MOST_PROMPTS = 40
_LONGEST = 6000

Manifest = Mapping[str, Any]


def read_manifest(run: Path) -> Manifest:
    """The manifest of a run folder; empty where there is none."""
    path = run / "manifest.json"
    told = read_json(path) if run.is_dir() and path.exists() else {}
    return told if isinstance(told, Mapping) else {}


def measured(analysis: Analysis, asked: pl.DataFrame, manifests: Sequence[Manifest]) -> Markup:
    """The section. `asked` has one row a reply of every kind: label, run, model, setting, item_id, task, ..."""
    inputs = sorted({pair for manifest in manifests for pair in _inputs(manifest)})
    hashes = [tag("li", name, ": ", tag("code", digest)) for name, digest in inputs]
    return section(
        "measured",
        "What was measured",
        tag(
            "p",
            "Unless a setting says otherwise, a model is asked in the language of the item: instructions, labels and "
            "answer marker of a prompt too.",
        ),
        tag("div", _models(asked, manifests), _items(asked), class_="cards"),
        _settings(asked),
        tag("p", "SHA-256 of the datasets:", class_="note") if hashes else None,
        tag("ul", *hashes, class_="note") if hashes else None,
        *(tag("p", note) for note in analysis.notes),
        *_prompts(manifests),
        *_versions(manifests),
    )


def _models(asked: pl.DataFrame, manifests: Sequence[Manifest]) -> Markup:
    import polars as pl

    known = {card["name"]: card for manifest in manifests for card in _cards(manifest)}
    counts = asked.group_by("label", "model", maintain_order=True).agg(
        pl.len().alias("asked"), pl.col("run").first(), pl.col("setting").unique(maintain_order=True)
    )
    rows: list[list[object]] = []
    for row in counts.iter_rows(named=True):
        own = {card["name"]: card for card in _cards(manifests[row["run"]])}
        card = own.get(row["model"]) or known.get(row["model"]) or {}
        digest = card.get("sha256")
        rows.append(
            [
                row["label"],
                row["model"],
                card.get("engine") or "–",
                tag("code", str(digest)[:_DIGITS]) if digest else "–",
                ", ".join(row["setting"]),
                f"{row['asked']:,}",
            ]
        )
    heads: list[object] = ["Name here", "Model", "Engine", "SHA-256, first digits", "Settings", "Replies"]
    listed = table("Models", heads, rows)
    return listed if len(rows) <= 12 else folded(f"{len(rows)} models", listed)


def _items(asked: pl.DataFrame) -> Markup:
    import polars as pl

    by = [name for name in ("source", "task", "split") if name in asked.columns]
    sources = asked.group_by(by).agg(
        pl.struct("item_id", "task").n_unique().alias("items"),
        pl.col("group_id").n_unique().alias("groups"),
        pl.col("lang").unique().alias("langs"),
    )
    listed: list[list[object]] = [
        [
            *(_named(name, row[name]) for name in by),
            ", ".join(languages_in(pl.DataFrame({"lang": row["langs"]}))),
            f"{row['items']:,}",
            f"{row['groups']:,}",
        ]
        for row in sources.sort(by).iter_rows(named=True)
    ]
    return table("Items", [*(name.capitalize() for name in by), "Languages", "Items", "Groups"], listed)


def _named(column: str, value: str | None) -> str:
    if value is None:
        return "–"
    return task_name(value) if column == "task" else value


def _settings(asked: pl.DataFrame) -> Markup:
    names = [str(name) for name in asked["setting"].unique(maintain_order=True)]
    listed = [tag("li", tag("code", name), f": {setting_name(name)}") for name in names]
    return tag("div", tag("p", "Settings, the ways of asking:", class_="note"), tag("ul", *listed, class_="note"))


def _cards(manifest: Manifest) -> list[dict[str, Any]]:
    """The models a manifest describes: mappings with name, engine and sha256 under recipe 'model' or 'models'."""
    recipe = manifest.get("recipe") or {}
    found = [recipe.get("model"), *(recipe.get("models") or [])] if isinstance(recipe, Mapping) else []
    return [dict(card) for card in found if isinstance(card, Mapping) and card.get("name")]


def _inputs(manifest: Manifest) -> list[tuple[str, str]]:
    """(name, SHA-256) of a run's datasets and other inputs."""
    recipe = manifest.get("recipe")
    listed = recipe.get("datasets") if isinstance(recipe, Mapping) else None
    named = [(str(entry["name"]), str(entry["sha256"])) for entry in listed or () if isinstance(entry, Mapping)]
    return [*named, *((str(name), str(digest)) for name, digest in (manifest.get("inputs") or {}).items())]


def _prompts(manifests: Sequence[Manifest]) -> list[Markup]:
    """The first prompt of each model and setting, as the model read it."""
    told = [entry for manifest in manifests for entry in manifest.get("first_prompts") or () if entry.get("text")]
    if not told:
        return []
    parts: list[object] = []
    for entry in told[:_MOST_PROMPTS]:
        text = str(entry["text"])
        ids = entry.get("token_ids") or []
        count = entry.get("tokens")
        summary = f"{entry.get('model')}, {entry.get('setting')}" + (f": {count:,} tokens" if count else "")
        cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text) - _LONGEST:,} more characters)"
        parts.append(
            folded(
                summary,
                tag("pre", cut, tabindex="0", role="group", aria_label=f"Prompt: {summary}"),
                tag("p", "Token ids: ", tag("code", " ".join(map(str, ids[:400]))), class_="note") if ids else None,
            )
        )
    if len(told) > _MOST_PROMPTS:
        parts.append(tag("p", f"{len(told) - _MOST_PROMPTS} more stand in the runs' manifests.", class_="note"))
    return [tag("h3", "The first prompt, as each model read it"), *(part for part in parts if isinstance(part, Markup))]


def _versions(manifests: Sequence[Manifest]) -> list[Markup]:
    told = {
        (str(name), str(value)) for manifest in manifests for name, value in (manifest.get("versions") or {}).items()
    }
    rows: list[list[object]] = [[name, value] for name, value in sorted(told)]
    if not rows:
        return []
    return [
        folded("Versions of the software", tag("div", table("Software", ["Name", "Version"], rows), class_="cards"))
    ]
