"""Published per-item outputs of models, made into a run folder that every command of `afya bench` reads.

A file's rows (afya.models.reply_files) become entries (fields, layouts, values), entries become items and replies
(reading), and these a run folder (folder), scored by our extraction, by the publisher's own reading of the answer or
by the publisher's own verdict (verdicts). published.py compares the accuracy with a published figure.
"""

from afya.bench.imports.importing import Import, ImportResult, import_replies, preview

__all__ = ["Import", "ImportResult", "import_replies", "preview"]
