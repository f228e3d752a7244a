"""How much of each language a stage sees: the mixture, and the drawing that keeps to it token by token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from afya.errors import ConfigError
from afya.training.recipe import Temperature


def language_shares(
    tokens: Mapping[str, int],
    *,
    temperature: Temperature = "uniform",
    weights: Mapping[str, float] | None = None,
    floor: float = 0.0,
) -> dict[str, float]:
    """The share of tokens each language shall have; the shares sum to 1.

    Args:
        tokens: tokens there are in each language.
        temperature: shares are proportional to tokens ** (1 / temperature): 1 keeps the data's own proportions,
            higher values lift small languages (Conneau et al. 2020, XLM-R), "uniform" gives each the same.
        weights: fixed weights instead; they must name exactly the languages there are.
        floor: no language gets a smaller share than this; the others give in proportion.

    Raises:
        ConfigError: a language has no tokens, weights name other languages, or the floor cannot be met.
    """
    empty = [code for code, count in tokens.items() if count <= 0]
    if empty:
        raise ConfigError(f"No training examples in: {', '.join(empty)}.", hint="Add data or leave the languages out.")
    if weights is not None:
        wrong = sorted(set(weights) ^ set(tokens))
        if wrong:
            raise ConfigError(
                f"The weights and the data do not have the same languages; they differ in: {', '.join(wrong)}.",
                hint=f"Give a weight to each of: {', '.join(tokens)}.",
            )
        raw = {code: float(weights[code]) for code in tokens}
    elif temperature == "uniform":
        raw = dict.fromkeys(tokens, 1.0)
    else:
        raw = {code: count ** (1.0 / temperature) for code, count in tokens.items()}
    if floor * len(raw) > 1 + 1e-9:
        raise ConfigError(f"A floor of {floor} for each of {len(raw)} languages is more than the whole.")
    return _lift(raw, floor)


def _lift(raw: Mapping[str, float], floor: float) -> dict[str, float]:
    lifted: set[str] = set()
    while True:
        rest = sum(value for code, value in raw.items() if code not in lifted)
        left = 1.0 - floor * len(lifted)
        shares = {code: floor if code in lifted else left * value / rest for code, value in raw.items()}
        below = {code for code, share in shares.items() if share < floor - 1e-12}
        if not below:
            return shares
        lifted |= below


def draw_balanced(
    lengths: Mapping[str, Sequence[int]], shares: Mapping[str, float], budget: int, seed: Sequence[int]
) -> Iterator[tuple[str, int]]:
    """(language, number of the example in its language) in drawing order, until `budget` tokens are drawn.

    The next example always comes from the language furthest behind its share, so that the tokens seen keep to the
    mixture at every moment, not only on average. Each language goes through its examples in a new order each round.
    """
    import numpy as np

    codes = list(shares)
    seen = dict.fromkeys(codes, 0)
    waiting: dict[str, list[int]] = {code: [] for code in codes}
    rounds = dict.fromkeys(codes, 0)
    total = 0
    while total < budget:
        code = min(codes, key=lambda code: seen[code] / shares[code])
        if not waiting[code]:
            source = np.random.default_rng([*seed, codes.index(code), rounds[code]])
            waiting[code] = source.permutation(len(lengths[code])).tolist()[::-1]
            rounds[code] += 1
        number = waiting[code].pop()
        seen[code] += lengths[code][number]
        total += lengths[code][number]
        yield code, number
