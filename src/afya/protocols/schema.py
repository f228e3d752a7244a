"""The shape of the protocol files; apart from the loader so that pydantic is imported only when one is read."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Scalar = bool | int | float | str


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CitationFile(_Strict):
    """A place in a source."""

    source: str
    page: str = Field(min_length=1)


class SourceFile(_Strict):
    """A document, in sources.yaml."""

    title: str
    publisher: str
    year: int | None = None
    licence: str
    seen: Literal["original", "transcription"]


class SourcesFile(_Strict):
    """sources.yaml."""

    sources: dict[str, SourceFile]


class InputFile(_Strict):
    """One input of a protocol."""

    type: Literal["int", "number", "bool", "enum"]
    unit: str | None = None
    range: list[float] | None = None
    step: float = 1
    values: list[str] = []
    section: str | None = None
    danger: bool = False
    entry: bool = False
    required: bool = False
    dosing_only: bool = False
    implies: dict[str, dict[str, bool]] = {}

    @model_validator(mode="after")
    def _fits_its_type(self) -> InputFile:
        if self.type in ("int", "number") and (
            self.range is None or len(self.range) != 2 or self.range[0] >= self.range[1]
        ):
            raise ValueError("a number needs range: [lowest, first value above]")
        if self.type in ("int", "number") and not self.unit:
            raise ValueError("a number needs its unit")
        if self.type == "enum" and len(set(self.values)) < 2:
            raise ValueError("an enum needs two or more different values")
        if not set(self.implies) <= set(self.values):
            raise ValueError("implies names a value that is not among values")
        if self.danger and self.type != "bool":
            raise ValueError("a danger sign is a yes-or-no question (type: bool)")
        return self


class RowFile(_Strict):
    """One row of a table."""

    when: dict[str, object]
    classification: str | None = None
    result: str | None = None
    colour: Literal["red", "yellow", "green"] | None = None
    actions: list[str | dict[str, int | dict[str, float]]] = []
    doses: list[str] = []
    params: dict[str, float] = {}
    source: str
    page: str = Field(min_length=1)
    also: list[CitationFile] = []
    reviewed: bool
    note: str | None = None


class TableFile(_Strict):
    """One decision table."""

    id: str
    section: str
    kind: Literal["classify", "derive"]
    semantics: Literal["first_match", "unique"]
    applies: dict[str, object] = {}
    rows: list[RowFile] = Field(min_length=1)


class AgeFile(_Strict):
    """Which input gives the age, in what unit."""

    input: str
    unit: Literal["day", "week", "month", "year"]


class ProtocolFile(_Strict):
    """A protocol file. `age` may be left out only where no row gives a medicine."""

    id: str
    short: str | None = None
    version: int
    title: str
    subject: Literal["child", "infant", "woman", "adult", "anyone"]
    age: AgeFile | None = None
    person: dict[Literal["pregnant", "breastfeeding", "trimester"], bool | str] = {}
    optional: list[str] = []
    sources: str
    formulary: str
    inputs: dict[str, InputFile]
    tables: list[TableFile] = Field(min_length=1)


class BandFile(_Strict):
    """One row of the formulary."""

    months: list[float] | None = Field(min_length=2, max_length=2)
    kg: list[float] | None = Field(min_length=2, max_length=2)
    only: dict[str, object] = {}
    amount: dict[str, float | str]
    times_a_day: int | None
    every_hours: int | None = None
    days: int | None
    until: str | None = None
    source: str
    page: str = Field(min_length=1)
    also: list[CitationFile] = []
    reviewed: bool
    note: str | None = None

    @model_validator(mode="after")
    def _ends(self) -> BandFile:
        if self.days is None and self.until is None:
            raise ValueError("give days, or until (when the medicine is stopped)")
        if any(interval is not None and interval[0] >= interval[1] for interval in (self.months, self.kg)):
            raise ValueError("an interval is [from, below]")
        if self.months is None and self.kg is None and not self.only:
            raise ValueError("a band says for whom it is: months, kg, or only")
        return self


class MaximumFile(_Strict):
    """The most that may be given in a day."""

    mg_per_day: float | None = Field(default=None, gt=0)
    mg_per_kg_per_day: float | None = Field(default=None, gt=0)
    tablets_per_day: float | None = Field(default=None, gt=0)
    source: str
    page: str = Field(min_length=1)
    reviewed: bool

    @model_validator(mode="after")
    def _one(self) -> MaximumFile:
        given = [self.mg_per_day, self.mg_per_kg_per_day, self.tablets_per_day]
        if sum(value is not None for value in given) != 1:
            raise ValueError("a maximum is mg_per_day, mg_per_kg_per_day or tablets_per_day, one of them")
        return self


class ContraindicationFile(_Strict):
    """Who must not have a medicine, or only with care."""

    when: dict[str, object] = Field(min_length=1)
    level: Literal["never", "caution"]
    text: str = Field(min_length=1)
    if_unknown: Literal["stop", "say"] = "stop"
    source: str
    page: str = Field(min_length=1)
    reviewed: bool
    note: str | None = None


class MedicineFile(_Strict):
    """One medicine of the formulary. `refer`: never given by what is written here, so it has no bands."""

    form: str
    strength: str | None
    card: str | None = None
    names: list[str] = Field(min_length=1)
    refer: bool = False
    mg_per_tablet: float | None = Field(default=None, gt=0)
    mg_per_ml: float | None = Field(default=None, gt=0)
    maximum: MaximumFile | None = None
    contraindications: list[ContraindicationFile] = []
    bands: list[BandFile] = []

    @model_validator(mode="after")
    def _given_or_not(self) -> MedicineFile:
        if self.refer == bool(self.bands):
            raise ValueError("a medicine has bands, or refer: true")
        if self.bands and not self.card:
            raise ValueError("a medicine with bands names the card that presents its dose")
        return self


class FormularyFile(_Strict):
    """formulary.yaml."""

    sources: str
    medicines: dict[str, MedicineFile]
