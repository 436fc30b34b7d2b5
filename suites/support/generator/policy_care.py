"""Knowledge-base tables about services around goods: price match, recycling, assembly, couriers."""

from __future__ import annotations

from generator.policies import Ask, Family

PRICE_MATCH = Family(
    topic="price match",
    story="goods",
    titles=("Price match for {many}", "{Many} cheaper elsewhere", "Matching prices: {many}"),
    columns="many one days gap far proof",
    rows="""
televisions|television|9 days|20 euros|30 kilometres|a dated photo
laptops|laptop|5 days|35 euros|50 kilometres|a signed offer
washing machines|washing machine|14 days|25 euros|40 kilometres|a printed flyer
garden furniture|garden chair|11 days|12 euros|15 kilometres|a shop brochure
toy trains|toy train|20 days|4 euros|10 kilometres|the rival's receipt
skis|pair of skis|8 days|15 euros|80 kilometres|a web link
cookware|frying pan|17 days|6 euros|20 kilometres|a screen shot
power drills|power drill|12 days|8 euros|25 kilometres|a catalogue page
""",
    sentences=(
        (
            "Saw the same {one} cheaper elsewhere? Tell us within {days} of buying and we match the price.",
            "Our price match for {many} can be claimed up to {days} after purchase.",
            "For {days} after you bought {a} we match a lower price of another shop.",
        ),
        (
            "The difference has to be at least {gap}.",
            "We only act when the gap is {gap} or more.",
            "Differences below {gap} are not paid out.",
        ),
        ("The other shop must lie within {far} of our store.", "Only rivals no more than {far} away count."),
        ("As proof we accept {proof}.", "Please show us {proof} as proof of the lower price."),
    ),
    asks={
        "days": Ask(
            "{days}",
            (
                "how long after buying {a} can I still claim the price match?",
                "until when do you match a lower price on {many}?",
                "I found {a} cheaper elsewhere, within how many days must I tell you?",
                "what is the time limit of the price match for {many}?",
            ),
        ),
        "gap": Ask(
            "{gap}",
            (
                "how big must the difference be for a price match on {many}?",
                "what is the least price gap before you match another shop's {one}?",
                "below which difference do you pay nothing when {a} is cheaper elsewhere?",
            ),
        ),
        "far": Ask(
            "{far}",
            (
                "how far away may the other shop be if {a} is cheaper there?",
                "within what distance does a rival shop count for the price match on {many}?",
                "what is the furthest a cheaper shop can lie when I want you to match {a}?",
            ),
        ),
        "proof": Ask(
            "{proof}",
            (
                "what proof do you accept for a lower price on {many}?",
                "what do I have to show you so that you match the price of {a}?",
                "which proof is needed to get the price match on my {one}?",
            ),
        ),
    },
)

RECYCLING = Family(
    topic="recycling",
    story="old",
    titles=("Old {many}: taking them back", "Recycling {many}", "Recycling fee for {a}"),
    columns="many one fee day point limit",
    rows="""
fridges|fridge|17 euros|the first Monday|Dock Nine|two pieces
television sets|television set|12 euros|every second Tuesday|Bay Three|three pieces
bike batteries|bike battery|2.20 euros|the last Friday|the red cabinet|six pieces
mattresses|mattress|21 euros|the third Thursday|Shed Four|one piece
light tubes|light tube|0.60 euros|every Wednesday|the yellow crate|forty pieces
washing machines|washing machine|15 euros|the second Saturday|Ramp Six|one piece per household
ink cartridges|ink cartridge|0.30 euros|every working day|the green slot|fifty pieces
sofas|sofa|28 euros|the last Tuesday|Gate Eleven|two seats
paint tins|paint tin|1.40 euros|the first Saturday|the blue bunker|ten tins
""",
    sentences=(
        (
            "The recycling fee for {a} is {fee}.",
            "We take back {many} for a recycling charge of {fee} each.",
            "Handing in an old {one} costs {fee}.",
        ),
        ("Collection at your home is on {day} of the schedule.", "Our recycling van comes round on {day} in the plan."),
        (
            "You can also leave it yourself at {point}.",
            "At the store, old {many} belong in the area called {point}.",
            "Bring it to {point} behind the store if you cannot wait.",
        ),
        ("The limit per visit is {limit}.", "No customer may hand in more than {limit} at a time."),
    ),
    asks={
        "fee": Ask(
            "{fee}",
            (
                "what does it cost to have {a} recycled?",
                "how much is the recycling fee for {a}?",
                "what do I pay when I hand in my old {one}?",
                "how much do you charge to take back {many}?",
            ),
        ),
        "day": Ask(
            "{day}",
            (
                "on which day does the recycling van collect {many}?",
                "when is an old {one} collected at my home for recycling?",
                "what collection day do you have for {many}?",
            ),
        ),
        "point": Ask(
            "{point}",
            (
                "where at the store can I leave an old {one} myself?",
                "where do {many} for recycling belong at your store?",
                "to which place do I bring {a} that should be recycled?",
            ),
        ),
        "limit": Ask(
            "{limit}",
            (
                "how many {many} may I hand in for recycling at a time?",
                "what is the limit per visit when I bring back {many}?",
                "I cleared the cellar, what is the most you take of old {many} per visit?",
            ),
        ),
    },
)

