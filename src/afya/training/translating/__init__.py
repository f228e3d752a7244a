"""Fine-tuning of translation models on parallel sentences, in the loop that language models are trained in.

recipe.py   what a run is to be: the model, the pairs of languages, the stages, the proof
pairs.py    aligned sentences read from dataset folders, TSV files, glossaries and memories
sifting.py  which of them are learned; every one left out is in the ledger with its reason
examples.py a pair as tokens, exactly as the engines ask; plan.py the batches
model.py    loading, adapters, saving; loss.py the loss; trainer.py the trainer
proof.py    chrF++, BLEU and lost quantities before and after, by the true engine
run.py      the run; publish.py its model given away
"""

from afya.training.translating.recipe import TranslationRecipe, load_translation_recipe
from afya.training.translating.run import train_translation

__all__ = ["TranslationRecipe", "load_translation_recipe", "train_translation"]
