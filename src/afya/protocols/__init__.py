"""Clinical protocols as data: decision tables with sources, their evaluator, checks and the vignette generator."""

from afya.protocols.check import check
from afya.protocols.doses import Dose, find_dose
from afya.protocols.evaluate import Assessment, DoseResult, TableResult, evaluate
from afya.protocols.load import CHILD, available, find_protocol, load_formulary, load_protocol
from afya.protocols.model import Action, Band, Citation, Input, Medicine, Protocol, Row, Source, Table
from afya.protocols.texts import check_pack, needed_messages

__all__ = [
    "CHILD",
    "Action",
    "Assessment",
    "Band",
    "Citation",
    "Dose",
    "DoseResult",
    "Input",
    "Medicine",
    "Protocol",
    "Row",
    "Source",
    "Table",
    "TableResult",
    "available",
    "check",
    "check_pack",
    "evaluate",
    "find_dose",
    "find_protocol",
    "load_formulary",
    "load_protocol",
    "needed_messages",
]
