"""`afya audit`: what became of turns: the log checked and replayed, the supervisor's queue, referrals exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import date

    from afya.assistant import Assistant
    from afya.assistant.audit.queue import Case
    from afya.assistant.audit.record import Event
    from afya.assistant.audit.replay import Ask, Replayed
    from afya.assistant.audit.taps import RecordedModel, RecordedTranslator
    from afya.assistant.context import Context, Request

app = typer.Typer(help="The audit log of the assistant, its replay, and the supervisor's queue.", no_args_is_help=True)
queue_app = typer.Typer(help="Turns that a supervisor should look at.", no_args_is_help=True)
app.add_typer(queue_app, name="queue")

LogArgument = Annotated[Path, typer.Argument(help="The audit log (.jsonl).")]
QueueArgument = Annotated[Path, typer.Argument(help="The queue's file (SQLite).")]
TurnArgument = Annotated[str, typer.Argument(help="The turn, as `afya audit turns` lists it.")]


@app.command("head")
def head(log: LogArgument) -> None:
    """Print the log's head, NUMBER:HASH. Note it elsewhere: it is the anchor that verify can be given later."""
    from afya.assistant.audit import AuditLog

    typer.echo(str(AuditLog(log).head()))


@app.command("verify")
def verify_(
    log: LogArgument,
    start: Annotated[int, typer.Option("--from", min=1, help="Begin at this event.")] = 1,
    anchor: Annotated[
        list[str] | None,
        typer.Option("--anchor", help="A head noted earlier, NUMBER:HASH; may be given several times."),
    ] = None,
) -> None:
    """Say whether every event stands as it was written; else which was changed, removed, put in, moved or cut off."""
    from afya.assistant.audit import Head, verify
    from afya.errors import DataError

    report = verify(log, start=start, anchors=[Head.parse(text) for text in anchor or ()])
    for note in report.notes:
        typer.echo(f"note: {note}")
    for fault in report.faults:
        typer.echo(str(fault))
    counted = f"{report.events:,} events, {report.turns:,} turns, {report.files:,} file{'s' * (report.files != 1)}"
    if not report.holds:
        raise DataError(
            f"{log}: {len(report.faults) + report.more:,} faults in {counted}.",
            hint="Keep the files as they are; what stands before the first fault can be trusted.",
        )
    typer.echo(f"The log holds: {counted}. Head {report.head}")


@app.command("turns")
def turns_(
    log: LogArgument,
    limit: Annotated[int | None, typer.Option("--last", min=1, help="Only the last so many.")] = None,
) -> None:
    """List the turns: when, language, route, colour."""
    from collections import deque

    from rich.console import Console

    from afya.assistant.audit import turns
    from afya.assistant.audit.chain import summary
    from afya.assistant.audit.record import HEAD_STAGE
    from afya.cli.tables import plain, table_of

    rows = deque((summary(each) for each in turns(log) if each[0].stage == HEAD_STAGE), maxlen=limit)
    table = table_of("turn", "time (UTC)", "lang", "route", "colour")
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*plain(*(str(value or "-") for value in {**row, "at": _minute(str(row["at"]))}.values())))
    Console().print(table)


@app.command("show")
def show(log: LogArgument, turn: TurnArgument) -> None:
    """Print a turn's events, a line each."""
    from afya.assistant.audit import find_turn
    from afya.runs import canonical

    for event in find_turn(log, turn):
        typer.echo(f"{event.number}  {event.stage}  {event.status}  {event.ms:g} ms  {canonical(event.decisions)}")


@app.command("replay")
def replay_(
    log: LogArgument,
    turn: Annotated[str | None, typer.Option("--turn", help="Only this turn.")] = None,
    packs: Annotated[
        Path | None, typer.Option("--packs", help="A folder of packs, as the turns were asked with.")
    ] = None,
    knowledge: Annotated[
        Path | None, typer.Option("--knowledge", help="The knowledge folder that the turns were asked with.")
    ] = None,
) -> None:
    """Run turns again with the assistant as it is now, and compare every stage's decisions byte for byte."""
    from afya.assistant.audit import turns
    from afya.assistant.audit.inputs import fingerprints
    from afya.assistant.audit.record import HEAD_STAGE
    from afya.assistant.audit.replay import replay
    from afya.errors import DataError

    again = _Again(packs, knowledge)
    count = differing = left_out = 0
    for events in turns(log, only=turn):
        if events[0].stage != HEAD_STAGE:
            continue
        count += 1
        assistant = again.assistant(events[0])
        try:
            found = replay(log, events, again.ask(assistant), fingerprints(assistant.resources))
        except DataError as error:
            left_out += 1
            typer.echo(f"{events[0].turn}  not replayed: {error}")
            continue
        differing += not found.same
        _tell(found)
    if turn is not None and not count:
        raise DataError(f"{log}: no turn '{turn}'.", hint="`afya audit turns LOG` lists them.")
    told = f"{count:,} turn{'s' * (count != 1)}, {differing:,} decided otherwise, {left_out:,} could not be replayed"
    if differing or left_out:
        raise DataError(f"{log}: {told}.")
    typer.echo(f"{told}.")


