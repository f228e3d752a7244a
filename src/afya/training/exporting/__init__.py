"""Export of trained models: safetensors, CTranslate2, GGUF; each compared with its source before it is published.

source        what is exported: a run's last stage, a model folder, adapters with their base
weights, ct2, gguf    the three formats
probes, asking, parity    the same questions to both, and how far the answers may differ (parity.yaml)
export_card   the card: data and licences from the run, figures from the benchmark, what parity found
export        all of it, under a temporary name until it holds
"""

from afya.training.exporting.export import FORMATS, Exported, export
from afya.training.exporting.parity import Parity, ParityError

__all__ = ["FORMATS", "Exported", "Parity", "ParityError", "export"]
