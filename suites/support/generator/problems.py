"""What goes wrong with an order, in the customer's words and in one short past-tense clause.

`{p}` stands for the product's name without an article.
"""

from dataclasses import dataclass

ISSUES = ("damaged", "faulty", "incomplete", "wrong_item", "late", "overcharged", "not_needed")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that goes wrong; `trait` is the product trait it needs, empty for any product."""

    key: str
    issue: str
    trait: str
    said: tuple[str, ...]
    brief: str


def _p(key: str, issue: str, trait: str, brief: str, *said: str) -> Problem:
    """Short spelling for the table below."""
    return Problem(key, issue, trait, said, brief)


PROBLEMS: tuple[Problem, ...] = (
    _p("cracked", "damaged", "r", "the {p} arrived cracked",
       "The {p} came with a big crack in it.", "I opened the box and the {p} is cracked.",
       "There is a crack all along one side of the {p}.", "My {p} arrived cracked."),
    _p("dented", "damaged", "r", "the {p} arrived dented",
       "The {p} has a dent on one side.", "My new {p} arrived with a dent.",
       "The box was crushed and the {p} inside is dented.",
       "Somebody must have dropped the {p}, it has a deep dent."),
    _p("scratched", "damaged", "r", "the {p} was scratched",
       "The {p} is full of scratches.", "There are scratches all over the {p}.",
       "The {p} looks used, it is scratched everywhere.", "I unpacked the {p} and saw long scratches."),
    _p("torn", "damaged", "f", "the fabric of the {p} was torn",
       "The fabric of the {p} is torn.", "There is a hole in the fabric of my {p}.",
       "The {p} ripped along the seam.", "The {p} has a tear as long as my hand."),
    _p("stained", "damaged", "f", "the {p} arrived stained",
       "The {p} has a dark stain on it.", "There are stains on the {p} and they do not wash out.",
       "The {p} arrived dirty, with a stain in the middle."),
    _p("broken_handle", "damaged", "h", "the handle of the {p} broke off",
       "The handle of the {p} broke off.", "The handle came off my {p} on the first day.",
       "I picked up the {p} and the handle snapped.", "The {p} lost its handle."),
    _p("dead", "faulty", "e", "the {p} would not switch on",
       "The {p} does not switch on.", "My {p} is dead, no light, nothing.",
       "I plug in the {p} and nothing happens.", "The {p} will not turn on at all.",
       "No sign of life from the {p}, whichever socket I use."),
    _p("stops", "faulty", "e", "the {p} kept switching itself off",
       "The {p} keeps switching itself off.", "After five minutes the {p} turns off by itself.",
       "The {p} stops in the middle of everything.", "The {p} works for a moment and then goes off."),
    _p("hot", "faulty", "e", "the {p} got too hot",
       "The {p} gets far too hot.", "The {p} is so hot I cannot touch it.",
       "The {p} overheats every time.", "The {p} gets hot and smells of burning."),
    _p("battery", "faulty", "b", "the battery of the {p} went flat too fast",
       "The battery of the {p} is empty after an hour.", "My {p} does not hold its charge.",
       "The {p} eats its battery in no time.",
       "I have to change or charge the battery of the {p} every day."),
    _p("display", "faulty", "b", "the {p} stopped reacting",
       "The {p} has stopped reacting.", "I press the buttons on the {p} and nothing happens.",
       "The {p} does not respond any more.", "The {p} froze and stays that way."),
    _p("leak", "faulty", "l", "the {p} leaked",
       "The {p} leaks.", "Water drips out of the {p}.", "There is a puddle under the {p} each time I use it.",
       "My {p} is leaking somewhere.", "The {p} loses water."),
    _p("crackle", "faulty", "s", "the {p} made a crackling noise",
       "The {p} crackles all the time.", "I hear a crackling noise from the {p}.",
       "The sound of the {p} is full of crackle.", "There is a hiss and a crackle in the {p}."),
    _p("no_sound", "faulty", "s", "the {p} had no sound",
       "There is no sound from the {p}.", "The {p} stays silent.",
       "The {p} lights up but I hear nothing.", "The {p} has lost its sound."),
    _p("wobbly", "faulty", "a", "the {p} wobbled",
       "The {p} wobbles, whatever I do.", "The {p} is not stable at all.",
       "I put the {p} together and it wobbles.", "The {p} rocks from side to side."),
    _p("holes", "faulty", "a", "the holes of the {p} did not line up",
       "The holes of the {p} do not line up.",
       "I cannot put the {p} together, the holes are in the wrong place.",
       "The parts of the {p} do not fit together."),
    _p("wheel", "faulty", "m", "a wheel of the {p} was stuck",
       "One wheel of the {p} does not turn.", "A wheel of my {p} is stuck.",
       "The {p} has a wheel that blocks.", "The {p} does not roll, one wheel jams."),
    _p("lock", "faulty", "k", "the lock of the {p} jammed",
       "The lock of the {p} jams.", "The key gets stuck in my {p}.",
       "I cannot open the {p} any more, the lock is stuck."),
    _p("no_screws", "incomplete", "a", "the screws of the {p} were missing",
       "The screws for the {p} are missing.", "There were no screws in the box of the {p}.",
       "I wanted to build the {p} but there is not one screw in the bag.", "The {p} came without screws."),
    _p("no_cable", "incomplete", "e", "the cable of the {p} was missing",
       "The cable for the {p} is missing.", "There was no power cable with the {p}.",
       "The {p} came without its cable.", "I cannot use the {p} because the cable was not in the box."),
    _p("no_charger", "incomplete", "b", "the battery of the {p} was missing",
       "There was no battery with the {p}.", "The {p} came without its battery.",
       "The page says battery included, but there was none with my {p}."),
    _p("no_manual", "incomplete", "i", "the manual of the {p} was missing",
       "There is no manual with the {p}.", "The {p} came without a manual.",
       "I cannot find the manual of the {p} anywhere in the box."),
    _p("part_missing", "incomplete", "i", "a part of the {p} was missing",
       "A part of the {p} is missing.", "The {p} is not complete.",
       "One piece of the {p} was not in the box.", "I counted twice, my {p} lacks a part."),
    _p("wrong_colour", "wrong_item", "", "the {p} came in the wrong colour",
       "The {p} has the wrong colour.", "The colour of the {p} is not the one I chose.",
       "You sent me the {p} in another colour."),
    _p("wrong_size", "wrong_item", "", "the {p} came in the wrong size",
       "The {p} is the wrong size.", "You sent the {p} in the wrong size.",
       "The {p} is much smaller than the one I ordered.", "The size of the {p} is not what I ordered."),
    _p("other_item", "wrong_item", "", "another item came instead of the {p}",
       "I ordered the {p} and got something else.",
       "There was something quite different in the box, not my {p}.",
       "Instead of the {p} I received another thing.",
       "You mixed up the parcels, this is not the {p} I ordered."),
    _p("late", "late", "", "the {p} was late",
       "The {p} should have been here last week.", "My {p} is late.",
       "I am still waiting for the {p}.", "The {p} was promised for last week and it is not here."),
    _p("lost", "late", "", "the {p} was marked as delivered but never came",
       "The {p} is marked as delivered but I got nothing.", "It says my {p} was delivered, but it was not.",
       "According to the tracking page I have the {p}. I do not.",
       "The courier says he left the {p} here. He did not."),
    _p("stuck", "late", "", "the parcel with the {p} had not moved for days",
       "The tracking of the {p} has not moved for days.", "My {p} seems to be stuck at the depot.",
       "The parcel with the {p} has been in the same place for five days."),
    _p("double", "overcharged", "", "the {p} was charged twice",
       "I was charged twice for the {p}.", "You took the money for the {p} two times.",
       "There are two payments for one {p} on my card.", "I paid double for the {p}."),
    _p("voucher", "overcharged", "", "the voucher for the {p} was not applied",
       "My voucher for the {p} was not applied.",
       "I used a voucher for the {p} and still paid the full price.",
       "The discount on the {p} is missing on my bill."),
    _p("price", "overcharged", "", "the {p} cost more than advertised",
       "I paid more for the {p} than your page says.", "The price of the {p} on my bill is too high.",
       "The bill for the {p} shows a higher price than the shop page."),
    _p("changed_mind", "not_needed", "", "the {p} was no longer needed",
       "I do not need the {p} any more.", "I changed my mind about the {p}.",
       "I no longer want the {p}.", "My sister gave me the same {p}, so I do not need mine."),
    _p("by_mistake", "not_needed", "", "the {p} was ordered by mistake",
       "I ordered the {p} by mistake.", "I clicked too fast, I did not want the {p}.",
       "The {p} was in my basket by accident.", "My son ordered the {p} without asking me."),
    _p("no_fit", "not_needed", "", "the {p} was not the right choice",
       "The {p} does not suit me after all.", "I tried the {p} and it is not for me.",
       "The {p} is fine, but it is not what I had in mind."),
)  # fmt: skip
