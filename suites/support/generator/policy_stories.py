"""What customers say around a question: little stories, lead-ins and closing words."""

from __future__ import annotations

WHO = ("I", "We", "My sister", "My dad", "My flatmate", "My neighbour", "Our club", "My son", "My aunt",
"A friend")
GOT = ("bought", "ordered", "got", "picked out", "was given")
WHEN = (
    "last week", "on Monday", "two days ago", "in the spring sale", "for the new flat", "over the holidays",
    "a while ago", "in May", "last autumn", "yesterday", "three weeks ago", "at the weekend",
    "in your online shop",
    "after a long search", "for the first time", "in January", "this morning", "right before my trip",
)  # fmt: skip

# Every fourth story (the first, the fifth, ...) is kept for held-out questions, the next one for dev.
STORIES: dict[str, tuple[str, ...]] = {
    "goods": (
        "There is {a} in my hall that came {when}.",
        "The {one} in my cart looks great.",
        "{who} {got} {a} {when}.",
        "I am thinking about {a} from your shop.",
        "Thanks to your newsletter {who_l} {got} {a}.",
        "My old {one} is from another shop.",
        "{who} {got} {a} from Brindlemoor {when}.",
        "So {who_l} {got} {a} {when} and now we are wondering.",
        "It is about the {one} {who_l} {got} {when}.",
        "I saw {a} in your window.",
        "I have had {a} from you since last year.",
        "Since {when_l} we own {a} of yours.",
        "You sold me {a} {when}, and I have lost the leaflet.",
        "My partner and I argue about our {one}.",
        "{who} {got} {a} {when}, but I am not sure it was a good idea.",
        "We use {a} nearly every day.",
        "Somehow our {one} became a family topic.",
        "A colleague told me about your {one} service.",
        "I want to surprise my wife with {a}.",
        "The {one} {who_l} {got} {when} is fine so far.",
    ),
    "old": (
        "Grandma is clearing her house.", "The garage must be empty by June.", "I am moving next month.",
        "My cellar is full of junk.", "I want to get rid of my old {one}.",
        "We have an old {one} in the yard.",
        "After the renovation there is a lot of waste.", "My old {one} has given up for good.",
        "Nobody wants my old {one} any more.", "Spring cleaning is on.",
        "I do not want to put it in the bin.",
        "We found an old {one} behind the wall.",
    ),
    "city": (
        "My train gets in early.", "I am visiting friends over there.", "We moved to {city} {when}.",
        "I looked at your map but it shows nothing.", "I am planning my week.",
        "Your page did not load for me.",
        "My mother lives in {city}.", "I used to shop in another town.",
        "A present has to get to {city} somehow.",
        "I have never been to {city} before.", "We are spending the summer in {city}.",
        "I have just moved house.",
    ),
    "parcel": (
        "I leave for work at dawn.", "Nobody is at home in the daytime.", "I got a message from {name}.",
        "My order is on its way.", "I have a small flat and no doorman.", "At checkout I picked {name}.",
        "It says my order goes out with {name}.", "I missed the driver today.",
        "My dog barks at every driver.",
        "We are away for a few days.", "I have to plan my shifts.", "The driver left a card I cannot read.",
    ),
    "help": (
        "My screen shows only an error.", "I would rather talk to a person.", "I hate chat windows.",
        "I tried the form twice.", "Typing is hard for me.", "I am helping my father with this.",
        "My glasses are broken, so no emails please.", "I need a human being.", "The robot did not get me.",
    ),
    "loyal": (
        "Your app shows my points.", "I have shopped with you for years.",
        "My friend boasts about her club card.",
        "I forgot to look at my club page.", "I just joined the club.",
        "I collect points for every purchase.",
        "My card says {tier}.", "We buy everything at your shop.",
        "Your email about the club was a bit vague.",
    ),
    "gift": (
        "My boss retires soon.", "I never know what to give people.", "My niece wants to choose for herself.",
        "I need a present for a colleague.", "We are collecting money for a friend.",
        "It is a last-minute present.",
        "I still have a {card} in my drawer.", "Somebody gave me a {card}.", "I am looking at the {card}.",
    ),
    "pay": (
        "My bank changed its app.", "I am about to check out.", "My basket is full.",
        "I want to keep my spending in view.", "It is my first order with you.",
        "I do not like to owe money.",
        "The checkout gives me a list to choose from.", "I was going to use {way}.",
        "My wife always uses {way}.",
    ),
    "bill": (
        "My accountant keeps asking me.", "I run a small bakery.", "I need papers for my tax return.",
        "The insurance wants to see something.", "My boss pays me back if I hand in papers.",
        "I threw the paper away.",
    ),
}  # fmt: skip

LEADS = (
    "", "", "", "", "", "", "Question: ", "Quick question: ", "Now I would like to know: ",
    "What I need to know: ",
    "One thing is not clear to me: ", "Can you help? ", "Please tell me: ",
    "I could not find this anywhere: ",
    "My wife asks: ", "Just to be sure: ", "So, ", "Sorry if this is obvious, but ", "And before I forget: ",
)  # fmt: skip
GREETINGS = (
    "", "", "", "", "", "", "", "Hello, ", "Hi, ", "Hi there, ", "Good morning, ", "Good evening, ",
    "Dear team, ",
    "Hey, ", "Excuse me, ",
)  # fmt: skip
CLOSERS = (
    "", "", "", "", "", "", "", "", "Thanks!", "Thank you.", "Thanks in advance.", "Best wishes, {first}",
    "Cheers, {first}",
    "Please answer soon.", "A short answer is enough.", "I would be glad to hear from you.",
    "Your site does not say.",
    "I am confused.", "No rush.", "Many thanks, {first} {last}", "I need to plan.", "Sorry to bother you.",
)  # fmt: skip
