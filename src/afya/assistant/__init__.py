"""The assistant: one message in a health worker's language, looked through for danger, answered from sourced protocols.

A turn is a list of stages over a typed context (`stages`, `pipeline`). Every text comes from the language's pack; a
language model, where one is given, only puts the pack's advice into other words below it.
"""

from afya.assistant.context import Answer, Block, Event, SourceNote
from afya.assistant.stages import Assistant

__all__ = ["Answer", "Assistant", "Block", "Event", "SourceNote"]
