"""Knowledge-base tables about money: loyalty tiers, gift cards, payment methods, invoices."""

from __future__ import annotations

from generator.policies import Ask, Family

LOYALTY = Family(
    topic="loyalty",
    story="loyal",
    titles=("Loyalty tier {tier}", "The {tier} level", "{Tier} members"),
    columns="tier points off gift expire",
    rows="""
Acorn|150 points|2 percent|a seed packet|8 months
Fern|400 points|4 percent|a tea towel|11 months
Willow|900 points|5 percent|a birthday cake|14 months
Heron|1,600 points|7 percent|a free bike check|20 months
Badger|2,500 points|9 percent|a picnic blanket|26 months
Summit|5,000 points|12 percent|two cinema tickets|36 months
""",
    sentences=(
        (
            "You reach the {tier} tier of our loyalty club with {points}.",
            "Members who collect {points} move up to the {tier} tier.",
            "The loyalty level {tier} starts at {points}.",
        ),
        (
            "{Tier} members get {off} off every order.",
            "The discount at this level is {off} on all goods.",
            "It takes {off} off the price of each order you place.",
        ),
        (
            "Once a year you also receive {gift}.",
            "The yearly present is {gift}.",
            "Every spring we send {gift} as a present.",
        ),
        (
            "Points of {tier} members expire after {expire} without a purchase.",
            "If you buy nothing for {expire}, the points are lost.",
            "Unused points stay valid for {expire}.",
        ),
    ),
    asks={
        "points": Ask(
            "{points}",
            (
                "how many points do I need for the {tier} tier?",
                "what must I collect to move up to the {tier} level?",
                "at how many points does the loyalty level {tier} start?",
            ),
        ),
        "off": Ask(
            "{off}",
            (
                "what discount do {tier} members get?",
                "how much is taken off each order when I am in the {tier} tier?",
                "which discount comes with the {tier} level of the loyalty club?",
            ),
        ),
        "gift": Ask(
            "{gift}",
            (
                "what yearly present do {tier} members receive?",
                "which gift is sent to loyalty members of the {tier} tier?",
                "what will you send me once a year as a {tier} member?",
            ),
        ),
        "expire": Ask(
            "{expire}",
            (
                "when do the points of a {tier} member expire?",
                "how long do unused points stay valid in the {tier} tier?",
                "after what time without a purchase are {tier} points lost?",
            ),
        ),
    },
)

GIFT_CARDS = Family(
    topic="gift cards",
    story="gift",
    titles=("{Card} rules", "About the {card}", "Gift cards: the {card}"),
    columns="card valid low high send",
    rows="""
paper gift card|3 years|15 euros|250 euros|4 days
digital gift card|24 months|5 euros|500 euros|ten minutes
wedding gift card|5 years|50 euros|1,000 euros|6 days
birthday gift card|18 months|10 euros|120 euros|3 days
school gift card|12 months|8 euros|90 euros|5 days
company gift card|30 months|100 euros|2,000 euros|8 days
garden gift card|two summers|20 euros|300 euros|one week
""",
    sentences=(
        (
            "The {card} is valid for {valid}.",
            "You can spend the {card} for {valid} after purchase.",
            "A {card} bought today keeps its value for {valid}.",
        ),
        ("The smallest amount you can load is {low}.", "It starts at {low}.", "The least you can put on it is {low}."),
        ("No more than {high} fits on one card.", "The highest value is {high}.", "At most {high} can be loaded."),
        (
            "The {card} is with you {send} after payment.",
            "It is sent out within {send} and cannot be paid out in cash.",
            "We deliver it in {send}; exchanging it for cash is not possible.",
        ),
    ),
    asks={
        "valid": Ask(
            "{valid}",
            (
                "how long is the {card} valid?",
                "for how long can I spend a {card} after purchase?",
                "until when does a {card} keep its value?",
            ),
        ),
        "low": Ask(
            "{low}",
            (
                "what is the smallest amount I can load on a {card}?",
                "how much must I put on the {card} at least?",
                "at which value does the {card} start?",
            ),
        ),
        "high": Ask(
            "{high}",
            (
                "what is the highest value of a {card}?",
                "how much can be loaded on one {card} at most?",
                "what is the most money that fits on a {card}?",
            ),
        ),
        "send": Ask(
            "{send}",
            (
                "how long until a {card} is sent out after payment?",
                "how fast do you deliver the {card}?",
                "I paid for a {card}, how soon will I have it?",
            ),
        ),
    },
)

