"""Teaching material that afya makes itself from the clinical protocols and the packs, with exact answers.

One module a kind; each gives Items of the same facts in every language asked for, seeded, without limit.
"""

from afya.data.synthetic.making import KINDS, SyntheticRecipe, synthetic_items

__all__ = ["KINDS", "SyntheticRecipe", "synthetic_items"]
