"""Text to JSON: a note about some record, and the asked fields copied into an object; also the way back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random

from models.pretrain.grammar import capital, expand, pick
from models.pretrain.records import RECORDS, Field, Record
from models.pretrain.sample import Sample, one

_LOWER = frozenset(
    (
        "The",
        "It",
        "We",
        "There",
        "My",
        "Please",
        "On",
        "At",
        "By",
        "A",
        "An",
        "This",
        "From",
        "You",
        "Most",
        "Card",
        "To",
        "Our",
        "Write",
        "Age",
        "Level",
        "Enough",
        "Start",
    )
)

Value = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one document asks for: the record kind and the chosen fields under their chosen names."""

    record: Record
    fields: tuple[tuple[str, Field], ...]


def make_plan(rng: Random) -> Plan:
    """A record kind with two to seven fields."""
    record = rng.choice(RECORDS)
    chosen = rng.sample(record.fields, min(len(record.fields), rng.choice((2, 3, 3, 4, 4, 5, 6, 7))))
    fields: dict[str, Field] = {}
    for field in chosen:
        name = next((name for name in rng.sample(field.names, len(field.names)) if name not in fields), None)
        if name:
            fields[name] = field
    return Plan(record, tuple(fields.items()))


def _state(rng: Random, field: Field) -> tuple[Value, str]:
    if field.type == "boolean":
        truth = rng.random() < 0.5
        return truth, rng.choice(field.says if truth else field.denies)
    value = rng.choice(field.value.split("/")) if field.type == "enum" else expand(rng, field.value)
    if field.type == "integer":
        value = value if value.isdigit() else str(rng.randint(2, 99))
    sentence = pick(rng, field.says, {"v": value})
    return (int(value) if field.type == "integer" else value), sentence


def make_note(rng: Random, plan: Plan) -> tuple[str, dict[str, Value]]:
    """A text about a new record, and the values of the plan's fields; a field left out of the text is null."""
    values: dict[str, Value] = {}
    sentences = []
    for name, field in plan.fields:
        if rng.random() < 0.09 and len(plan.fields) > 2:
            values[name] = None
            continue
        values[name], sentence = _state(rng, field)
        sentences.append(sentence)
    asked = {field for _, field in plan.fields}
    spare = [field for field in plan.record.fields if field not in asked]
    if spare and rng.random() < 0.4:
        sentences.append(_state(rng, rng.choice(spare))[1])
    if rng.random() < 0.6:
        rng.shuffle(sentences)
    if rng.random() < 0.25:
        sentences.append(
            rng.choice(("Thank you!", "Best wishes.", "See you soon.", "Thanks.", "Have a nice day.", "That is all."))
        )
    start = rng.choice(plan.record.openings) + " " if rng.random() < 0.75 else ""
    body = " ".join(capital(sentence) for sentence in sentences)
    if start.endswith(", ") and body.split(" ", 1)[0] in _LOWER:
        body = body[:1].lower() + body[1:]
    return start + body, values


def dumps(values: dict[str, Value], style: str) -> str:
    """The object as JSON in one of the styles plain, tight, pretty, fenced."""
    if style == "tight":
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    if style == "pretty":
        return json.dumps(values, ensure_ascii=False, indent=2)
    text = json.dumps(values, ensure_ascii=False)
    return f"```json\n{text}\n```" if style == "fenced" else text


def _type(field: Field) -> str:
    return "one of " + ", ".join(field.value.split("/")) if field.type == "enum" else field.type


def _schema(plan: Plan) -> str:
    types: dict[str, object] = {}
    for name, field in plan.fields:
        types[name] = {"enum": field.value.split("/")} if field.type == "enum" else {"type": field.type}
    return json.dumps({"type": "object", "properties": types, "required": list(types)})


def describe(rng: Random, plan: Plan, style: str) -> str:
    """The instruction that names the fields."""
    names = [name for name, _ in plan.fields]
    detail = "\n".join(f"- {name}: {_type(field)}" for name, field in plan.fields)
    inline = ", ".join(f"{name} ({_type(field)})" for name, field in plan.fields)
    blank = json.dumps(dict.fromkeys(names, "..."))
    null = rng.choice(
        (
            " Use null if something is missing.",
            " Missing values are null.",
            " Write null for what the text does not say.",
        )
    )
    tail = null if rng.random() < 0.75 else ""
    if style == "fenced":
        tail += " Put it in a json code block."
    elif style == "pretty":
        tail += " Indent it by two spaces."
    return rng.choice(
        (
            f"Extract these fields as JSON: {', '.join(names)}.{tail}",
            f"Return a JSON object with the fields {inline}.{tail}",
            f"Read the {plan.record.name} and fill this form as JSON.{tail}\n{detail}",
            f"Turn the text into JSON like {blank}.{tail}",
            f"JSON schema: {_schema(plan)}\nGive one object that fits the schema.{tail}",
            f"Fields:\n{detail}\nAnswer with JSON only.{tail}",
            f"Make JSON with the keys {', '.join(names)} from the note.{tail}",
            f"Find {', '.join(names)} in the text. Output JSON.{tail}",
            f"You read notes about a {plan.record.name}. Write one JSON object with: {inline}.{tail}",
            f"Get the data out of the text below. Keys: {', '.join(names)}. Only JSON.{tail}",
            f"Schema: {_schema(plan)}{tail}",
        )
    )


