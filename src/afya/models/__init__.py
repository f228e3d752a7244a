"""Language models behind one interface: generate text, or score given options.

`load_model("hf:FOLDER")` runs a local model; "openai:NAME", "anthropic:NAME" and "google:NAME" ask one at an address;
"embed:FOLDER" compares sentence embeddings; "replies:FILE" looks up replies that were made elsewhere. Everything above
this floor knows only the dataclasses and the `LanguageModel` protocol of base.py. What models there are, where they fit
and what they cost is in catalogue.yaml.
"""

import os

from afya.models.base import (
    Generation,
    LanguageModel,
    Message,
    ModelIdentity,
    OptionRequest,
    OptionScores,
    Prompt,
    Sampling,
)
from afya.models.load import identify, load_model

# torch's threads wait for one another by spinning. On a machine that does anything else meanwhile, that makes them up
# to ten times slower (measured on two cores); waiting asleep costs next to nothing. To be said before torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "Generation",
    "LanguageModel",
    "Message",
    "ModelIdentity",
    "OptionRequest",
    "OptionScores",
    "Prompt",
    "Sampling",
    "identify",
    "load_model",
]
