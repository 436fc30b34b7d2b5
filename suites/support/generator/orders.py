"""Sentences of the `extract` task: what is wrong, what is wanted, and what must not be taken for either.

Slots: {n} a number word or figure, {ps} the product in the plural, {id} the order number, {id2} and {other}
what is not meant, {city} and {city2} the customer's and another city.
"""

NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

# issue -> sentences about several pieces
SEVERAL: dict[str, tuple[str, ...]] = {
    "damaged": (
        "{n} {ps} arrived cracked.", "I unpacked {n} {ps} and all of them are dented.",
        "{n} of the {ps} are damaged.",
        "We found scratches on {n} {ps}.", "{n} {ps} came broken."),
    "faulty": (
        "{n} {ps} do not work.", "{n} of the {ps} stopped working after a day.",
        "I have {n} {ps} here that are faulty.",
        "{n} of my {ps} have a fault.", "There is something wrong with {n} {ps}, they fail all the time."),
    "incomplete": (
        "{n} {ps} came with parts missing.", "{n} of the {ps} are not complete.",
        "A part is missing in {n} {ps}.",
        "{n} {ps} lack a part, so we cannot use them."),
    "wrong_item": (
        "{n} {ps} came in the wrong colour.", "You sent us {n} {ps} in the wrong size.",
        "{n} of the {ps} are not the model I ordered.", "Instead of {n} {ps} I got something else."),
    "late": (
        "I am still waiting for {n} {ps}.", "{n} {ps} should have been here last week.",
        "{n} {ps} have not arrived yet.", "The parcel with {n} {ps} has not moved for days."),
    "overcharged": (
        "I paid too much for {n} {ps}.", "You charged me twice for {n} {ps}.",
        "The bill shows the wrong price for {n} {ps}."),
    "not_needed": (
        "I do not need the {n} {ps} any more.", "I ordered {n} {ps} by mistake.",
        "I changed my mind about {n} {ps}.",
        "We no longer want the {n} {ps}."),
}  # fmt: skip

WANTED = ("refund", "replacement", "repair", "information", "cancel")
# issue -> what people want then
POSSIBLE: dict[str, tuple[str, ...]] = {
    "damaged": ("refund", "replacement", "repair", "information"),
    "faulty": ("refund", "replacement", "repair", "information"),
    "incomplete": ("refund", "replacement", "information"),
    "wrong_item": ("refund", "replacement", "information"),
    "late": ("refund", "replacement", "information", "cancel"),
    "overcharged": ("refund", "information", "cancel"),
    "not_needed": ("refund", "cancel", "information"),
}  # fmt: skip
WISHES: dict[str, tuple[str, ...]] = {
    "refund": (
        "I want my money back.", "Please refund me.", "I would like a refund.", "Just pay me back, please.",
        "Could you return the money to my card?", "No new one please, I want the money.",
        "I am not interested in a voucher, only in a refund."),
    "replacement": (
        "Please send me a new delivery.", "I would like a replacement.", "Can you exchange it?",
        "I do not want a refund, I want what I ordered in good order.", "Please ship it again.",
        "Send me another one, please.", "A replacement would be best for me."),
    "repair": (
        "Can it be repaired?", "I would like to have it repaired.",
        "Please mend it, I do not want a new one.",
        "Does your workshop repair this?", "A repair is enough for me.", "Please fix it if you can."),
    "information": (
        "What can I do now?", "Can you tell me what happens next?",
        "I only want to know what my options are.",
        "Please explain how this works.", "I just have a question: how do we go on?",
        "For now I only need an answer from you.",
        "I do not ask for money, only for information."),
    "cancel": (
        "Please cancel the order.", "I want to cancel.", "Can you stop the order?", "Just cancel everything.",
        "Take the order out of your system, please.", "I would like to withdraw from the order."),
}  # fmt: skip

PLURALS = (  # what changes in a wish when it is about several pieces; in this order
    (" it ", " them "), (" it?", " them?"), ("Can them ", "Can they "), ("another one", "new ones"),
    ("a new one", "new ones"), ("No new one ", "No new ones "), ("repair this?", "repair these?"),
)  # fmt: skip
URGENT = (
    "It is urgent.", "Please hurry, I need it by Friday.", "I need an answer today.",
    "As soon as possible, please.",
    "This cannot wait.", "It is for a party tomorrow.", "Please treat this as urgent.",
    "I leave on Sunday, so be quick.",
    "Time is short here.", "I need this solved right now.",
)  # fmt: skip
NOT_URGENT = (
    "There is no hurry.", "It is not urgent.", "Take your time.", "No need to rush.",
    "Next week is early enough.",
    "It can wait a few days.", "Whenever you have a minute.",
)  # fmt: skip

GIVE_ID = (
    "My order number is {id}.", "The order is {id}.", "Order {id}.", "It is about order {id}.",
    "Order number: {id}.",
    "You will find it under {id}.", "This is for order {id}.", "The number on the bill is {id}.",
    "I am writing about {id}.",
)  # fmt: skip
CORRECT_ID = (
    "My order number is {id2}, sorry, {id}.", "Order {id2}. No, wait, it is {id}.",
    "It is {id2}, no, that is the old one, {id} is right.",
    "I first wrote {id2}, but the right number is {id}.",
)  # fmt: skip
DISTRACTORS = (
    "My other order {id2} was fine.", "Please do not mix it up with {id2}, that was the {other}.",
    "The {other} from order {id2} is still on its way, that is okay.",
    "In spring I had order {id2}, no trouble at all.",
    "I also have a {other} from you and it works well.", "Last year I bought two {others} here.",
    "My neighbour got three {others} from you without any trouble.",
    "Order {id2} is my wife's, leave that one alone.",
    "For the {other}, order {id2}, I was paid back long ago.",
)  # fmt: skip
HOME_CITY = (
    "I live in {city}.", "The address is in {city}.", "We are in {city}.", "Greetings from {city}.",
    "It goes to {city}.",
    "My place is in {city}.", "I am the customer from {city}.", "You delivered to {city}.",
)  # fmt: skip
MOVED_CITY = (
    "I moved from {city2} to {city}.", "I live in {city} now, no longer in {city2}.",
    "I used to live in {city2}, now it is {city}.",
)  # fmt: skip
ASK_ID = (
    "What is your order number?", "Which order is it about?", "Could you tell me the order number?",
    "May I have your order number?",
)  # fmt: skip
ASK_WISH = ("What can I do for you?", "What would you like us to do?", "How can I help you with that?")
ASK_CITY = ("Where do you live?", "Which city do we deliver to?", "In which city are you?")
TOTALS = ("I ordered {n} in all.", "There were {n} in the parcel.", "The whole order was {n} pieces.")
