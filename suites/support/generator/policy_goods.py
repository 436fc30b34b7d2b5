"""Knowledge-base tables about goods: returns, warranty, repairs, spare parts."""

from __future__ import annotations

from generator.policies import Ask, Family

RETURNS = Family(
    topic="returns",
    story="goods",
    titles=("Returning {many}", "Return window: {many}", "Sending back {a}"),
    columns="many one win item refund fee",
    rows="""
bikes|bike|21 days|both lock keys|6 working days|18 euros
headphones|pair of headphones|12 days|the sealed ear pads|4 working days|7.50 euros
desk lamps|desk lamp|45 days|the original bulb|5 working days|3 euros
tents|tent|28 days|all the pegs|8 working days|11 euros
running shoes|pair of running shoes|40 days|the shoe box|3 working days|5.50 euros
coffee machines|coffee machine|16 days|the clean drip tray|7 working days|24 euros
sofas|sofa|10 days|the fabric label|15 working days|59 euros
printers|printer|18 days|unopened ink cartridges|9 working days|13 euros
board games|board game|60 days|every game piece|2 working days|2.50 euros
vacuum cleaners|vacuum cleaner|25 days|an empty dust bag|11 working days|16 euros
smart watches|smart watch|13 days|the charging cradle|5 bank days|9 euros
mattresses|mattress|100 days|the washable cover|20 working days|35 euros
backpacks|backpack|35 days|the rain cover|4 bank days|4 euros
office chairs|office chair|22 days|the gas-spring key|12 working days|27 euros
""",
    sentences=(
        (
            "{Many} can be sent back within {win} of delivery.",
            "You may return {a} up to {win} after it arrives at your door.",
            "The return window for {many} is {win}, counted from the day you received the parcel.",
            "If {a} does not suit you, send it back within {win} and we cancel the purchase.",
        ),
        (
            "Please enclose {item}, otherwise we cannot accept the return.",
            "A return is only complete together with {item}.",
            "Our warehouse checks each returned {one} and expects {item} in the box.",
        ),
        (
            "The refund reaches your account {refund} after the goods are back with us.",
            "Once we have checked it, you get the money back in {refund}.",
            "Allow {refund} for the refund to be paid out.",
        ),
        (
            "When {a} shows signs of use, a handling fee of {fee} is kept back.",
            "For an opened or used {one} we deduct {fee}.",
            "Used {many} are still taken, but cost you {fee} for cleaning and packing.",
        ),
    ),
    asks={
        "win": Ask(
            "{win}",
            (
                "how long do I have to return {a}?",
                "until when can I send {a} back if I ordered online?",
                "how many days is the return window for {many}?",
                "what is the deadline to send {a} back after delivery?",
                "within what time may {a} be returned if I do not like it?",
                "by when must {a} be sent back so that I get my money?",
            ),
        ),
        "item": Ask(
            "{item}",
            (
                "what do I have to enclose when I return {a}?",
                "which thing must be in the box when {a} goes back?",
                "what must I not forget to pack when sending back {many}?",
                "what does the warehouse expect in the box of a returned {one}?",
                "is there anything a return of {many} has to be complete with, and what is it?",
            ),
        ),
        "refund": Ask(
            "{refund}",
            (
                "how long does the refund take after I return {a}?",
                "when is the money for a returned {one} back on my account?",
                "I am sending back {a}, how many days until the refund is paid out?",
                "after you have checked my returned {one}, how long until I get the money back?",
                "how soon do you pay out a refund for {many}?",
            ),
        ),
        "fee": Ask(
            "{fee}",
            (
                "what do you deduct if I return {a} that was already used?",
                "how much is the handling fee for a used {one}?",
                "what does it cost me to send back {a} with signs of use?",
                "how much money do you keep back for an opened {one}?",
                "if {a} has been used a little, which fee is kept when it goes back?",
            ),
        ),
    },
)

