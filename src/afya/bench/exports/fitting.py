"""What another program must be told so that a local model reads there, token by token, what it reads with afya.

Three things differ between programs and cannot be told from a prompt: the token that ends the model's turn, the
beginning-of-sequence token, and whether the model's turn may begin with the answer marker ("Jibu:").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import ConfigError, EngineError
from afya.runs import read_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# The template is given the conversation without its last message when that is the model's own, begun turn, and the
# turn's text is put behind what the template wrote: where the reply begins.
_BEGUN = (
    "{%- if messages[-1]['role'] == 'assistant' -%}"
    "{%- set afya_begun = messages[-1]['content'] -%}{%- set messages = messages[:-1] -%}"
    "{%- else -%}{%- set afya_begun = '' -%}{%- endif %}{{ '' }}"
)


@dataclass(frozen=True)
class Fitted:
    """One local model's ways.

    `path` is its folder, `name` what to call it. `end_turn` ends its turns ("" without a chat template); `ends` are the
    ids of the tokens that end a reply, given where the model's own settings leave out the end of the turn, else empty.
    `start` is to begin a text without template ("" where nothing is), `adds_start` says that its tokenizer puts a
    beginning there by itself, `thinks` that its chat template has a switch for thinking.
    """

    name: str
    path: Path
    end_turn: str
    ends: tuple[int, ...]
    start: str
    adds_start: bool
    chat_template: str | None
    thinks: bool

    @property
    def begun_template(self) -> str | None:
        """The chat template for conversations that may end in a begun turn; None where there is none."""
        if self.chat_template is None:
            return None
        # Jinja leaves out one newline at the very end of a template, where it no longer is.
        return _BEGUN + self.chat_template.removesuffix("\n") + "{{ afya_begun }}"


def fitted(spec: str) -> Fitted:
    """The ways of "hf:FOLDER" or "hf:OWNER/NAME". Raises ConfigError for another engine, EngineError as loading."""
    from afya.models.load import parse_spec

    engine, name = parse_spec(spec)
    if engine != "hf":
        raise ConfigError(f"--for {spec}: only local models have a tokenizer to fit to.", hint="Give hf:FOLDER.")
    from afya.models.hub import is_hub_name, locate
    from afya.models.rendering import encode, end_of_turn

    folder = locate(name)
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the library raises whatever its readers raise
        raise EngineError(f"{folder}: its tokenizer cannot be loaded ({type(error).__name__}: {error}).") from error
    template = tokenizer.chat_template
    if template is not None and not isinstance(template, str):
        raise EngineError(f"{folder}: its tokenizer has several chat templates.", hint="Keep one of them.")
    bos = tokenizer.bos_token_id
    alone: Any = tokenizer("x")["input_ids"]
    starts = bos is not None and not template and encode(["x"], tokenizer)[0][:1] == [bos]
    end = end_of_turn(tokenizer)
    return Fitted(
        name=name if is_hub_name(name) else folder.resolve().name,
        path=folder,
        end_turn=end,
        ends=_ends(folder, tokenizer, end),
        start=str(tokenizer.bos_token) if starts else "",
        adds_start=bos is not None and list(alone)[:1] == [bos],
        chat_template=template,
        thinks="enable_thinking" in (template or ""),
    )


def _ends(folder: Path, tokenizer: PreTrainedTokenizerBase, end: str) -> tuple[int, ...]:
    settings = folder / "generation_config.json"
    told: Any = read_json(settings).get("eos_token_id") if settings.exists() else None
    ids = {int(value) for value in (told if isinstance(told, list) else [told]) if value is not None}
    turn: Any = tokenizer.convert_tokens_to_ids(end) if end else None
    if turn is None or turn in ids:
        return ()
    eos: Any = tokenizer.eos_token_id
    return tuple(sorted(ids | {int(turn)} | ({int(eos)} if eos is not None else set())))
