"""What the desk does about a problem: the words of the agent, the clause and the outcome of the summary.

Slots: {it} the thing or both things, {new} its replacement, {amount} and {part} of it in euros, {day},
{days}, {courier}.
"""

from dataclasses import dataclass

FIXABLE = ("damaged", "faulty", "incomplete", "wrong_item")
ANY = (*FIXABLE, "late", "overcharged", "not_needed")


@dataclass(frozen=True, slots=True)
class Resolution:
    """One way to end a case; `when` carries the detail that the outcome repeats."""

    key: str
    issues: tuple[str, ...]
    offers: tuple[str, ...]
    when: tuple[str, ...]
    did: tuple[str, ...]
    outcome: str
    both: bool = True  # may also end a case about two things


RESOLUTIONS: tuple[Resolution, ...] = (
    Resolution(
        "refund", ("damaged", "faulty", "incomplete", "wrong_item", "late"),
        ("I will refund the {amount} euros.", "You get your {amount} euros back.",
         "I have just started a refund of {amount} euros.", "We pay back the full {amount} euros."),
        ("The money is with you by {day}.", "It should be on your account by {day}.",
         "You will see it on {day} at the latest."),
        ("refunded {amount} euros", "started a refund of {amount} euros"), "pending, refund by {day}"),
    Resolution(
        "replace", (*FIXABLE, "late"),
        ("I will send you {new}.", "We ship {new} today, free of charge.", "I can replace {it} at no cost.",
         "I have ordered {new} for you from the warehouse."),
        ("{courier} brings it on {day}.", "It arrives on {day} with {courier}.",
         "Expect {courier} at your door on {day}.", "The driver of {courier} comes on {day}."),
        ("sent a replacement with {courier}", "arranged a replacement with {courier}"),
         "pending, delivery on {day}"),
    Resolution(
        "collect", ("damaged", "faulty", "wrong_item", "not_needed"),
        ("We take {it} back, and you do not have to go anywhere.", "We will pick up {it} at your home.",
         "You can give {it} back, we collect the parcel."),
        ("{courier} comes for it on {day}, and then you get {amount} euros.",
         "{courier} collects on {day}; after that I pay back {amount} euros."),
        ("booked a pick-up by {courier} and a refund of {amount} euros",), "pending, pick-up on {day}"),
    Resolution(
        "repair", ("faulty",),
        ("Please send it to our workshop with the label I email you.",
         "Our workshop will repair it for free.",
         "That can be mended, our workshop does it for free."),
        ("It takes {days} days.", "You get it back within {days} days.",
         "The repair takes up to {days} days."),
        ("sent a label for a free repair", "arranged a free repair"), "pending, repair within {days} days",
         False),
    Resolution(
        "spare", ("incomplete", "damaged"),
        ("I will post you the part.", "We have that part here, I will put it in the post.",
         "I am sending you the right part for free."),
        ("It is with you by {day}.", "You should have it by {day}.", "Look in your letter box on {day}."),
        ("posted the right part", "sent the part for free"), "pending, part by {day}", False),
    Resolution(
        "credit", ("damaged", "late", "overcharged", "wrong_item"),
        ("I can offer you {part} euros of shop credit if you keep the order.",
         "As a sorry from us, would {part} euros of credit be fine?",
         "What do you say to {part} euros of credit for the trouble?"),
        ("It is on your account now.", "You can spend it right away.", "I have just booked it."),
        ("gave {part} euros of shop credit", "settled it with {part} euros of credit"), "resolved"),
    Resolution(
        "payback", ("overcharged",),
        ("You are right, we took {part} euros too much.", "I see the mistake, {part} euros go back to you.",
         "That was our error, I will return {part} euros."),
        ("It is back on your card by {day}.", "Please look at your card again on {day}."),
        ("corrected the bill by {part} euros", "returned {part} euros"), "pending, refund by {day}"),
    Resolution(
        "trace", ("late",),
        ("I will open a search with {courier}.", "I am asking {courier} to look for the parcel.",
         "I have started a parcel search at {courier}."),
        ("You will hear from us by {day}.", "They have to answer by {day}, then I write to you."),
        ("opened a parcel search with {courier}",), "open, answer by {day}"),
    Resolution(
        "escalate", ANY,
        ("I have to ask my team lead about this.",
         "I cannot decide this alone and will pass it to my team lead.",
         "My team lead must look at this."),
        ("She will call you on {day}.", "Expect a call on {day}.", "You will get a call on {day}."),
        ("passed the case to the team lead",), "open, call on {day}"),
    Resolution(
        "photo", ("damaged", "incomplete", "wrong_item"),
        ("Could you send me a photo first?", "I need a photo of it before I can decide.",
         "Please email us a photo, then I can go on."),
        ("Please do that by {day}.", "I keep the case open until {day}."),
        ("asked for a photo",), "waiting, photo by {day}"),
    Resolution(
        "receipt", ("faulty", "overcharged", "not_needed"),
        ("I do not find the bill here, can you send me a copy?", "I need a copy of the bill for that.",
         "Please send me the bill or a bank statement."),
        ("I keep the case open until {day}.", "If I have it by {day} I can go on."),
        ("asked for a copy of the bill",), "waiting, bill by {day}"),
    Resolution(
        "too_late", ("not_needed", "wrong_item"),
        ("I am sorry, the time for returns has run out.", "Sadly the return window closed some time ago.",
         "I cannot take {it} back, it has been too long."),
        ("It ended {days} days ago.", "You are {days} days over it."),
        ("declined because the return time ended {days} days ago",), "refused"),
    Resolution(
        "own_fault", ("damaged", "faulty"),
        ("I am sorry, our check says it was a fall, and that is not covered.",
         "From what you tell me it was a fall, and the warranty does not cover that."),
        ("A repair would cost {part} euros.", "I can offer you a repair for {part} euros."),
        ("declined it as a fall and offered a repair for {part} euros",), "refused", False),
    Resolution(
        "cancel", ("not_needed", "late"),
        ("I have cancelled the order.", "No problem, the order is cancelled.",
         "I can still stop it, so it is cancelled."),
        ("You have not been charged, so nothing else is needed.", "No money was taken, so that is all."),
        ("cancelled the order at no cost", "cancelled the order"), "resolved"),
)  # fmt: skip

