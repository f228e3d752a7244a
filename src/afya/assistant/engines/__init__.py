"""Model and translator in processes of their own: what happens there, a crash too, is an answer here, no outage."""

from afya.assistant.engines.model import ModelProcess
from afya.assistant.engines.process import EngineProcess, Unavailable
from afya.assistant.engines.translator import TranslatorProcess

__all__ = ["EngineProcess", "ModelProcess", "TranslatorProcess", "Unavailable"]
