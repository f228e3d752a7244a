"""What becomes of a turn afterwards: the audit log, its replay, the supervisor's queue, and referrals as FHIR.

`chain` appends, `verify` checks, `replay` runs again, `queue` holds what a person must look at, `fhir` exports. `trail`
is what the assistant is given: it writes each turn.
"""

from afya.assistant.audit.chain import AuditLog
from afya.assistant.audit.files import Head, find_turn, turns
from afya.assistant.audit.queue import Case, Queue
from afya.assistant.audit.trail import Trail
from afya.assistant.audit.verify import Report, verify

__all__ = ["AuditLog", "Case", "Head", "Queue", "Report", "Trail", "find_turn", "turns", "verify"]
