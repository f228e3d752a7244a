"""Prices, the most a request may cost, and a budget that many threads spend from."""

from __future__ import annotations

import threading
import time

import pytest

from afya.models import Message, Prompt, Sampling
from afya.models.cost import Budget, BudgetSpentError, Price, most_cost, most_tokens


def test_a_price_is_dollars_per_million_tokens() -> None:
    assert Price(2.0, 10.0).of(1_000_000, 100_000) == pytest.approx(3.0)


def test_no_tokenizer_makes_more_tokens_of_a_prompt_than_it_has_bytes() -> None:
    prompt = Prompt((Message("user", "Ìdáhùn"),), "é")
    assert most_tokens(prompt) >= len("Ìdáhùné".encode())
    most = (most_tokens(prompt) + 2 * 50) / 1e6
    assert most_cost(Price(1.0, 2.0), prompt, Sampling(max_tokens=50)) == pytest.approx(most)


def test_a_budget_is_never_exceeded_however_many_ask() -> None:
    budget = Budget(1.0)
    spent: list[float] = []

    def ask() -> None:
        while budget.reserve(0.2):
            time.sleep(0.0005)
            budget.settle(0.2, 0.07)
            spent.append(0.07)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.spent_usd == pytest.approx(sum(spent))
    assert 0.8 < budget.spent_usd <= 1.0
    with pytest.raises(BudgetSpentError, match="larger --budget-usd"):
        budget.check()


def test_what_was_spent_before_counts() -> None:
    budget = Budget(1.0, spent_usd=0.95)
    assert not budget.reserve(0.1)
    assert budget.reserve(0.04)
    budget.settle(0.04, 0.04)
    assert Budget(1.0).reserve(1.0)
