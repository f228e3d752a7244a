"""The errors a person can act on: what went wrong, where, and what to do about it.

Every error afya raises on purpose is an `AfyaError`. The command line prints it as sentences and exits with the
class's `exit_code`; a traceback appears only with `--debug`. Exit codes (docs/errors.md): 0 done, 1 an unexpected
fault, 2 wrong usage or recipe, 3 bad data, 4 something that is not installed, 5 a run folder that cannot be used, 6 a
model or engine that failed, 8 a model that became worse and is not published.
"""

from __future__ import annotations

from importlib.util import find_spec


class AfyaError(Exception):
    """An error in sentences. `message` says what and where, `hint` what to do."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes send errors back by pickling; the default would lose the keyword-only hint.
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[AfyaError], message: str, hint: str | None) -> AfyaError:
    return kind(message, hint=hint)


class ConfigError(AfyaError):
    """A command, recipe or shipped data file that asks for something impossible."""

    exit_code = 2


class DataError(AfyaError):
    """A file or row that is not what its format promises."""

    exit_code = 3


class MissingDependencyError(AfyaError):
    """A library or program the command needs is not installed."""

    exit_code = 4


class RunError(AfyaError):
    """A run folder that cannot be continued, or a part of a run that failed."""

    exit_code = 5


class EngineError(AfyaError):
    """A model or translator that could not be loaded or did not answer."""

    exit_code = 6


class GuardError(AfyaError):
    """A stage that made a language significantly worse, where that is not to be published."""

    exit_code = 8


class EngineDownError(EngineError):
    """An engine that answers nothing for now: what it was asked may be asked again when it is back."""


def require(module: str, extra: str, purpose: str) -> None:
    """Raise `MissingDependencyError` naming the extra to install when `module` cannot be imported.

    Call it before a lazy import, so that the person reads what to install instead of a traceback.
    """
    if find_spec(module.partition(".")[0]) is None:
        raise MissingDependencyError(
            f"{purpose} needs the Python package '{module}', which is not installed.",
            hint=f"Install it with: pip install 'afya[{extra}]'",
        )