@app.command("fhir")
def fhir_(
    log: LogArgument,
    turn: TurnArgument,
    out: Annotated[Path, typer.Option("--out", help="The file to write (JSON).")],
) -> None:
    """Write a referral as a FHIR R4 Bundle, checked by fhir.resources."""
    from afya.assistant.audit import find_turn
    from afya.assistant.audit.fhir import export

    count = export(find_turn(log, turn), out)
    typer.echo(f"{count} resources in {out}.")


@queue_app.command("list")
def list_(
    queue: QueueArgument,
    everything: Annotated[bool, typer.Option("--all", help="Also what is answered or expired.")] = False,
    lang: Annotated[str | None, typer.Option("--lang", help="Only this language.")] = None,
) -> None:
    """List what waits, the longest waiting first."""
    from rich.console import Console

    from afya.assistant.audit import Queue
    from afya.cli.tables import plain, table_of

    with Queue(queue, made=False) as opened:
        cases = opened.cases(state=None if everything else "waiting", lang=lang)
    table = table_of("turn", "since (UTC)", "state", "why", "lang")
    table.columns[0].no_wrap = True
    for case in cases:
        table.add_row(*plain(case.turn, _minute(case.added), case.state, case.note or case.reason, case.lang))
    Console().print(table)


@queue_app.command("show")
def show_case(queue: QueueArgument, turn: TurnArgument) -> None:
    """Print a turn of the queue: the message, what was answered, and what a supervisor said."""
    from afya.assistant.audit import Queue

    with Queue(queue, made=False) as opened:
        typer.echo("\n".join(_lines(opened.case(turn))))


@queue_app.command("answer")
def answer(
    queue: QueueArgument,
    turn: TurnArgument,
    text: Annotated[str, typer.Option("--text", help="What the health worker is to be told.")],
    by: Annotated[str, typer.Option("--by", help="Who answers.")],
    log: Annotated[Path | None, typer.Option("--log", help="An audit log that keeps the answer as well.")] = None,
) -> None:
    """Answer a turn that waits."""
    from afya.assistant.audit import AuditLog, Queue
    from afya.assistant.audit.record import Entry

    with Queue(queue, made=False) as opened:
        case = opened.answer(turn, text, by=by)
        if log is not None:
            decisions = {"turn": turn, "answer": case.answer, "by": case.answered_by}
            AuditLog(log).append(f"{turn}-supervisor", [Entry("supervisor", "ok", decisions)])
    typer.echo(f"Turn {turn} is answered.")


@queue_app.command("expire")
def expire(
    queue: QueueArgument,
    hours: Annotated[float, typer.Option("--hours", min=0, help="What has waited longer than this.")] = 72.0,
) -> None:
    """Set what nobody answered in time to expired."""
    from afya.assistant.audit import Queue

    with Queue(queue, made=False) as opened:
        count = opened.expire(hours)
    typer.echo(f"{count:,} turn{'s' * (count != 1)} expired.")


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")


class _Again:
    """The present assistant, loaded once a language and day (passages expire by the day)."""

    def __init__(self, packs: Path | None, knowledge: Path | None) -> None:
        self._packs = packs
        self._knowledge = knowledge
        self._loaded: dict[tuple[str, date], Assistant] = {}

    def assistant(self, head: Event) -> Assistant:
        """For the turn that begins with this event."""
        from datetime import datetime

        from afya.assistant import Assistant
        from afya.assistant.knowledge import knowledge_of

        lang, day = str(head.decisions["request"]["lang"]), datetime.fromisoformat(head.at).date()
        if (lang, day) not in self._loaded:
            known = head.decisions.get("fingerprints", {}).get("knowledge") is not None
            passages = knowledge_of(lang, self._knowledge, packs=self._packs, today=day) if known else None
            self._loaded[lang, day] = Assistant(lang, packs=self._packs, knowledge=passages)
        return self._loaded[lang, day]

    def ask(self, assistant: Assistant) -> Ask:
        """Runs a turn with recorded engines, and gives what the audit is given."""

        def ask(request: Request, model: RecordedModel | None, translator: RecordedTranslator | None) -> Context:
            kept: list[Context] = []
            kit = assistant.resources
            kit.model, kit.translator, kit.audit = model, translator, kept.append
            assistant.turn(request)
            return kept[0]

        return ask


def _tell(found: Replayed) -> None:
    if found.same:
        typer.echo(f"{found.turn}  the same in {found.compared} stages")
    else:
        first = found.differing[0]
        typer.echo(f"{found.turn}  differs first at {first.stage}")
        for difference in found.differing:
            typer.echo(f"  {difference.stage}: {'; '.join(difference.keys[:5])}")
    if found.changed and not found.same:
        typer.echo(f"  changed since: {', '.join(found.changed)}")
    for reason, stages in found.not_compared.items():
        typer.echo(f"  not compared: {', '.join(stages)} ({reason})")


def _lines(case: Case) -> list[str]:
    lines = [
        f"{case.turn}  {case.state}  {case.note or case.reason}  {case.lang}  since {case.added}",
        f"Message: {case.text}",
    ]
    if case.pivot:
        lines.append(f"In English: {case.pivot}")
    lines += ["The health worker was told:", *(f"  {line}" for line in case.shown.splitlines())]
    if case.answer is not None:
        lines += [
            f"Answer of {case.answered_by} ({case.answered}):",
            *(f"  {line}" for line in case.answer.splitlines()),
        ]
    return lines
