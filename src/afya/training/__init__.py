"""Two-stage training: recipe -> rendered, packed examples -> stage 1 -> stage 2 -> proof -> export.

`load_recipe` reads a recipe, `train` runs it into a run folder and continues it after a kill. The rooms inside:

    recipe/     what a run is to be; recipes/ the shipped ones
    examples/   what is learned from an Item
    packs/      in which order and in which packs
    weights/    where a run starts from, and which weights learn
    loop/       how: attention by documents, loss, trainer, checkpoints, progress
    planning/   what it will take, before the start
    proof/      what each stage gained and lost, and the guard; grid/ the same over variants and seeds
    translating/  the same loop for translation models
    exporting/  what came out, in the forms in which it is used
"""

from afya.training.recipe import Recipe, StageRecipe, load_recipe
from afya.training.run import StageResult, train

__all__ = ["Recipe", "StageRecipe", "StageResult", "load_recipe", "train"]
