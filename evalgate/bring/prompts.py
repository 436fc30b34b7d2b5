"""The templates of the first baselines, and how long answers and prompts may be: all to be improved on dev."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.bring.items import Item
from evalgate.core.data import TaskKind

_ASKS: dict[TaskKind, tuple[str, str]] = {
    "classification": ('Classify as one of: {{ labels | join(", ") }}. Answer with the label alone.', "Label:"),
    "extraction": (
        "Answer with one JSON object that keeps this schema, and with nothing else:\n{{ schema | tojson }}",
        "JSON:",
    ),
    "summarization": ("Summarise in one or two sentences.", "Summary:"),
    "qa": ("Answer in a few words.", "Answer:"),
    "generation": ("", "Answer:"),
}
_SHOTS: dict[TaskKind, int] = {"classification": 8, "extraction": 2, "summarization": 1, "qa": 4, "generation": 2}
# Schemas longer than this leave no room for the question; then the keys alone are shown.
_LONG_SCHEMA = 1500
# Characters a token, on the short side, for English and for most other languages.
_CHARS = 3


@dataclass(frozen=True, slots=True)
class Prompts:
    """Both templates, with the settings that stand beside them in YAML."""

    zero_shot: str
    few_shot: str
    n_shots: int
    max_tokens: int
    max_length: int
    stop: tuple[str, ...]


def prompts_for(items: Sequence[Item], train: Sequence[Item], kind: TaskKind, schema_chars: int) -> Prompts:
    """Templates over the input fields of these items; lengths from their 99th percentiles."""
    fields = list(items[0].inputs)
    chat = not isinstance(items[0].inputs[fields[0]], str)
    ask, answer = _ASKS[kind]
    if kind == "extraction" and schema_chars > _LONG_SCHEMA:
        ask = 'Answer with one JSON object and nothing else. Keys: {{ schema.properties | join(", ") }}.'
    bare = kind == "generation" and (chat or fields in (["prompt"], ["instruction"], ["instruction", "input"]))
    ending = "Assistant:" if chat and kind == "generation" else "" if bare else answer
    asked, shown = _body(fields, "", chat=chat, bare=bare), _body(fields, "shot.", chat=chat, bare=bare)
    n_shots = min(_SHOTS[kind], len(train))
    words = (ending or answer) + " "
    head = f"{ask}\n\n" if ask else ""
    shots = f"{{% for shot in shots %}}\n{shown}{words}{{{{ shot.answer }}}}\n\n{{% endfor %}}\n"
    few = f"{head}{shots}{asked}{words.strip()}\n"
    short = kind in ("classification", "qa") and all("\n" not in r for i in items for r in i.references)
    longest = _p99([max(map(len, item.references), default=0) for item in items])
    asked_chars = _p99([sum(map(len, item.texts())) for item in items])
    length = (asked_chars + longest + len(ask) + (schema_chars if schema_chars <= _LONG_SCHEMA else 0)) // _CHARS + 64
    return Prompts(
        zero_shot=f"{head}{asked}{ending}".rstrip("\n") + "\n",
        few_shot=few,
        n_shots=n_shots,
        max_tokens=max(8, -(-(longest // _CHARS + 4) // 8) * 8),
        max_length=min(8192, max(256, 1 << (length - 1).bit_length())),
        stop=("\n",) if short else (),
    )


def _body(fields: Sequence[str], source: str, *, chat: bool, bare: bool) -> str:
    if chat:
        turns = f"{{% for turn in {source}{fields[0]} %}}\n{{{{ turn.role | capitalize }}}}: {{{{ turn.content }}}}\n"
        return turns + "{% endfor %}\n"
    if bare and not source:
        first, *rest = fields
        more = "".join(f"{{% if {name} %}}\n\n{{{{ {name} }}}}\n{{% endif %}}\n" for name in rest)
        return f"{{{{ {first} }}}}\n{more}"
    return "".join(f"{_title(name)}: {{{{ {source}{name} }}}}\n" for name in fields)


def _title(name: str) -> str:
    return name.removesuffix("_text").replace("_", " ").capitalize()


def _p99(lengths: Sequence[int]) -> int:
    return sorted(lengths)[int(0.99 * (len(lengths) - 1))]
