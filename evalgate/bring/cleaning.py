"""Cleaning that somebody asked for: each step by name, in a fixed order, and counted."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from evalgate.bring.items import Item
from evalgate.core.data import TaskKind
from evalgate.core.errors import EvalgateError, UsageError

_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"']+[^\s<>\"'.,;:!?)\]}]", re.IGNORECASE)
# A handle stands alone: the @ of an e-mail address has a letter before it.
_HANDLE = re.compile(r"(?<![\w@.])@\w{1,50}")
_TAGS = (
    "a|abbr|article|b|blockquote|body|br|code|div|em|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|li"
    "|main|meta|nav|ol|option|p|pre|s|script|section|select|small|span|strong|style|sub|sup|svg|table|tbody|td"
    "|th|thead|title|tr|u|ul|video"
)
_ELEMENT = re.compile(rf"<!--.*?-->|</?(?:{_TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)
# Marks without width, and those that turn the direction of what follows.
_INVISIBLE = "".join(map(chr, (0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}]")
_SPACES = re.compile(r"[^\S\n]+")
_SPACED_ENDS = re.compile(r" ?\n ?")
_BLANK_LINES = re.compile(r"\n{3,}")

Step = Callable[[str], tuple[str, int]]


def _removed(pattern: re.Pattern[str]) -> Step:
    return lambda text: pattern.subn("", text)


def _encoding(text: str) -> tuple[str, int]:
    """UTF-8 that was read as something else, put right; quotes, ligatures and line ends stay as they are."""
    import ftfy

    config = ftfy.TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        remove_control_chars=False,
        normalization=None,
    )
    mended = ftfy.fix_text(text, config)
    return mended, int(mended != text)


def _html(text: str) -> tuple[str, int]:
    bare, n_tags = _ELEMENT.subn(" ", text)
    n_entities = len(_ENTITY.findall(bare))
    return (html.unescape(bare), n_tags + n_entities) if n_entities else (bare, n_tags)


def _control(text: str) -> tuple[str, int]:
    return _CONTROL.subn("", text.replace("\r\n", "\n"))


def _whitespace(text: str) -> tuple[str, int]:
    joined = _SPACED_ENDS.sub("\n", _SPACES.sub(" ", text.replace("\r\n", "\n")))
    tidy = _BLANK_LINES.sub("\n\n", joined).strip()
    return tidy, int(tidy != text)


# In the order in which they work: faults of encoding hide tags, tags hide links.
TEXT_STEPS: dict[str, tuple[Step, str]] = {
    "encoding": (_encoding, "text put right"),
    "html": (_html, "tag or entity removed"),
    "urls": (_removed(_URL), "removed"),
    "handles": (_removed(_HANDLE), "removed"),
    "control": (_control, "character removed"),
    "whitespace": (_whitespace, "text tidied"),
}
ROW_STEPS = ("empty", "labels", "duplicates")
PRESETS = {"tweetsumm": tuple(TEXT_STEPS)}


def steps_of(said: str) -> tuple[str, ...]:
    """The steps that `--clean a,b` names, presets opened, in working order; raises `unknown-step`."""
    names = [name.strip() for name in said.split(",") if name.strip()]
    wanted = {step for name in names for step in PRESETS.get(name, (name,))}
    known = (*TEXT_STEPS, *ROW_STEPS)
    if unknown := sorted(wanted - set(known)):
        raise UsageError(
            f"there is no cleaning step '{unknown[0]}'",
            code="unknown-step",
            fix=f"choose from: {', '.join(known)}; presets: {', '.join(PRESETS)}",
        )
    return tuple(step for step in known if step in wanted)


def clean(items: list[Item], steps: Sequence[str], kind: TaskKind) -> tuple[list[Item], list[str]]:
    """The items that are left, and a line for each step: what it did in how many rows.

    Inputs are cleaned, and references of free text; labels and JSON answers keep every character.
    """
    said, n_rows = [], len(items)
    free = kind not in ("classification", "extraction")
    for name in steps:
        if name in TEXT_STEPS:
            step, word = TEXT_STEPS[name]
            counts = [_apply(item, step, free) for item in items]
            total, touched = sum(counts), sum(map(bool, counts))
            said.append(f"{name}: {total:,} {_plural(word, total)} in {touched:,} of {n_rows:,} rows")
    if "empty" in steps:
        kept = [i for i in items if any(t.strip() for t in i.texts()) and (i.label or any(i.references))]
        said.append(f"empty: {len(items) - len(kept):,} rows without input or answer left out")
        items = kept
    if "labels" in steps:
        said.append(_fold_labels(items))
    if "duplicates" in steps:
        first = {item.digest(): item for item in reversed(items)}
        kept = [item for item in items if first[item.digest()] is item]
        said.append(f"duplicates: {len(items) - len(kept):,} copies of whole rows left out")
        items = kept
    return items, said


def refuse_two_spellings(items: Sequence[Item]) -> None:
    """Raise `label-spellings` where two labels differ in case, spaces or Unicode's forms only."""
    for spellings in _spellings(items).values():
        if len(spellings) > 1:
            (often, n), (rare, m) = Counter(spellings).most_common(2)
            place = next(item.place for item in items if item.label == rare)
            raise EvalgateError(
                f"one label is written in two ways: '{often}' ({n} rows) and '{rare}' ({m} rows)",
                code="label-spellings",
                fix="add `labels` to --clean to write the more frequent one, or correct the rows",
                where=place,
            )


def _apply(item: Item, step: Step, free: bool) -> int:
    total = 0

    def run(text: str) -> str:
        nonlocal total
        done, n = step(text)
        total += n
        return done

    for name, value in item.inputs.items():
        new = run(value) if isinstance(value, str) else [replace(m, content=run(m.content)) for m in value]
        item.inputs[name] = new
    if free:
        item.references = tuple(dict.fromkeys(done for r in item.references if (done := run(r)).strip()))
    item.changed()
    return total


def _fold(label: str) -> str:
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", label).casefold()).strip() or label


def _spellings(items: Sequence[Item]) -> dict[str, Counter[str]]:
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for label, n in Counter(item.label for item in items if item.label).items():
        groups[_fold(label)][label] = n
    return groups


def _fold_labels(items: Sequence[Item]) -> str:
    chosen = {
        label: max(group, key=lambda name: (group[name], name))
        for group in _spellings(items).values()
        for label in group
    }
    changed = 0
    for item in items:
        if item.label and chosen[item.label] != item.label:
            item.label = chosen[item.label]
            item.references = (item.label,)
            item.changed()
            changed += 1
    return f"labels: {changed:,} rows got the more frequent spelling of their label"


def _plural(word: str, n: int) -> str:
    """`1 tag or entity removed`, `2 tags or entities removed`."""
    if n == 1 or word == "removed":
        return word
    for one, many in (("tag", "tags"), ("entity", "entities"), ("text", "texts"), ("character", "characters")):
        word = re.sub(rf"\b{one}\b", many, word)
    return word
