"""What a run will cost, projected before anything is asked, and what each language's thousand items cost.

The same question takes two or three times the tokens in Yoruba that it takes in English, and tokens are what is paid
for: the token tax (Petrov et al. 2023; Ahia et al. 2023). The projection shows it for every language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.models.cost import Budget, Price

if TYPE_CHECKING:
    import polars as pl

# What a chat format adds to a message, roughly; a byte-exact count would need the provider's tokenizer.
_AROUND = 10


class TokenRates(BaseModel):
    """token_rates.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokenizer: str
    text: str
    rates: dict[str, float]

    def of(self, lang: str) -> float:
        """Bytes that a token holds in a language."""
        return self.rates.get(lang, min(self.rates.values()))


@dataclass(frozen=True)
class Projection:
    """What a model will be asked in one language: prompt tokens as estimated, reply tokens at most.

    Costs are US dollars, None where the price is not known: for all items, from replies of no length to the longest.
    """

    model: str
    lang: str
    items: int
    prompt_tokens: int
    reply_tokens: int
    least_usd: float | None
    most_usd: float | None

    @property
    def most_a_thousand(self) -> float | None:
        """What a thousand items cost at most."""
        return None if self.most_usd is None or not self.items else 1000 * self.most_usd / self.items


@cache
def token_rates() -> TokenRates:
    """The shipped rates."""
    with as_file(files("afya.bench.running") / "token_rates.yaml") as path:
        return read_model(path, TokenRates)


def project(model: str, price: Price | None, prompts: Sequence[Path], *, free: bool = False) -> list[Projection]:
    """A row a language, from the prompt parts that a model is asked. `free`: replies are at hand, none is written."""
    import polars as pl

    if not prompts:
        return []
    size = pl.col("messages").list.eval(pl.element().struct.field("content").str.len_bytes()).list.sum()
    count = pl.col("messages").list.len() + 1
    table = (
        pl.scan_parquet(list(prompts))
        .select(
            "lang",
            (size + pl.col("answer_prefix").str.len_bytes()).alias("bytes"),
            count.alias("messages"),
            # Null where options are scored and nothing is written.
            pl.col("max_tokens").fill_null(0).cast(pl.Int64).alias("longest"),
        )
        .group_by("lang", maintain_order=True)
        .agg(pl.len().alias("items"), pl.col("bytes").sum(), pl.col("messages").sum(), pl.col("longest").sum())
        .collect()
    )
    rows = []
    for lang, items, size_bytes, messages, longest in table.iter_rows():
        asked = round(size_bytes / token_rates().of(lang)) + _AROUND * messages
        replies = 0 if free else longest
        least = None if price is None else price.of(asked, 0)
        most = None if price is None else price.of(asked, replies)
        rows.append(Projection(model, lang, items, asked, replies, least, most))
    return rows


def billed(replies: Path) -> pl.DataFrame:
    """What was asked and what it cost, by model, setting and language, for a thousand items that were answered.

    Columns: model, setting, lang, items (answered), prompt_tokens and completion_tokens a thousand items, `usd` a
    thousand items (null where no price was known), and `tax`: prompt tokens in relation to English, null without it.
    Items differ between languages in number, never in kind, when a run asks the same groups.
    """
    import polars as pl

    keys = ["model", "setting"]
    thousand = 1000 / pl.len()
    table = (
        pl.scan_parquet(replies)
        # Further orders of an item's options are other requests, not other items.
        .filter(pl.col("error").is_null() & pl.col("rotation").fill_null(0).eq(0))
        .group_by(*keys, "lang", maintain_order=True)
        .agg(
            pl.len().alias("items"),
            (pl.col("prompt_tokens").sum() * thousand).alias("prompt_tokens"),
            (pl.col("completion_tokens").sum() * thousand).alias("completion_tokens"),
            # A sum over nothing would read as free of charge.
            pl.when(pl.col("cost_usd").is_not_null().all()).then(pl.col("cost_usd").sum() * thousand).alias("usd"),
        )
        .collect()
    )
    english = table.filter(pl.col("lang") == "en").select(*keys, pl.col("prompt_tokens").alias("english"))
    return (
        table.join(english, on=keys, how="left", maintain_order="left")
        .with_columns((pl.col("prompt_tokens") / pl.col("english")).alias("tax"))
        .drop("english")
    )


def spent_usd(parts: Path) -> float:
    """What the replies in a run's parts cost so far; those from the cache cost nothing again."""
    import math

    import polars as pl

    spent = []
    for path in sorted(parts.glob("*/*~*.parquet")):
        if {"cost_usd", "cached"} <= set(pl.read_parquet_schema(path)):
            paid = pl.read_parquet(path, columns=["cost_usd", "cached"]).filter(~pl.col("cached"))
            spent.append(float(paid["cost_usd"].sum() or 0.0))
    return math.fsum(spent)


def budget_for(limit_usd: float | None, prices: Sequence[tuple[str, Price | None]], spent: float) -> Budget | None:
    """The budget of a run whose parts cost `spent` so far.

    Raises ConfigError when a model's price is not known: what it spends could not be counted.
    """
    if limit_usd is None:
        return None
    unknown = [name for name, price in prices if price is None]
    if unknown:
        raise ConfigError(
            f"--budget-usd: the price of {', '.join(unknown)} is not known.",
            hint="Say it in USD per million tokens: --option price_in=... --option price_out=... (0 where it is free).",
        )
    return Budget(limit_usd, spent)
