"""The checks that a model's draft must pass before a sentence of it is shown; every one of them fails closed.

`suite.verify` runs them all. A check that raises, does not know the language or lacks what it compares with has failed.
docs/safety-checks.md says what each one sees and what it does not.
"""

from afya.assistant.checks.draft import Draft, Failure, Sentence, SourcePassage
from afya.assistant.checks.verdict import Verdict

__all__ = ["Draft", "Failure", "Sentence", "SourcePassage", "Verdict"]
