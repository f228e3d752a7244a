"""The recipe of a training run: the model to start from, the stages, what each learns from, and how it is proved.

A recipe is a YAML file. Every key is checked; an unknown one is refused with the nearest known key. The fields'
docstrings are the reference for those who write recipes.
"""

from afya.training.recipe.data import FORM_TASKS, DataSource, Form, MixtureRule, Rehearsal, Temperature
from afya.training.recipe.load import load_recipe, read_recipe, recipes_folder
from afya.training.recipe.model import Average, Lora, Method, ModelSource, PocketShape
from afya.training.recipe.proof import Proof, ProofData
from afya.training.recipe.settings import Length, RunSettings, StageSettings
from afya.training.recipe.stage import StageRecipe
from afya.training.recipe.whole import Recipe

__all__ = [
    "FORM_TASKS",
    "Average",
    "DataSource",
    "Form",
    "Length",
    "Lora",
    "Method",
    "MixtureRule",
    "ModelSource",
    "PocketShape",
    "Proof",
    "ProofData",
    "Recipe",
    "Rehearsal",
    "RunSettings",
    "StageRecipe",
    "StageSettings",
    "Temperature",
    "load_recipe",
    "read_recipe",
    "recipes_folder",
]
