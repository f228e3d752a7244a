"""The lesson: an item, and what is learned from it."""

from __future__ import annotations

from typing import NamedTuple

from afya.items import Item
from afya.training.recipe import Form


class Lesson(NamedTuple):
    """An item, what is learned from it, and whether it only keeps up what the model knew."""

    item: Item
    form: Form
    rehearsal: bool = False