WARRANTY = Family(
    topic="warranty",
    story="goods",
    titles=("Warranty on {many}", "How long {a} is covered", "{Many}: our guarantee"),
    columns="many one years not reg contact",
    rows="""
bikes|bike|5 years|brake pads|30 days|the Kettle Lane workshop
headphones|pair of headphones|18 months|worn ear pads|14 days|the audio bench
desk lamps|desk lamp|4 years|burnt-out bulbs|60 days|the light counter
tents|tent|30 months|bent pegs|45 days|the canvas room
running shoes|pair of running shoes|9 months|worn soles|10 days|the shoe desk
coffee machines|coffee machine|26 months|limescale damage|21 days|the steam team
sofas|sofa|7 years|sun-faded fabric|90 days|the upholstery hall
printers|printer|20 months|dried-out ink|28 days|the paper clinic
electric kettles|electric kettle|3 years|scratched lids|35 days|the small-machine shelf
vacuum cleaners|vacuum cleaner|40 months|clogged filters|25 days|the dust lab
smart watches|smart watch|2 years|cracked glass|7 days|the watch window
mattresses|mattress|10 years|stains|120 days|the sleep studio
backpacks|backpack|6 years|torn straps|50 days|the seam corner
office chairs|office chair|8 years|scuffed castors|75 days|the chair dock
""",
    sentences=(
        (
            "{Many} come with a warranty of {years}.",
            "We guarantee every {one} for {years} from the date on the receipt.",
            "The warranty on {a} runs for {years}.",
            "For {years} after purchase we mend or replace a faulty {one} free of charge.",
        ),
        (
            "Not covered by the guarantee are {not}.",
            "The warranty leaves out {not}, which count as normal wear.",
            "Claims for {not} are turned down.",
        ),
        (
            "Register the product online within {reg}, or the cover is cut in half.",
            "To get the full cover, register your {one} in the first {reg}.",
            "You have {reg} to enter the serial number on our site, which switches the cover on.",
        ),
        (
            "Warranty claims are handled by {contact}.",
            "Send a faulty {one} to {contact}, with the receipt.",
            "Ask for {contact} if something breaks.",
        ),
    ),
    asks={
        "years": Ask(
            "{years}",
            (
                "how long is the warranty on {a}?",
                "for what time is {a} covered by your guarantee?",
                "how long after purchase do you replace a faulty {one} for free?",
                "my {one} broke, until when is it under warranty?",
                "what warranty period do {many} come with?",
                "how long do you guarantee {many}?",
            ),
        ),
        "not": Ask(
            "{not}",
            (
                "what does the warranty on {a} leave out?",
                "which damage is not covered by the guarantee on {many}?",
                "what is excluded from the warranty of my {one}?",
                "which warranty claims on {many} do you turn down?",
                "what counts as normal wear and is not covered for {a}?",
            ),
        ),
        "reg": Ask(
            "{reg}",
            (
                "how soon must I register {a} to get the full warranty?",
                "how many days do I have to register my new {one} online for the guarantee?",
                "within what time does the serial number of {a} have to be entered for full cover?",
                "what is the registration deadline for the warranty on {many}?",
            ),
        ),
        "contact": Ask(
            "{contact}",
            (
                "who handles warranty claims for {many}?",
                "where should I send a faulty {one} that is under warranty?",
                "which team do I ask for when my {one} is covered but broken?",
                "to whom do I take {a} with a guarantee case?",
            ),
        ),
    },
)

REPAIR = Family(
    topic="repair",
    story="goods",
    titles=("Repair price: {job}", "{Job} - what we charge", "Workshop list: {job}"),
    columns="job one price time free where",
    rows="""
replacing a bike chain|bike|34 euros|2 hours|Tuesday|Brisk Street
straightening a bike wheel|bike|29 euros|one day|Wednesday|Kettle Lane
changing a phone battery|phone|47 euros|50 minutes|Monday|Tower Arcade
replacing a phone screen|phone|119 euros|3 hours|Friday|Tower Arcade
descaling a coffee machine|coffee machine|22 euros|90 minutes|Thursday|Mill Yard
sealing a coffee machine pump|coffee machine|58 euros|4 days|Saturday|Mill Yard
rewiring a floor lamp|floor lamp|26 euros|3 days|Tuesday|Glass Court
patching a tent roof|tent|31 euros|6 days|Monday|Canvas Row
replacing a tent zip|tent|44 euros|9 days|Wednesday|Canvas Row
resoling hiking boots|hiking boot|52 euros|12 days|Thursday|Cobbler Gate
restuffing a sofa cushion|sofa|38 euros|two weeks|Friday|Weaver Hall
cleaning a printer head|printer|19 euros|40 minutes|Saturday|Paper Mews
unclogging a vacuum hose|vacuum cleaner|15 euros|30 minutes|Monday|Dustbin Alley
swapping a watch strap pin|watch|6 euros|10 minutes|Wednesday|Clock Passage
sharpening a lawn mower blade|lawn mower|17 euros|one hour|Tuesday|Orchard Shed
fixing a camera shutter|camera|88 euros|16 days|Thursday|Lens Corner
""",
    sentences=(
        (
            "{Job} costs {price}, parts included.",
            "Our workshop charges {price} for {job}.",
            "The fixed price for {job} is {price}.",
        ),
        (
            "The repair takes about {time} once it is on the bench.",
            "Expect to wait {time} before you can collect it.",
            "Our mechanics need {time} for this job.",
        ),
        (
            "The first check is free every {free}; on other days it costs 5 euros.",
            "Come on a {free} and the inspection costs nothing.",
        ),
        (
            "Drop the {one} off at the {where} workshop.",
            "This work is only done at our workshop in {where}.",
            "Bring it to the repair counter in {where}.",
        ),
    ),
    asks={
        "price": Ask(
            "{price}",
            (
                "how much do you charge for {job}?",
                "what does {job} cost in your workshop?",
                "what is the price of {job}, parts included?",
                "what would I pay if you did the job of {job}?",
                "can you tell me the fixed repair price for {job}?",
            ),
        ),
        "time": Ask(
            "{time}",
            (
                "how long does {job} take?",
                "how long must I wait when your workshop is {job}?",
                "how much time do the mechanics need for {job}?",
                "if I bring it in for {job}, when can I collect it?",
            ),
        ),
        "free": Ask(
            "{free}",
            (
                "on which day is the check free before {job}?",
                "which weekday costs nothing for the inspection when it comes to {job}?",
                "when can I have the first check for free, it is about {job}?",
            ),
        ),
        "where": Ask(
            "{where}",
            (
                "at which workshop do you offer {job}?",
                "where do I drop it off for {job}?",
                "which repair counter is the right one for {job}?",
                "where is the workshop for {job}?",
            ),
        ),
    },
)