PAYMENT = Family(
    topic="payment",
    story="pay",
    titles=("Paying by {way}", "Payment method: {way}", "{Way} at the checkout"),
    columns="way fee max clear",
    rows="""
credit card|0.90 euros|3,000 euros|two minutes
bank transfer|nothing at all|10,000 euros|3 bank days
monthly instalments|1.9 percent a month|1,800 euros|48 hours
cash on delivery|6.50 euros|400 euros|no time
store credit|0.20 euros|750 euros|one minute
direct debit|0.40 euros|1,200 euros|5 bank days
phone bill|3 percent|85 euros|half an hour
""",
    sentences=(
        (
            "Paying by {way} costs {fee} extra.",
            "The fee for {way} is {fee}.",
            "Customers who choose {way} at the checkout pay a fee of {fee}.",
        ),
        (
            "This payment method can be used for orders up to {max}.",
            "The most you can pay with {way} is {max} per order.",
            "Baskets above {max} need another payment method.",
        ),
        (
            "The payment needs {clear} to clear, and then we pack your order.",
            "We start packing once the money has cleared, which takes {clear}.",
            "It takes {clear} until the payment is booked and the goods can leave our depot.",
        ),
    ),
    asks={
        "fee": Ask(
            "{fee}",
            (
                "what fee do I pay for {way}?",
                "how much extra does it cost if I choose {way} at the checkout?",
                "what do you charge when I pay by {way}?",
            ),
        ),
        "max": Ask(
            "{max}",
            (
                "up to what order value can I use {way}?",
                "what is the most I can pay with {way} per order?",
                "what is the limit for {way} as a payment method?",
            ),
        ),
        "clear": Ask(
            "{clear}",
            (
                "how long does a payment by {way} need to clear?",
                "how soon is the money booked if I choose {way}?",
                "I paid with {way}, how much time passes until it has cleared?",
            ),
        ),
    },
)

INVOICES = Family(
    topic="invoice",
    story="bill",
    titles=("{Doc}: how to get one", "About the {doc}", "Paperwork: {doc}"),
    columns="doc time fee keep menu",
    rows="""
tax invoice|2 days|1.80 euros|10 years|My Papers
proof of purchase|one hour|2.40 euros|4 years|Old Orders
export invoice|5 days|9.20 euros|12 years|Customs Desk
collective invoice|the 3rd of the month|4.10 euros|7 years|Company Corner
""",
    sentences=(
        ("You get {adoc} by email within {time} if you ask for it.", "After your request the {doc} is sent by {time}."),
        ("A printed copy of the {doc} by post costs {fee}.", "We charge {fee} for a second copy on paper."),
        ("Every {doc} stays in our archive for {keep}.", "We store it for {keep} and delete it afterwards."),
        ("In your account the {doc} stands under {menu}.", "To download it yourself, log in and open the menu {menu}."),
    ),
    asks={
        "time": Ask("{time}", ("how long until I get {adoc} by email?", "by when is the {doc} sent after my request?")),
        "fee": Ask(
            "{fee}",
            (
                "what does a printed copy of the {doc} cost?",
                "how much do you charge for a second paper copy of {adoc}?",
            ),
        ),
        "keep": Ask(
            "{keep}",
            ("how long does {adoc} stay in your archive?", "for what time do you store {adoc} before you delete it?"),
        ),
        "menu": Ask(
            "{menu}",
            (
                "under which menu of my account do I download the {doc}?",
                "where in my account does the {doc} stand after I log in?",
            ),
        ),
    },
)
