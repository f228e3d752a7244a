"""The YAML files that hold what is not code: languages, literals, thresholds, doses, texts.

One loader for all of them, so that a mistake in any file is reported the same way: file, line, what was expected.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from afya.errors import ConfigError

if TYPE_CHECKING:
    import yaml
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")


def read_yaml(path: Path) -> object:
    """The parsed content of a YAML file. Duplicate keys are errors, since YAML would silently keep the last one.

    Raises:
        ConfigError: the file is missing, is not UTF-8, is not YAML, or repeats a key; the line is named.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        return yaml.load(text, Loader=_unique_key_loader())
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else "somewhere"
        raise ConfigError(f"{path}, {line}: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML ({error}).") from None


def read_model(path: Path, model: type[Model]) -> Model:
    """The YAML file at `path`, validated as `model`. Raises ConfigError naming every wrong key and its place."""
    return validate(read_yaml(path), model, str(path))


def validate(content: object, model: type[Model], where: str) -> Model:
    """`content` as `model`; a mistake is a ConfigError listing key, what is wrong, and the nearest known key."""
    from pydantic import ValidationError

    if content is None:
        raise ConfigError(f"{where}: the file is empty.", hint=f"It needs the keys: {', '.join(model.model_fields)}.")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        known = sorted(_keys(model, set()))
        lines = [_explain(problem, known) for problem in error.errors()[:8]]
        more = error.error_count() - len(lines)
        if more > 0:
            lines.append(f"and {more} more")
        raise ConfigError(f"{where}: " + "; ".join(lines) + ".") from None


def _keys(model: Any, seen: set[Any]) -> set[str]:
    """The field names of a model and of the models inside it."""
    from typing import get_args

    from pydantic import BaseModel

    if isinstance(model, type) and issubclass(model, BaseModel):
        if model in seen:
            return set()
        seen.add(model)
        return {*model.model_fields}.union(*(_keys(field.annotation, seen) for field in model.model_fields.values()))
    return set().union(*(_keys(part, seen) for part in get_args(model)))


def _explain(problem: Any, known: list[str]) -> str:
    import difflib

    place = ".".join(str(part) for part in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        own = str(problem["loc"][-1])
        if own in known:
            return f"'{own}' is no key of this place ('{place}')"
        near = difflib.get_close_matches(own, known, n=1)
        return f"unknown key '{place}'" + (f" (did you mean '{near[0]}'?)" if near else "")
    if problem["type"] == "missing":
        return f"{place} is missing"
    if problem["type"] == "too_short" and problem["ctx"].get("actual_length") == 0:
        return f"{place} is empty"
    return f"{place}: {str(problem['msg']).removeprefix('Value error, ')}"


def override(content: Any, text: str) -> Any:
    """`content` with one key changed by a `key.path=value` (the value is YAML); it is changed in place.

    A list's entries are named by their number or by their `name`.

    Raises:
        ConfigError: the text is not of that form, or the path leads nowhere.
    """
    import yaml

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"'{text}' is not of the form key=value.", hint="For example: stages.0.learning_rate=0.001")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"The value of '{text}' is not YAML.") from None
    place = content
    *path, last = key.split(".")
    for part in path:
        place = _child(place, part, text)
    if isinstance(place, list):
        entry = _child(place, last, text)
        place[next(number for number, known in enumerate(place) if known is entry)] = parsed
    elif isinstance(place, dict):
        place[last] = parsed
    else:
        raise ConfigError(f"'{text}': '{key}' stands inside a value that has no keys.")
    return content


def _child(place: Any, part: str, text: str) -> Any:
    if isinstance(place, list):
        by_name = {entry.get("name"): entry for entry in place if isinstance(entry, dict)}
        if part in by_name:
            return by_name[part]
        if part.isdigit() and int(part) < len(place):
            return place[int(part)]
    elif isinstance(place, dict):
        return place.setdefault(part, {})
    raise ConfigError(f"'{text}': the recipe has no '{part}' there.")


_loader: type[yaml.SafeLoader] | None = None


def _unique_key_loader() -> type[yaml.SafeLoader]:
    global _loader
    if _loader is not None:
        return _loader
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class UniqueKeyLoader(base):  # type: ignore[misc]
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            seen: set[Hashable] = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if isinstance(key, Hashable) and key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key '{key}' appears twice", key_node.start_mark
                    )
                seen.add(key)
            return super().construct_mapping(node, deep)  # type: ignore[no-any-return]

    _loader = UniqueKeyLoader
    return UniqueKeyLoader