PARTS = Family(
    topic="spare parts",
    story="goods",
    titles=("Spare part: {part}", "Ordering {apart}", "{Part} - price and stock"),
    columns="part one price no ship keep",
    rows="""
saddle clamp|bike|8.40 euros|SC-118|3 days|12 years
pedal set|bike|19.90 euros|PD-204|5 days|9 years
ear cushion|pair of headphones|6.70 euros|EC-031|4 days|4 years
lamp shade|floor lamp|14.20 euros|LS-552|8 days|7 years
tent pole|tent|23.60 euros|TP-409|6 days|11 years
water tank|coffee machine|27.80 euros|WT-860|10 days|8 years
milk frother|coffee machine|31.50 euros|MF-861|7 days|5 years
paper tray|printer|12.30 euros|PT-277|9 days|6 years
dust filter|vacuum cleaner|5.10 euros|DF-015|2 days|14 years
watch buckle|watch|4.60 euros|WB-733|11 days|10 years
chair castor|office chair|3.90 euros|CC-640|one day|15 years
mower blade|lawn mower|36.40 euros|MB-092|13 days|13 years
lens cap|camera|2.80 euros|LC-318|two weeks|3 years
kettle lid|electric kettle|7.20 euros|KL-466|12 days|16 years
""",
    sentences=(
        (
            "A new {part} for your {one} costs {price}.",
            "We sell the {part} as a spare part for {price}.",
            "The price of {apart} is {price}, tax included.",
        ),
        (
            "Quote part number {no} when ordering.",
            "It is listed under number {no} in the parts catalogue.",
            "Type {no} into the search field to find it.",
        ),
        (
            "Delivery of the part takes {ship}.",
            "It leaves our depot and arrives in {ship}.",
            "Count on {ship} until it is in your letter box.",
        ),
        (
            "We keep it in stock for {keep} after the {one} model is discontinued.",
            "The {part} stays available for {keep} after the last {one} was sold.",
        ),
    ),
    asks={
        "price": Ask(
            "{price}",
            (
                "how much is a new {part} for my {one}?",
                "what does the {part} cost as a spare part?",
                "what would I pay for {apart}, tax included?",
                "I lost the {part} of my {one}, what is the price of a new one?",
            ),
        ),
        "no": Ask(
            "{no}",
            (
                "which part number does the {part} have?",
                "what number should I quote to order {apart}?",
                "under which number is the {part} listed in your parts catalogue?",
                "what do I type into the search field to find the {part} for my {one}?",
            ),
        ),
        "ship": Ask(
            "{ship}",
            (
                "how long does it take until the {part} arrives?",
                "I ordered {apart}, how many days is the delivery of the part?",
                "when would a new {part} be in my letter box?",
                "how fast can you deliver the {part} for {a}?",
            ),
        ),
        "keep": Ask(
            "{keep}",
            (
                "for how long is the {part} available after my {one} is discontinued?",
                "how many years do you keep the {part} in stock?",
                "until when can I still buy {apart} once the {one} model is no longer sold?",
            ),
        ),
    },
)