# problem key -> what the agent suggests ("Please ..." / "suggested to ...")
TIPS: dict[str, tuple[str, ...]] = {
    "dead": ("hold the power button for ten seconds", "try the small switch at the back"),
    "stops": ("clean the air holes at the back", "turn off the timer"),
    "hot": ("move it away from the wall", "clean the air holes"),
    "battery": ("charge it for a whole night once", "clean the contacts of the battery"),
    "display": ("take the battery out for a minute", "press both buttons at once"),
    "leak": ("press the rubber seal back into place", "turn the cap until it clicks"),
    "crackle": ("move it away from your phone", "clean the plug with a dry cloth"),
    "no_sound": ("check the mute switch", "reset it with the pin hole"),
    "wobbly": ("tighten the screws crosswise", "swap the two front feet"),
    "holes": ("turn the side part around", "leave all screws loose until the end"),
    "wheel": ("pull the threads out of the axle", "loosen the nut by half a turn"),
    "lock": ("put a drop of oil into the lock", "turn the key while you push"),
    "stained": ("wash it with salt at thirty degrees", "rub it with lemon juice"),
    "no_manual": ("load the manual from our page", "scan the code under the base"),
    "part_missing": ("look under the inlay of the box", "look in the small bag on the lid"),
    "no_screws": ("look under the inlay of the box", "check the bag taped to the back"),
    "no_cable": ("look in the second box", "look under the inlay of the box"),
    "lost": ("ask your neighbours", "look behind the bins"),
    "voucher": ("log out and open the bill again", "wait for the second email with the new bill"),
    "price": ("look at the line for delivery on the bill", "compare the price with and without delivery"),
}

# issue -> questions of the agent, each with possible answers
QUESTIONS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "damaged": (
        ("Was the outer box damaged too?", ("Yes, the box was crushed.", "No, the box was fine.",
         "One corner was wet.")),
        ("When did it arrive?", ("Yesterday.", "Two days ago.", "It came this morning.", "Last Tuesday."))),
    "faulty": (
        ("Since when has this been happening?", ("Since the first day.", "For about a week.",
         "It started on Sunday.")),
        ("Have you used it a lot?", ("Only twice.", "Every day, to be fair.", "No, it is nearly new."))),
    "incomplete": (
        ("Did you look in every bag?", ("Of course, twice.", "Yes, every one.",
         "I even looked under the paper.")),
        ("Was the box sealed?", ("Yes, it was.", "No, somebody had taped it again.", "I think so."))),
    "wrong_item": (
        ("What does the label on the box say?", ("The label is right.", "I have thrown the box away.",
         "It has no label.")),
        ("Is it still in its box?", ("Yes, I did not unpack it.", "No, I took it out.", "It is."))),
    "late": (
        ("Is the address still correct?", ("Yes, I have not moved.", "It is, my name is on the door.",
         "I think so.")),
        ("Did you get a card from the driver?", ("No card, nothing.", "No.", "There was none."))),
    "overcharged": (
        ("How did you pay?", ("By card.", "With my bank account.", "With a card, as always.")),
        ("Do you have the bill at hand?", ("Yes, right here.", "It is in my emails.", "I do."))),
    "not_needed": (
        ("Have you opened the box?", ("No, it is closed.", "Yes, but I did not use it.", "Just for a look.")),
        ("When did you get it?", ("Three days ago.", "Last week.", "It came on Monday."))),
}  # fmt: skip
