"""`afya`: the command groups put together, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from afya import __version__
from afya.cli import (
    ask,
    assess,
    audit,
    bench,
    data,
    demo,
    evaluate,
    glossary,
    knowledge,
    models,
    pack,
    protocol,
    review,
    train,
    translate,
)

app = typer.Typer(
    name="afya",
    help="Medical language models for the languages that were left out: build data, measure, train, answer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
data.app.add_typer(review.app, name="review")
app.add_typer(translate.app, name="translate")
app.add_typer(glossary.app, name="glossary")
app.add_typer(bench.app, name="bench")
app.add_typer(models.app, name="models")
app.add_typer(train.app, name="train")
app.command("ask")(ask.ask)
app.command("assess")(assess.assess)
app.add_typer(protocol.app, name="protocol")
app.add_typer(pack.app, name="pack")
app.add_typer(evaluate.app, name="eval")
app.add_typer(knowledge.app, name="knowledge")
app.add_typer(audit.app, name="audit")
app.command("demo")(demo.demo)

_debug = False


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"afya {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    global _debug
    _debug = debug


def run() -> None:
    """Run the command line. Exit codes are listed in docs/errors.md."""
    from afya.errors import AfyaError

    try:
        code = app(standalone_mode=False)
    except AfyaError as error:
        if _debug:
            raise
        _complain(str(error))
        sys.exit(error.exit_code)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _complain("Stopped. Start the same command again to continue.")
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) went away; there is nobody to tell.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if _debug:
            raise
        if hasattr(error, "format_message"):  # click's own usage errors
            told = error.format_message().rstrip(".")
            if told:  # empty when the help was shown because nothing was asked for
                _complain(f"{told}. --help shows what there is.")
            sys.exit(2)
        _complain(
            f"An unexpected fault, {type(error).__name__}: {error}. This is a fault of afya; --debug shows where."
        )
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> None:
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(message, err=True)


if __name__ == "__main__":
    run()