_LAYOUTS = (
    ("Text: {x}\nJSON:", "\n\n"),
    ("Input: {x}\nOutput:", "\n\n"),
    ("Note: {x}\nObject:", "\n\n"),
    ("{x}\n=>", "\n\n"),
    ("Message: {x}\nJSON:", "\n\n"),
    ("Message:\n{x}\nFields:", "\n\n"),
    ("Q: {x}\nA:", "\n"),
    ("Record: {x}\nData:", "\n---\n"),
    ("Text:\n{x}\n\nAnswer:", "\n\n"),
    ("{x}\nResult:", "\n\n"),
)


def _extract(rng: Random) -> Sample:
    plan = make_plan(rng)
    style = rng.choices(("plain", "tight", "pretty", "fenced"), (76, 8, 9, 7))[0]
    notes = [make_note(rng, plan) for _ in range(1 + rng.choice((0, 0, 0, 1, 2, 2, 3, 4)))]
    pairs = [(text, dumps(values, style)) for text, values in notes]
    order = describe(rng, plan, style)
    if len(pairs) > 1 and rng.random() < 0.25:
        order = rng.choice(
            (
                "Do the same for the last text.",
                "Follow the examples.",
                "Text to JSON.",
                "Extract the data as JSON.",
            )
        )
    text, answer = pairs[-1]
    if len(pairs) == 1 and rng.random() < 0.6:
        content = rng.choice(
            (f"{order}\n\n{text}", f"{order}\n\nText: {text}", f"{text}\n\n{order}", f'{order}\n"{text}"')
        )
        return one("extraction", content, answer)
    if rng.random() < 0.15:
        turns = [(f"{order}\n\n{pairs[0][0]}", pairs[0][1]), *pairs[1:]]
        return Sample("extraction", tuple(turns))
    layout, gap = rng.choice(_LAYOUTS)
    blocks = [f"{layout.replace('{x}', shot)} {result}" for shot, result in pairs[:-1]]
    return one("extraction", f"{order}\n\n" + gap.join([*blocks, layout.replace("{x}", text)]), answer, cue=True)


def _field_only(rng: Random) -> Sample:
    """One field asked for by name, or several in turn."""
    plan = make_plan(rng)
    text, values = make_note(rng, plan)
    known = [
        (name.replace("_", " "), str(value))
        for name, value in values.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    ]
    if not known:
        return _extract(rng)
    turns = [
        (
            rng.choice(
                (
                    f"What is the {name}?",
                    f"Give the {name}.",
                    f"{capital(name)}?",
                    f"Only the {name}, please.",
                )
            ),
            value,
        )
        for name, value in rng.sample(known, min(len(known), rng.choice((1, 1, 2, 3))))
    ]
    return Sample("extraction", ((f"{text}\n\n{turns[0][0]}", turns[0][1]), *turns[1:]))


def _reverse(rng: Random) -> Sample:
    """JSON to text."""
    plan = make_plan(rng)
    values, sentences = {}, []
    for name, field in plan.fields:
        values[name], sentence = _state(rng, field)
        sentences.append(capital(sentence))
    order = rng.choice(
        (
            "Write this JSON as sentences.",
            "Turn the object into a short note.",
            "Say it in plain words.",
            "Describe the record in sentences.",
            f"Write a note about this {plan.record.name}.",
        )
    )
    return one("extraction", f"{order}\n{dumps(values, 'plain')}", " ".join(sentences))


def _read_json(rng: Random) -> Sample:
    """A value looked up in a JSON object."""
    plan = make_plan(rng)
    values: dict[str, Value] = {name: _state(rng, field)[0] for name, field in plan.fields}
    name = rng.choice(list(values))
    value = values[name]
    shown = json.dumps(value) if not isinstance(value, str) else value
    question = rng.choice(
        (f'What is the value of "{name}"?', f"Read the field {name}.", f"{name}?", f"Give me {name}.")
    )
    return one("extraction", f"{dumps(values, rng.choice(('plain', 'pretty', 'tight')))}\n\n{question}", shown)


def make(rng: Random) -> Sample:
    """One extraction sample."""
    return rng.choices((_extract, _field_only, _reverse, _read_json), (74, 9, 9, 8))[0](rng)
