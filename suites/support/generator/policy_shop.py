"""Knowledge-base tables about the shop itself: delivery, stores, hotlines."""

from __future__ import annotations

from generator.policies import Ask, Family

DELIVERY = Family(
    topic="delivery",
    story="city",
    titles=("Delivery to {city}", "Shipping costs and times: {city}", "We deliver to {city}"),
    columns="city price free days cutoff",
    rows="""
Alderton|4.90 euros|60 euros|2 working days|3 pm
Bexbridge|5.30 euros|75 euros|3 working days|1 pm
Carrow|3.80 euros|45 euros|one working day|5 pm
Dunmere|6.40 euros|90 euros|4 working days|11 am
Eastholm|7.10 euros|110 euros|5 working days|10 am
Farleigh|4.20 euros|55 euros|two working days|4 pm
Glenport|8.60 euros|130 euros|6 working days|9 am
Harrow Bay|9.90 euros|150 euros|8 working days|8 am
Inverleigh|5.70 euros|80 euros|three working days|noon
Kingsford|3.20 euros|40 euros|24 hours|6 pm
Lindale|6.80 euros|95 euros|36 hours|2 pm
Marlow Hill|7.60 euros|120 euros|7 working days|10.30 am
""",
    sentences=(
        (
            "Standard delivery to {city} costs {price}.",
            "For a parcel to {city} we charge {price} for shipping.",
            "Shipping an order to an address in {city} is {price}.",
        ),
        (
            "It is free for orders of {free} or more.",
            "From an order value of {free} the shipping is free.",
            "You pay no delivery fee once the basket reaches {free}.",
        ),
        (
            "The parcel needs {days} to arrive.",
            "Normal delivery time there is {days}.",
            "Customers in {city} usually wait {days} for their parcel.",
        ),
        (
            "Orders placed before {cutoff} are shipped the same day.",
            "Order by {cutoff} and the parcel leaves our depot on the same day.",
            "The van to {city} leaves daily, so the cut-off time for the same day is {cutoff}.",
        ),
    ),
    asks={
        "price": Ask(
            "{price}",
            (
                "how much is standard delivery to {city}?",
                "what do you charge for shipping a parcel to {city}?",
                "what does it cost to have an order shipped to {city}?",
                "my address is in {city}, what are the shipping costs?",
            ),
        ),
        "free": Ask(
            "{free}",
            (
                "from what order value is the shipping to {city} free?",
                "how much do I have to order so that delivery to {city} is free?",
                "what must the basket reach to pay no delivery fee to {city}?",
            ),
        ),
        "days": Ask(
            "{days}",
            (
                "how long does a parcel to {city} need?",
                "what is the normal delivery time for an order to {city}?",
                "I live in {city}, how long do customers there usually wait for a parcel?",
            ),
        ),
        "cutoff": Ask(
            "{cutoff}",
            (
                "until what time must I order so that my parcel to {city} is shipped the same day?",
                "what is the cut-off time for same day shipping to {city}?",
                "by when do I have to place the order if it should leave for {city} today?",
            ),
        ),
    },
)

