"""The user's own Python: a file that was named on the command line or in a declaration, and a function in it.

It runs with all the rights of the person who named it, as any script of theirs does. Nothing else is ever run: data
sets, packs and replies bring no code.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from afya.errors import AfyaError, ConfigError


def load_module(path: Path) -> ModuleType:
    """The module in a Python file, run anew; it may import what lies beside it.

    Raises ConfigError when there is no such file or it does not run.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file.", hint="Name a Python file and a function in it: file.py:function.")
    name = f"afya_user_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: this is no Python file.")
    module = module_from_spec(spec)
    # Dataclasses and the like look their module up while it runs.
    sys.modules[name] = module
    beside = str(path.resolve().parent)
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
    except AfyaError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{path}: it cannot be run ({told(error, path)}).") from error
    finally:
        sys.modules.pop(name, None)
        sys.path.remove(beside)
    return module


def load_function(ref: str) -> Callable[..., Any]:
    """The function that 'file.py:function' names. Raises ConfigError when there is none."""
    path, colon, name = ref.rpartition(":")
    if not colon:
        raise ConfigError(f"'{ref}' names no function.", hint="Write file.py:function.")
    found = getattr(load_module(Path(path)), name, None)
    if not callable(found):
        raise ConfigError(f"{path}: there is no function '{name}' in it.")
    return found  # type: ignore[no-any-return]


def told(error: BaseException, path: Path) -> str:
    """An error of the user's code in one line: its kind, what it says, and the last line of `path` it went through."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == path.resolve()
    ]
    says = str(error)
    if isinstance(error, SyntaxError) and error.lineno:
        lines, says = [error.lineno], error.msg
    where = f", line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}: {says[:200]}{where}"
