# ruff: noqa: E501
"""The large open vocabulary: the words of all groups and pools and many more."""

from __future__ import annotations

from models.pretrain.wordgroups import GROUPS
from models.pretrain.words import POOLS

_MORE = """
able absent active actual agenda aisle alias amount angle annual appearance area array aspect asset average axis
backup balance band base basic batch begin best blend bonus border bottom brief bundle buffer capacity category cause
center chapter charge chart chief choice class client coating comment common content contact copy core count country
course crew culture custom cycle daily data date decade default degree delta density depth detail device digest domain
double draft dual duty edge effect effort element entity episode error estimate event evidence exact example exit extra
factor feature fee field figure file filter flag flow focus force form format frame free fresh front full gap gate
gauge general global grade grant grid gross group guide half handle head height hidden high hint host icon image impact
index initial inner input intent issue item joint kind known label lead leader level limit line list local lot lower
main major manner margin mark mass master matter maximum measure medium member message method middle minimum minor mode
module mood motion motive name nature net next node normal note notice object odd option origin other outcome outer
output owner pace pair part partner party past path pattern payload peak period person phase piece pivot place point
policy pool port portion post potential preference prefix previous primary print prior priority process product profile
progress project proof public quantity quarter queue quota range rank rate ratio raw reach reason recent record region
relation remark request reserve resource review reward role root rough round row rule run sample scope season second
sector segment sender sequence series session set setting shared side sign simple single site skill source special stage
standard state status stock strength subject subtotal suffix summary supply support surface symbol table tag target task
team theme thing title token tone top topic total touch trace trade trait transit treat trial trigger type unit update
upper usage user valid value variant version view visible visit voice volume weekly width winner worker yearly yield zone
"""

_NAMES = {"first", "planet", "team", "street", "weekday", "month"}
HEADS: list[str] = list(GROUPS)
_ALL: list[str] = list(
    dict.fromkeys(
        [word for head, words in GROUPS.items() for word in (*head.split(), *words)]
        + [
            word.lower()
            for key, pool in POOLS.items()
            if key not in _NAMES
            for entry in pool
            for word in entry.split()
            if word.isalpha()
        ]
        + _MORE.split()
    )
)
NOUNS: list[str] = list(
    dict.fromkeys(
        entry
        for key in ("object", "tool", "food", "fruit", "instrument", "vehicle", "animal", "plant", "pet", "room")
        for entry in POOLS[key]
    )
)
VOCABULARY: list[str] = [word for word in _ALL if len(word) > 2]
GROUP_WORDS: list[str] = [word for words in GROUPS.values() for word in words if len(word) > 2]
THINGS: list[str] = [*POOLS["object"], *POOLS["tool"], *POOLS["instrument"]]
