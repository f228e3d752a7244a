"""Two-stage training: recipe -> rendered, packed examples -> stage 1 -> stage 2 -> model folders.

`load_recipe` reads a recipe, `train` runs it into a run folder and continues it after a kill. The parts stand alone:
examples.py (what is learned from an Item), mixture.py and packing.py and plan.py (in which order), attention.py and
trainer.py (how), checkpoints.py (so that nothing is lost), pocket.py (a model to try it all with).
"""

from afya.training.recipe import Recipe, StageRecipe, load_recipe
from afya.training.run import StageResult, train

__all__ = ["Recipe", "StageRecipe", "StageResult", "load_recipe", "train"]
