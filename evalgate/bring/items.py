"""Rows of any shape become items: inputs, references, label, cluster, each with the place that it came from."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from evalgate.bring.rows import MAX_ROW_BYTES, Row, fault, is_missing, text_at, text_of_value
from evalgate.bring.shapes import Reading, Wish, is_json_object
from evalgate.core.content import content_digest
from evalgate.core.data import Message
from evalgate.core.record import canonical_json, digest_bytes

Inputs = dict[str, str | list[Message]]
_ROLES = {"human": "user", "gpt": "assistant", "bing": "assistant", "chatgpt": "assistant", "model": "assistant"}
ROLES = ("system", "user", "assistant", "tool")
_HH_TURN = re.compile(r"\n\n(Human|Assistant): ?")
# Names that a template would read as something else: Jinja's own, what evalgate adds, and a mapping's methods.
_TAKEN = {*dir(dict), *keyword.kwlist, "shot", "shots", "passage", "passages", "schema", "labels", "answer", "loop"}
_TAKEN |= {"self", "range", "dict", "namespace", "cycler", "joiner", "lipsum", "caller", "true", "false", "none"}


@dataclass(slots=True)
class Item:
    """One example in the making."""

    row: Row
    inputs: Inputs
    references: tuple[str, ...]
    label: str | None = None
    cluster: str | None = None
    split: str | None = None
    id: str = ""
    _content: str = ""
    _digest: str = ""

    @property
    def place(self) -> str:
        """Where it came from."""
        return self.row.place

    def texts(self) -> list[str]:
        """Every text of the input, in order."""
        return [t for v in self.inputs.values() for t in ([v] if isinstance(v, str) else [m.content for m in v])]

    def content(self) -> str:
        """The identity of what is asked, but for case and spaces."""
        self._content = self._content or content_digest("\n".join(self.texts()))
        return self._content

    def digest(self) -> str:
        """The identity of everything that is asked and answered."""
        parts = [self.inputs, self.references, self.label, self.cluster]
        self._digest = self._digest or digest_bytes(canonical_json(parts))
        return self._digest

    def changed(self) -> None:
        """Forget the identities of what it was."""
        self._content = self._digest = ""


def field_names(columns: Sequence[str]) -> dict[str, str]:
    """Column -> a name that a template can use; different columns keep different names."""
    names: dict[str, str] = {}
    for column in columns:
        name = re.sub(r"\W+", "_", column.strip().lower()).strip("_") or "text"
        name = name if name.isidentifier() else f"field_{len(names) + 1}"
        name = f"{name}_text" if name in _TAKEN else name
        while name in names.values():
            name += "_2"
        names[column] = name
    return names


def items_of(rows: Sequence[Row], reading: Reading, wish: Wish, split: str | None) -> list[Item]:
    """One item a row; raises for the first row that does not keep the shape, with its place."""
    names = field_names(reading.texts)
    made = []
    for row in rows:
        inputs, references = _pair(row, reading, names)
        for text in [*references, *(v for v in inputs.values() if isinstance(v, str))]:
            if len(text) > MAX_ROW_BYTES:
                what = f"a text is longer than {MAX_ROW_BYTES // 1_000_000} million characters"
                fault(what, row.place, "cut the text, or delete the row", code="row-too-long")
        if reading.kind == "extraction":
            _refuse_no_json(row, references)
        item = Item(row=row, inputs=inputs, references=references, split=split)
        if reading.kind == "classification":
            item.label = references[0].strip() if references else None
            item.references = (item.label,) if item.label else ()
        if wish.cluster:
            item.cluster = text_at(row, wish.cluster) or None
        made.append(item)
    return made


def _pair(row: Row, reading: Reading, names: dict[str, str]) -> tuple[Inputs, tuple[str, ...]]:
    if reading.shape in ("messages", "sharegpt"):
        turns = _turns(row, reading.texts[0], row.values.get(reading.texts[0]))
        return {"conversation": turns[:-1]}, (_answer_turn(row, turns),)
    if reading.shape == "preference":
        return _preferred(row, reading)
    _refuse_absent(row, reading)
    inputs: Inputs = {name: text_at(row, column) for column, name in names.items()}
    column = next((c for c in reading.answers if not is_missing(row.values.get(c))), reading.answers[0])
    value = row.values.get(column)
    return inputs, _json(row, column, value) if reading.kind == "extraction" else _texts(row, column, value)


def _refuse_absent(row: Row, reading: Reading) -> None:
    for column in reading.texts:
        if column not in row.values and (reading.shape, column.lower()) != ("alpaca", "input"):
            fix = f"give the row its '{column}' (it may be empty where another input is not), or delete it"
            fault(f"the row has no '{column}', which is part of the input", row.place, fix, code="missing-field")


def _texts(row: Row, column: str, value: Any) -> tuple[str, ...]:
    """The references of a cell: one text, or the different ones of a list."""
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        value = value["text"]
    values = value if isinstance(value, list) else [value]
    texts = [text_of_value(row, column, v).strip() for v in values if not _is_nothing(v)]
    return tuple(dict.fromkeys(text for text in texts if text))


def _is_nothing(value: object) -> bool:
    return is_missing(value) and not isinstance(value, float)


def _refuse_no_json(row: Row, references: Sequence[str]) -> None:
    if any(reference.strip() and not is_json_object(reference) for reference in references):
        fix = "write one JSON object, or say `--kind generation` if the answers are plain text"
        fault("the answer is no JSON object", row.place, fix, code="bad-reference")


def _json(row: Row, column: str, value: Any) -> tuple[str, ...]:
    if is_missing(value) and not isinstance(value, dict):
        return ()
    if not is_json_object(value):
        fix = "write one JSON object, or say `--kind generation` if the answers are plain text"
        fault(f"the column '{column}' holds no JSON object", row.place, fix, code="bad-reference")
    if isinstance(value, str):
        return (value.strip(),)
    try:
        return (json.dumps(value, ensure_ascii=False, allow_nan=False),)
    except (TypeError, ValueError) as error:
        text = f"the column '{column}' cannot be written as JSON: {error}"
        fault(text, row.place, "keep to texts, numbers, true, false, null, lists and objects", code="bad-reference")


def _turns(row: Row, column: str, value: Any) -> list[Message]:
    """A conversation of any of the usual forms; raises `bad-conversation`."""
    if not isinstance(value, list) or not value:
        _bad_turns(row, f"the column '{column}' holds no list of turns")
    turns = []
    for number, turn in enumerate(value, 1):
        if not isinstance(turn, dict):
            _bad_turns(row, f"turn {number} of '{column}' is not an object with a role and a text")
        said = turn.get("role", turn.get("from"))
        role = _ROLES.get(str(said).lower(), str(said).lower())
        if role not in ROLES:
            _bad_turns(row, f"turn {number} of '{column}' has the role {said!r}; known: {', '.join(ROLES)}")
        content = turn.get("content", turn.get("value"))
        if isinstance(content, list):
            content = "\n".join(_part(row, number, part) for part in content)
        if not isinstance(content, str):
            _bad_turns(row, f"turn {number} of '{column}' has no text")
        turns.append(Message(role=role, content=content))
    return turns


def _part(row: Row, number: int, part: Any) -> str:
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        _bad_turns(row, f"turn {number} holds something other than text")
    return str(part["text"])


def _answer_turn(row: Row, turns: list[Message]) -> str:
    if turns[-1].role != "assistant":
        _bad_turns(row, f"the last turn is the {turns[-1].role}'s; it must be the assistant's, which is the reference")
    if len(turns) < 2:
        _bad_turns(row, "there is no turn before the assistant's answer")
    return turns[-1].content.strip()


def _preferred(row: Row, reading: Reading) -> tuple[Inputs, tuple[str, ...]]:
    """`chosen` is the reference; `rejected` is no example's field, and only training on pairs would use it."""
    column = reading.answers[0]
    chosen, prompt = row.values.get(column), row.values.get(reading.texts[0])
    if isinstance(chosen, str) and reading.texts[0] == column:
        chosen = _transcript(row, chosen)
    if not isinstance(chosen, list):
        prompt = _turns(row, reading.texts[0], prompt) if isinstance(prompt, list) else text_at(row, reading.texts[0])
        return {"conversation" if isinstance(prompt, list) else "prompt": prompt}, _texts(row, column, chosen)
    turns = _turns(row, column, chosen)
    if reading.texts[0] == column:
        return {"conversation": turns[:-1]}, (_answer_turn(row, turns),)
    before = _turns(row, reading.texts[0], prompt) if isinstance(prompt, list) else text_at(row, reading.texts[0])
    reference = _answer_turn(row, [Message(role="user", content=""), turns[-1]])
    return {"conversation" if isinstance(before, list) else "prompt": before}, (reference,)


def _transcript(row: Row, text: str) -> list[dict[str, str]]:
    """A dialogue that is one text with `Human:` and `Assistant:` turns, as HH-RLHF has it."""
    parts = _HH_TURN.split("\n\n" + text.strip())
    if len(parts) < 5:
        _bad_turns(
            row, "there is no column 'prompt', and 'chosen' holds no turns that begin with Human: and Assistant:"
        )
    roles = {"Human": "user", "Assistant": "assistant"}
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return [{"role": roles[who], "content": said.strip()} for who, said in pairs]


def _bad_turns(row: Row, what: str) -> NoReturn:
    turns = '[{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]'
    fix = f"write turns as {turns}, or delete the row"
    fault(what, row.place, fix, code="bad-conversation")
