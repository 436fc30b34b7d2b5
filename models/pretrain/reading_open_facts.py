# ruff: noqa: E501  (one attribute a line)
"""Open reading material: domains with entities, and attributes said and asked in unlike words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Open:
    """An attribute: its value template, its statements ({s} subject, {v} value) and its questions ({e})."""

    domains: str
    value: str
    says: tuple[str, ...]
    asks: tuple[str, ...]


# l lending, v venue, s stay, p parking/transport, c course/school, m machine, b membership, h clinic, f bakery/food
DOMAINS: dict[str, tuple[str, ...]] = {
    "l": (
        "{coined} tool library",
        "{town} library",
        "toy library {coined}",
        "{adj} {object}",
        "rowing boat {brand}",
        "{brand} boat hire",
        "pedal boat {brand}",
        "{color} canoe",
        "{instrument} from {brand}",
        "{town} seed library",
    ),
    "v": (
        "{town} pool",
        "{town} museum",
        "{brand} cinema",
        "{brand} gym",
        "{brand} climbing hall",
        "{town} zoo",
        "{brand} ice rink",
        "{adj} castle of {town}",
        "{brand} sauna",
        "{town} planetarium",
        "{street} Street hall",
    ),
    "s": (
        "{brand} campsite",
        "Hotel {brand}",
        "hostel {brand}",
        "{town} mountain hut",
        "room {num}",
        "{brand} guest house",
        "{color} cabin",
        "pitch {num}",
        "{adj} lodge",
    ),
    "p": (
        "{town} car park",
        "{street} garage",
        "line {num}",
        "night train to {town}",
        "{brand} ferry",
        "cable car {brand}",
        "{town} bus",
        "car park {brand}",
        "regional train {num}",
    ),
    "c": (
        "{brand} dance class",
        "{town} evening school",
        "{hobby} course",
        "{subject} lessons with {surname}",
        "{town} summer camp",
        "{brand} choir",
        "{sport} for beginners",
        "{hobby} group of {town}",
        "allotment club {brand}",
    ),
    "m": (
        "{brand} {tool}",
        "{coined} machine",
        "{brand} {num} pump",
        "{brand} lamp",
        "{coined} oven",
        "model {code}",
        "{brand} heater",
        "{coined} press",
        "{brand} robot",
    ),
    "b": (
        "{color} card",
        "{brand} membership",
        "{color} level",
        "family pass",
        "{adj} plan",
        "student card",
        "{brand} pass",
        "day pass",
        "{season} ticket",
        "{coined} tier",
    ),
    "h": ("{clinic}", "Dr {surname}", "{town} clinic", "{brand} practice", "vet {surname}", "{clinic} in {town}"),
    "f": (
        "{brand} bakery",
        "cafe {brand}",
        "{brand} canteen",
        "{town} market stall",
        "tea house {brand}",
        "{food} stand of {surname}",
    ),
}

# domains | value | statements / ... | questions / ...
_TEXT = """
l | {term} | Loans run for {v}. / {^s} goes out for {v} at a time. / Borrowers bring it back after {v}. / {^s} may stay with you for {v}. / The lending period is {v}. / After {v} it has to be on our shelf again. | How long may I keep {e}? / When must I give {e} back? / For what time can I take {e} home? / Until when is {e} mine? / How many days or weeks can I use {e}? / I want to borrow {e}, for how long?
lvspcmbf | {price} | {^s} costs {v}. / You pay {v}. / The fee is {v}. / We charge {v} for {s}. / {v} is due at the desk. / Expect to spend {v}. / The price stands at {v}. | How much is {e}? / What do I have to pay for {e}? / What does {e} come to? / How much money should I bring for {e}? / Is {e} expensive? What is the price? / what would {e} set me back
vfhlp | {hours} | Doors are open {v}. / {^s} is staffed {v}. / You will find us here {v}. / Visitors are let in {v}. / The daily hours are {v}. / {^s} welcomes people {v}. | When can I come to {e}? / At what times is {e} open? / What are the hours of {e}? / When is somebody at {e}? / Between which times can I visit {e}? / Is {e} open in the afternoon? Give the times.
vfhlc | {weekday} | {^s} rests on {v}. / Every {v} the doors stay shut. / Nobody is here on {v}. / {v} is our day off. / We are closed on {v}. / Staff are away each {v}. | On which day is {e} closed? / When should I not come to {e}? / Which day does {e} take off? / On what day will I find nobody at {e}? / What is the quiet day of {e}? / When is {e} not open?
vcspmb | [{small}|{small}|{age}] years | Children must be at least {v} old. / {^s} is for people from {v} on. / Nobody under {v} may take part. / The lower age limit is {v}. / You need to be {v} or older. / From {v} on you are welcome. | How old do I have to be for {e}? / Can my daughter use {e}? What is the age? / What is the youngest age for {e}? / From what age is {e} allowed? / Is {e} fine for kids? From when? / Who is too young for {e}?
vcslpb | {num} [people|guests|places|members] | {^s} takes up to {v}. / No more than {v} fit in. / There is room for {v}. / We stop at {v}. / The limit is {v}. / With {v} it is full. | How many can join {e}? / How big is {e}? / What is the largest group for {e}? / When is {e} full? / How many of us does {e} hold? / Up to what number can we come to {e}?
mlb | {term} | The maker gives a guarantee of {v}. / Faults are repaired free for {v}. / For {v} you need not pay for a repair. / {^s} is covered for {v}. / {v} of cover come with it. / Should it break within {v}, we mend it free. | How long is {e} covered if it breaks? / What guarantee does {e} have? / For how long are repairs of {e} free? / If {e} fails, how long does the maker help? / What cover do I get with {e}? / how long will they fix {e} for nothing
lps | {price} per [day|hour|week] | Late returns cost {v}. / If you are late, you pay {v}. / We take {v} for every delay. / Overdue items are fined {v}. / Coming back late means {v}. / The penalty is {v} once the time is up. | What happens if I am late with {e}? / How much is the fine for {e}? / I forgot the date of {e}, what do I owe? / What is the penalty for {e}? / How dear is it to keep {e} too long? / What does a delay with {e} cost?
lvsp | {price} | We hold a deposit of {v}. / Leave {v} with us as a security. / {v} is kept until the end and then given back. / A pledge of {v} is taken. / First you hand over {v}, which you get again later. / {^s} is handed out against {v}. | What deposit does {e} need? / How much do I leave behind for {e}? / What sum do I get back after {e}? / How high is the pledge for {e}? / What do you hold as security for {e}? / how much do i put down for {e}
vcspbh | [{small} days|{span}|{small} weeks|{num} hours|{duration}] before | Cancel {v}, or the full price is due. / You may change your mind until {v}. / Free cancelling ends {v}. / Tell us {v} if you cannot come. / Up to {v} you can step back at no cost. / Anyone may withdraw {v}. | Until when can I cancel {e}? / I may not make it to {e}; how early must I say so? / When is the last moment to call off {e}? / What is the notice for {e}? / How long ahead can I drop {e} without paying? / by when do i say no to {e}
cvbh | {date} | Sign up by {v}. / Forms reach us no later than {v}. / The list closes on {v}. / Places can be taken until {v}. / The last day to enter is {v}. / After {v} we take no more names. | When is the deadline for {e}? / What is the last day to join {e}? / By when must my form for {e} arrive? / How long can I still enter {e}? / When does the list of {e} close? / until what date can i register for {e}
cvp | {clock} | {^s} starts at {v}. / We begin at {v} sharp. / Be here by {v}. / The first round is at {v}. / {v} is when it all begins. / At {v} we set off. | When does {e} start? / At what time should I be at {e}? / What time is the beginning of {e}? / How early do I have to come for {e}? / When do things get going at {e}? / i dont want to miss {e}, what time
cmvph | {span} | {^s} lasts {v}. / It takes {v} from start to end. / Plan {v} for it. / After {v} you are done. / One round is {v} long. / You will be busy for {v}. | How long does {e} take? / How much time do I need for {e}? / How long is {e}? / When am I done with {e}? / What is the length of {e}? / For how much of my day does {e} last?
vcslhf | {address} | You find us at {v}. / {^s} is at {v}. / Come to {v}. / Our place is {v}. / The entrance is at {v}. / Everything happens at {v}. | Where is {e}? / What is the address of {e}? / Where do I have to go for {e}? / At which street is {e}? / How do I find {e}? / To which place do I come for {e}?
cvhlsf | {person} | {v} runs {s}. / {^s} is led by {v}. / Ask for {v} at the door. / {v} is in charge here. / Questions go to {v}. / Your host is {v}. | Who is responsible for {e}? / Whom do I talk to at {e}? / Who leads {e}? / What is the name of the head of {e}? / Who can tell me more about {e}? / Which person looks after {e}?
lspb | [both keys|the blue card|the room key|the signed form|the parking disc|the red tag|a photo of yourself|the plastic badge|two clean towels|the key and the map|a copy of the contract|the empty box|the {color} {object}|your {object}|the {adj} {object}|a {object} and a {object}] | At the end leave {v} at the desk. / Hand in {v} when you go. / {v} must be given back on the last day. / Do not forget to return {v}. / We need {v} back. / When you are done, drop {v} in the grey box. | What do I hand in after {e}? / What must be given back for {e}? / What do I leave at the desk after {e}? / What should I not take home from {e}? / Which things do you want back for {e}? / what goes in the grey box after {e}
cvslhm | [sturdy shoes|a swimming cap|your own towel|indoor shoes|a photo ID|warm gloves|a padlock|a sleeping bag|a water bottle|an old shirt|safety glasses|a helmet|{a:object}|{a:color} {object}|{a:adj} {object}] | Please bring {v}. / Nobody gets in without {v}. / You will need {v}. / {v} is required. / Pack {v}. / We ask all guests for {v}. | What should I bring to {e}? / What must I have with me for {e}? / Without what will {e} turn me away? / What do I need for {e}? / What should be in my bag for {e}? / is there anything i should take along to {e}
vsplcf | [dogs|glass bottles|open fires|loud radios|bicycles|drones|snacks|photos with flash|high heels|barbecues|scooters|{animal}s|{object}s|{vehicle}s] | {v} are not allowed. / Leave {v} at home. / We do not permit {v}. / No {v}, please. / {v} have to stay outside. / House rules forbid {v}. | What is forbidden at {e}? / What must I leave at home for {e}? / What can I not bring to {e}? / Which things does {e} not want? / What is against the rules of {e}? / What has to stay outside at {e}?
vbsfc | {percent} | Students get {v} off. / With a card you save {v}. / {v} less is charged in winter. / Groups pay {v} less. / There is a reduction of {v}. / We take {v} off for early birds. | How much cheaper can {e} be? / What reduction does {e} give? / How much do I save at {e}? / What discount is there for {e}? / By how much does the price of {e} drop? / what do i get off at {e}
ms | {measure} | {^s} weighs or holds {v}. / Its size is {v}. / {^s} measures {v}. / We noted {v}. / {v} is what the plate says. / The makers write {v}. | How big is {e}? / What is the size of {e}? / What are the measures of {e}? / How much does {e} measure? / What figure is on the plate of {e}? / What did the makers write about {e}?
vcslphf | {phone} | Call {v}. / We pick up at {v}. / Our number is {v}. / Dial {v} for help. / Reach us on {v}. / {v} is our line. | What is the phone number of {e}? / How can I ring {e}? / Which number reaches {e}? / I need to call {e}, what do I dial? / Where can I phone about {e}? / Under what number does {e} answer?
bvcl | {small} [guests|visits|books|hours|lessons|friends|tickets] | {^s} includes {v}. / You have {v} free each month. / Every month holds {v}. / {v} are part of it. / With it come {v}. / Use up to {v}. | What is included in {e}? / How much do I get with {e}? / What can I use with {e} each month? / What comes along with {e}? / What is free with {e}? / How many does {e} give me?
msvp | [water|gas|wood|{material}|oil|sunlight|two batteries|a big battery|steam|coal] | {^s} runs on {v}. / It is powered by {v}. / {v} keeps it going. / Feed it with {v}. / Without {v} it stops. / {^s} uses {v}. | What does {e} need to run? / What powers {e}? / What should I fill into {e}? / What makes {e} work? / What does {e} use up? / Which fuel is for {e}?
mhlcv | every {term} | {^s} is checked {v}. / Someone looks after it {v}. / {v} the staff inspect it. / Cleaning takes place {v}. / A test is made {v}. / It is looked over {v}. | How often is {e} checked? / When does somebody inspect {e}? / How regular are the tests of {e}? / What is the rhythm of care for {e}? / how frequently is {e} cleaned / At what intervals do they look after {e}?
vpsf | {floor} | {^s} is on {v}. / Take the stairs to {v}. / You need {v}. / Look for it on {v}. / The lift brings you to {v}. / {v} is the right level. | On which floor is {e}? / Which level do I need for {e}? / Where in the building is {e}? / Where should I leave the lift for {e}? / What storey is {e}? / How far up is {e}?
vbslphcf | [cash|a bank card|a code by mail|vouchers|coins only|the town card|bank transfer|a monthly bill|an app] | Pay with {v}. / We take {v}. / {v} is the way to pay. / Accounts are settled with {v}. / At the desk we accept {v}. / You pay by means of {v}. | How can I pay for {e}? / Which way of paying does {e} take? / What do you accept at {e}? / How do I settle the bill of {e}? / What should I pay {e} with? / In which form does {e} want its money?
lvspcmbhf | {a:thing} | Each guest is given {v}. / New people receive {v}. / As a gift there is {v}. / {^s} hands out {v} to everyone. / You may take {v} home. / On the first day you get {v}. | What do I get from {e}? / What is the present of {e}? / What does {e} give to new people? / What can I take home from {e}? / Which gift does {e} have? / What will {e} hand me on the first day?
lvspcmbhf | {num} {word}s | {^s} has {v}. / There are {v} in it. / {v} belong to {s}. / We counted {v}. / You will see {v}. / {^s} comes with {v}. | How many {word}s does {e} have? / What is the number of {word}s of {e}? / How many {word}s are there at {e}? / Count the {word}s of {e}. / What did they count at {e}? / How many {word}s will I see at {e}?
lvspcmbhf | {place} | The {word} is kept in {v}. / Look in {v} for the {word}. / You find the {word} in {v}. / The {word} of {s} stands in {v}. / In {v} there is the {word}. / They put the {word} in {v}. | Where is the {word} of {e}? / Where do they keep the {word} at {e}? / Where should I look for the {word} of {e}? / In which place is the {word} of {e}? / I cannot see the {word} of {e}. Where is it? / Where can I find the {word} at {e}?
lvspcmbhf | {surname} | The {word} was made by {v}. / {v} takes care of the {word}. / For the {word} ask {v}. / {v} once gave us the {word}. / The one with the {word} is {v}. / {v} owns the {word}. | Who has to do with the {word} of {e}? / Whom do I ask about the {word} of {e}? / Whose name goes with the {word} at {e}? / Who is behind the {word} of {e}? / Which person do I thank for the {word} of {e}? / The {word} of {e} - who?
"""


def _load() -> list[Open]:
    found = []
    for line in _TEXT.strip().splitlines():
        tags, value, rest, asks = _split(line)
        found.append(Open(tags, value, tuple(rest.split(" / ")), tuple(asks.split(" / "))))
    return found


def _split(line: str) -> list[str]:
    """Four cells; the bars inside brackets have no spaces around them."""
    return [cell.strip() for cell in line.split(" | ")]


ATTRIBUTES: list[Open] = _load()