ASSEMBLY = Family(
    topic="assembly",
    story="goods",
    titles=("Assembly service: {many}", "We build {many} for you", "Having {a} assembled"),
    columns="many one price time lead crew",
    rows="""
wardrobes|wardrobe|79 euros|3 hours|8 days|two fitters
bunk beds|bunk bed|64 euros|150 minutes|6 days|a single fitter
bookshelves|bookshelf|33 euros|45 minutes|4 days|one carpenter
garden sheds|garden shed|185 euros|a full day|15 days|three builders
trampolines|trampoline|72 euros|2 hours|10 days|a pair of helpers
kitchen islands|kitchen island|240 euros|two days|21 days|four joiners
desks|desk|27 euros|35 minutes|3 days|one apprentice
exercise bikes|exercise bike|41 euros|55 minutes|5 days|a sports mechanic
swing sets|swing set|96 euros|4 hours|12 days|two gardeners
corner sofas|corner sofa|49 euros|75 minutes|7 days|two movers
""",
    sentences=(
        (
            "We assemble {a} at your home for {price}.",
            "Our assembly service for {many} costs {price}.",
            "Having {a} built up by us is {price}, paid with the order.",
        ),
        ("The work lasts {time}.", "Plan {time} for the assembly.", "Setting up {a} takes our people {time}."),
        ("Book the date at least {lead} ahead.", "An assembly date must be booked {lead} in advance."),
        (
            "We send {crew} who bring their own tools.",
            "{Crew} will come, and the packaging is taken away.",
            "The job is done by {crew}.",
        ),
    ),
    asks={
        "price": Ask(
            "{price}",
            (
                "what does it cost to have {a} assembled at home?",
                "how much is your assembly service for {many}?",
                "what do you charge to build up {a} for me?",
                "what is the price if you set up {a} at my place?",
            ),
        ),
        "time": Ask(
            "{time}",
            (
                "how long does the assembly of {a} take?",
                "how much time should I plan for your people to set up {a}?",
                "how long will the work last when you assemble {a}?",
            ),
        ),
        "lead": Ask(
            "{lead}",
            (
                "how far ahead must I book the assembly of {a}?",
                "how many days in advance should an assembly date for {many} be booked?",
                "I want you to build up {a}, how early do I need to book?",
            ),
        ),
        "crew": Ask(
            "{crew}",
            (
                "who comes to assemble {a}?",
                "how many people do you send to build up {a}, and who are they?",
                "who does the job when {many} are assembled by you?",
            ),
        ),
    },
)

COURIERS = Family(
    topic="couriers",
    story="parcel",
    titles=("Courier: {name}", "{Name} parcels", "Shipping with {name}"),
    columns="name hours tries weight hold",
    rows="""
Hopline|8 am to 2 pm|two attempts|25 kilograms|7 days
Greywing|5 pm to 9 pm|three attempts|31 kilograms|10 days
Velomail|9 am to 4 pm|one attempt|12 kilograms|5 days
Northbox|7 am to noon|four attempts|40 kilograms|14 days
Post Otter|noon to 6 pm|2 attempts|18 kilograms|9 days
Farrow Express|10 am to 8 pm|3 attempts|70 kilograms|4 days
Nightowl Express|8 pm to 11 pm|a single attempt|6 kilograms|3 days
Tandem Freight|6 am to 3 pm|5 attempts|200 kilograms|21 days
""",
    sentences=(
        (
            "{Name} delivers from {hours} on working days.",
            "Parcels sent with {name} arrive between Monday and Friday, {hours}.",
            "The drivers of {name} ring your bell during the hours {hours}.",
        ),
        (
            "The courier makes {tries} before the parcel goes to a pick-up point.",
            "After {tries} the parcel is left at a pick-up shop.",
        ),
        (
            "One parcel may weigh up to {weight}.",
            "The heaviest parcel {name} carries is {weight}.",
            "Anything above {weight} needs another service.",
        ),
        (
            "The pick-up point holds it for {hold}, then it travels back to us.",
            "You have {hold} to collect it with your passport or an identity card.",
        ),
    ),
    asks={
        "hours": Ask(
            "{hours}",
            (
                "at what time of day does {name} deliver?",
                "between which hours do the drivers of {name} ring the bell?",
                "when can I expect a {name} parcel to arrive on a working day?",
            ),
        ),
        "tries": Ask(
            "{tries}",
            (
                "how many attempts does {name} make before the parcel goes to a pick-up point?",
                "how often will {name} try to deliver if I am not at home?",
                "after how many attempts is a {name} parcel left at the pick-up shop?",
            ),
        ),
        "weight": Ask(
            "{weight}",
            (
                "how heavy may a parcel with {name} be?",
                "what is the heaviest parcel that {name} carries?",
                "what weight can I send with {name} at most?",
            ),
        ),
        "hold": Ask(
            "{hold}",
            (
                "how long does the pick-up point hold a {name} parcel?",
                "how many days do I have to collect a parcel from {name}?",
                "I missed the courier from {name}, until when can I collect it?",
            ),
        ),
    },
)