STORES = Family(
    topic="store hours",
    story="city",
    titles=("Store in {city}", "Opening hours: {city}", "Visit our {city} shop"),
    columns="city week sat street park",
    rows="""
Northwick|9 am to 6 pm|10 am to 4 pm|Lantern Square|80 cents per hour
Oakhaven|10 am to 7 pm|9 am to 2 pm|Ferry Steps|1.20 euros per hour
Pennford|8.30 am to 5 pm|9 am to noon|Copper Lane|free for 90 minutes
Quayside|11 am to 8 pm|11 am to 6 pm|Anchor Parade|2 euros per visit
Redcliff|9.30 am to 6.30 pm|10 am to 3 pm|Quarry Street|free for two hours
Stonebury|10 am to 5.30 pm|9.30 am to 1 pm|Mason Place|50 cents per hour
Thornby|8 am to 4 pm|8 am to 11 am|Bramble Way|free all day
Upfield|noon to 8 pm|noon to 5 pm|Windmill Corner|1.50 euros per hour
Westmoor|9 am to 7.30 pm|10 am to 6 pm|Heather Road|3 euros per day
Yarrow|10.30 am to 6 pm|9 am to 4 pm|Beekeeper Street|free for one hour
Ashcombe|8 am to 6.30 pm|8.30 am to 2.30 pm|Cider Court|1 euro per hour
Birchwood|9 am to 5 pm|10 am to 1.30 pm|Sawmill Road|free for 45 minutes
Kingsford|7.30 am to 9 pm|8 am to 8 pm|Crown Arches|2.50 euros per hour
""",
    sentences=(
        (
            "Our store in {city} is open from {week}, Monday to Friday.",
            "On weekdays the {city} shop welcomes you from {week}.",
            "Monday to Friday you can visit the Brindlemoor store in {city} from {week}.",
        ),
        (
            "On Saturday the doors are open from {sat}, and on Sunday the store is closed.",
            "Saturday hours are {sat}; nobody is there on Sunday.",
            "We also open on Saturday, {sat}.",
        ),
        (
            "You find the shop in {street}.",
            "The address is {street}, two minutes from the tram stop.",
            "The entrance is in {street}, next to the bakery.",
        ),
        ("Parking behind the building is {park}.", "Car park for customers: {park}."),
    ),
    asks={
        "week": Ask(
            "{week}",
            (
                "what are the opening hours of the {city} store on a weekday?",
                "when is your shop in {city} open from Monday to Friday?",
                "during which hours can I visit the store in {city} on Tuesday?",
            ),
        ),
        "sat": Ask(
            "{sat}",
            (
                "what are the Saturday hours of the {city} store?",
                "when is the shop in {city} open on Saturday?",
                "I can only come on Saturday, at what times are the doors of the {city} store open?",
            ),
        ),
        "street": Ask(
            "{street}",
            (
                "in which street is your store in {city}?",
                "what is the address of the {city} shop?",
                "where exactly do I find the entrance of the store in {city}?",
            ),
        ),
        "park": Ask(
            "{park}",
            (
                "what does parking cost at the {city} store?",
                "how much is the customer car park at your shop in {city}?",
                "I am coming by car to the {city} store, what do I pay for parking?",
            ),
        ),
    },
)

HOTLINES = Family(
    topic="hotline",
    story="help",
    titles=("Hotline: {desk}", "Calling about {desk}", "Phone help for {desk}"),
    columns="desk number hours wait lang",
    rows="""
bike advice|4410 22|7 am to 3 pm|four minutes|Danish
kitchen machines|4410 35|8 am to 8 pm|nine minutes|Polish
lost parcels|4410 47|6 am to 10 pm|twelve minutes|Turkish
business customers|4410 58|9 am to 5 pm|two minutes|French
account problems|4410 61|10 am to 6 pm|six minutes|Spanish
garden planning|4410 73|9 am to 1 pm|one minute|Dutch
unpaid bills|4410 84|8 am to 2 pm|fifteen minutes|Italian
sleep advice|4410 96|2 pm to 9 pm|three minutes|Greek
""",
    sentences=(
        (
            "Questions on {desk}? The hotline can be reached on {number}.",
            "For {desk} please dial {number}.",
            "The phone number of the {desk} hotline is {number}.",
        ),
        (
            "Calls are answered from {hours}, Monday to Saturday.",
            "Somebody picks up the phone from {hours}, except on Sunday.",
            "The line is staffed from {hours}.",
        ),
        ("The average wait is {wait}.", "Callers spend about {wait} in the queue."),
        (
            "Besides English, our {desk} team speaks {lang}.",
            "You can talk to the team in English or {lang}.",
            "Help in {lang} is on hand, too.",
        ),
    ),
    asks={
        "number": Ask(
            "{number}",
            (
                "which number do I dial for {desk}?",
                "what is the phone number of the hotline for {desk}?",
                "on what number can I call you about {desk}?",
            ),
        ),
        "hours": Ask(
            "{hours}",
            (
                "when is the {desk} hotline staffed?",
                "at which hours are calls about {desk} answered?",
                "from when to when does somebody pick up the phone for {desk}?",
            ),
        ),
        "wait": Ask(
            "{wait}",
            (
                "how long is the average wait on the {desk} hotline?",
                "how long will I be in the queue when I call about {desk}?",
            ),
        ),
        "lang": Ask(
            "{lang}",
            (
                "which language besides English does the {desk} team speak?",
                "my mother speaks no English, in what other language does the hotline for {desk} help?",
            ),
        ),
    },
)
