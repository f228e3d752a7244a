"""Knowledge: cited passages that questions are answered from, and when to say that none of them answers.

Documents are read (`readers`, `office`), cut into passages (`chunks`) and kept in a folder (`store`: SQLite as the
record, `index`: tantivy beside it). `search` asks that folder and the packs' own passages together; `abstain` says
whether what was found answers the question.
"""

from afya.assistant.knowledge.abstain import answerable
from afya.assistant.knowledge.passages import Hit, Passage
from afya.assistant.knowledge.search import Knowledge, knowledge_of, open_knowledge

__all__ = ["Hit", "Knowledge", "Passage", "answerable", "knowledge_of", "open_knowledge"]
