"""Reading the decision-support workbooks of WHO's SMART guidelines into draft protocols, with all that was not read."""

from afya.protocols.smart.importing import import_workbook
from afya.protocols.smart.report import Report, ToDo, Unread, Written

__all__ = ["Report", "ToDo", "Unread", "Written", "import_workbook"]
