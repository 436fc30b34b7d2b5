"""Phrases of the conversations that say nothing about the case itself: greetings, digressions, goodbyes."""

import random

from generator import world

GREETINGS = (
    "Hello.", "Hi there.", "Good morning.", "Hi.", "Good evening.", "Hey!",
    "Hello Brindlemoor team.", "Hi all."
)  # fmt: skip
INTRODUCTIONS = (
    "My name is {first} {last}.", "{first} {last} here.", "This is {first} {last}.",
    "I am {first} {last}, a customer of yours.",
    "It is {first} {last} again.",
)  # fmt: skip
CONTEXTS = (
    "I bought something from you last week.", "It is about my last order.", "I have a problem with my order.",
    "I shop with you quite often.", "I need some help.", "Something went wrong with my order.",
    "I waited long before writing this.", "I already wrote once and got no answer.",
    "I was told to ask here.",
)  # fmt: skip
AGENT_GREETINGS = (
    "Hello {first}, this is {agent}.", "Hi {first}, {agent} here.", "Good day {first}, my name is {agent}.",
    "Hello {first}, you are talking to {agent}.", "Thanks for writing, {first}. I am {agent}.",
    "Welcome to Brindlemoor, {first}. {agent} speaking.", "Hi {first}, I am {agent} and I take over here.",
)  # fmt: skip
SYMPATHY = (
    "I am sorry to hear that.", "That should not happen.", "Let me have a look.", "I see, that is annoying.",
    "Sorry for the trouble.", "I understand.", "Let us sort this out.", "I can help with that.",
)  # fmt: skip
ASK_ORDER = (
    "What is your order number?", "Could you give me the order number?", "May I have the order number?",
    "Which order is it?", "I need your order number, please.",
)  # fmt: skip
GIVE_ORDER = (
    "It is {id}.", "{id}.", "The number is {id}.", "Order {id}.", "Here you go: {id}.",
    "I think it is {id}."
)  # fmt: skip
CORRECTIONS = (
    "Sorry, I meant the {right}, not the {wrong}.", "Oh, I wrote {wrong}, but it is the {right}.",
    "Wait, I mixed that up: it is the {right}.", "My mistake, not the {wrong}, the {right}.",
    "I have to correct myself, the {wrong} is fine, it is the {right}.",
)  # fmt: skip
COLOUR_CORRECTIONS = (
    "Sorry, I meant the {right} one.", "Wait, not the {wrong} one, the {right} one.",
    "It is the {right} one, by the way, not {wrong}.",
    "My mistake, it is {right}, not {wrong}.", "Oh, and it is the {right} one, I mixed up the colours.",
)  # fmt: skip
MORE = (
    "Also:", "And one more thing.", "There is something else.", "That is not all.", "By the way,",
    "Oh, and another thing:"
)  # fmt: skip
DIGRESSIONS = (
    "The {other} I bought last year still works fine.", "It has been raining here all week, by the way.",
    "My neighbour has the same one and is happy with it.", "I nearly bought the {other} instead.",
    "Is your store open on Sundays, too?", "My dog is barking, sorry.",
    "We are moving house, so all is chaos here.",
    "I also like your new catalogue.", "I am on the train, so I may lose you.",
    "My daughter set up this chat for me.",
    "I was on holiday until now.", "The driver was friendly, though.",
    "I have been a customer for six years.",
    "My old {other} never had such trouble.", "Do you still sell the {other}?", "I am writing from my phone.",
    "A friend told me about your shop.", "I have visitors on Saturday, you see.",
    "Last month I had no luck with the {other} either.",
)  # fmt: skip
TIP_LEADS = (
    "Please {tip}, and tell me what happens.", "Could you {tip}?", "Most of the time it helps to {tip}.",
    "Before we do anything else, please {tip}.", "One idea: {tip}.", "Let us try something, please {tip}.",
)  # fmt: skip
TIP_WORKED = (
    "That did it, thank you!", "Wow, that was it. Thanks.", "It worked, I feel silly now.",
    "Done, and all is well now. Thanks!",
    "I do not believe it, that solved it.", "You are right, that helped.", "Great, problem gone.",
)  # fmt: skip
TIP_FAILED = (
    "I tried that, no change.", "No, that did not help.", "I did that already, twice.",
    "Done, but it is still the same.",
    "That changed nothing.", "Tried it just now, no luck.",
)  # fmt: skip
# more about a kind of trouble, as people write it
DETAILS: dict[str, tuple[str, ...]] = {
    "damaged": (
        "I put everything back in the box at once.", "The box itself was taped twice.",
        "I have not used it even once.",
        "My partner saw it when we unpacked.", "I only noticed in the evening, under the lamp.",
        "It must have happened on the way."),
    "faulty": (
        "I read everything on the help page and nothing there fits.",
        "At the start it was fine for a short while.",
        "My brother had a look too and could not find the reason.", "I use it the way the leaflet says.",
        "I have tried it in two different rooms.", "It makes the whole thing useless for me."),
    "incomplete": (
        "I emptied the whole box on the floor.", "So I cannot use it the way I wanted.",
        "The list on the box says it should be there.",
        "I had taken the afternoon off for it.", "Maybe it was forgotten when the box was packed."),
    "wrong_item": (
        "I checked my email and I ordered it correctly.", "I guess two parcels were mixed up.",
        "It is not a small difference, you see it at once.",
        "I took my time to choose, so it matters to me."),
    "late": (
        "I look at the tracking page every morning.", "I stayed at home for two days because of it.",
        "Nobody at the courier picks up the phone.", "I planned my weekend around it.",
        "The mails from your side only say soon."),
    "overcharged": (
        "I looked at my account this morning and saw it.", "I always check my bills, that is how I found it.",
        "It is not a huge sum, but it is my money.", "I compared it with the mail you sent me."),
    "not_needed": (
        "I hope there is an easy way out.", "I know it is not your mistake.",
        "Nothing is wrong with it as such.",
        "I should have thought about it for longer."),
}  # fmt: skip
CHECKS = (
    ("Thank you, I see the {p} in your account.", ("Yes, that is the one.", "Right.", "Exactly.",
    "Correct.")),
    ("So we are talking about the {p}, right?", ("Yes, correct.", "That is right.", "Yes.",
    "Exactly, that one.")),
    ("Just to be sure: this is about the {p}?", ("Yes, it is.", "Yes, what else?", "Right, that one.")),
    ("One moment, I am opening your order.", ("Sure, take your time.", "Okay.", "I am here.")),
    ("Can you stay with me for a minute while I check?", ("Sure.", "I can, but not for long.",
    "Yes, of course.")),
    ("What would be the best way out for you?", ("You tell me.", "Whatever is fast.",
    "I do not mind, as long as it ends well.")),
)  # fmt: skip
# an offer, the customer's no, and the resolutions that may follow
DECLINED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("I could send you another one.", "No, I would rather have my money back.", ("refund", "collect")),
    ("Would you like a replacement?", "No thanks, I have lost my trust in it.", ("refund", "collect")),
    ("I can start a refund for you.", "I do not want money, I want it to work.", ("replace", "repair")),
    ("Shall I pay you back the price?", "No, I really need it.", ("replace", "repair", "spare", "trace")),
    ("I can offer you ten percent off your next order.", "That does not help me much.",
     ("refund", "replace", "escalate", "payback", "collect")),
    ("You could bring it to our store.", "The store is two hours away from here.", ("collect", "repair",
    "replace", "photo")),
    ("Could you wait one more week?", "No, I have waited long enough.", ("refund", "cancel", "credit",
    "escalate")),
    ("I can give you a credit of five euros.", "Five euros? That is a joke.", ("refund", "replace",
    "escalate", "credit")),
)  # fmt: skip
ASK_WHEN = (
    "When will that be?", "How long will it take?", "Fine. When?", "Okay, and when exactly?",
    "And by when?"
)  # fmt: skip
ASK_MORE = (
    "What does that mean?", "And what now?", "Can you tell me more?",
    "I see. Anything else I should know?"
)  # fmt: skip
ACCEPTED = (
    "Fine, I take that.", "Okay, that is fair.", "Deal. Thank you.", "That works for me.",
    "All right, I keep it then."
)  # fmt: skip
RELIEVED = ("Thank you.", "Perfect.", "Great, thanks {agent}!", "That was easy.", "Good, that is settled.")
REFUSED = (
    "That is not what I hoped for.", "Then I will not buy here again.", "I see. What a pity.",
    "That is hard to accept.",
    "I do not agree, but fine.",
)  # fmt: skip
THANKS = (
    "Thank you.", "Okay, thanks for your help.", "Good, I will wait then.", "Great, thanks {agent}!",
    "Perfect.", "All right.",
    "Thanks, that was quick.", "Okay. I hope it works out this time.", "Fine with me.",
)  # fmt: skip
GOODBYES = (
    "You are welcome. Have a nice day!", "Anything else? If not, goodbye.", "Take care, {first}.",
    "Glad I could help.",
    "Thank you for your patience, {first}.", "Bye for now.",
)  # fmt: skip


def draw_day(rng: random.Random) -> str:
    """A near day: a weekday or a date."""
    if rng.random() < 0.65:
        return rng.choice(world.WEEKDAYS)
    day, month = world.draw_date(rng)
    return f"{day} {month}"
