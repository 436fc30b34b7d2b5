"""Everyday knowledge: sums and products (arithmetic), jobs (professions), time and measures (calendar)."""

from __future__ import annotations

from models.pretrain.facts_relation import Relation, parse_inverse, parse_pairs, parse_sets

_NUMBER_PAIRS = tuple((a, b) for a in range(2, 11) for b in range(a, 11))

SUM = Relation(
    name="sum",
    subject="arithmetic",
    pairs=tuple((f"{a} and {b}", str(a + b)) for a, b in _NUMBER_PAIRS),
    statements=(
        "{a} plus {b} is {o}.",
        "{a} + {b} = {o}.",
        "The sum of {a} and {b} is {o}.",
        "{a} and {b} together make {o}.",
        "If we have {a} apples and get {b} more, we have {o} apples.",
        "When we add {b} to {a} we have {o}.",
        "{o} is the sum of {a} and {b}.",
        "Add {a} and {b}: the answer is {o}.",
    ),
    questions=(
        "What is {a} plus {b}?",
        "What is {a} + {b}?",
        "What is the sum of {a} and {b}?",
        "How much is {a} plus {b}?",
        "Add {a} and {b}. What is the answer?",
        "What do {a} and {b} make together?",
    ),
)

PRODUCT = Relation(
    name="product",
    subject="arithmetic",
    pairs=tuple((f"{a} and {b}", str(a * b)) for a, b in _NUMBER_PAIRS),
    statements=(
        "{a} times {b} is {o}.",
        "{a} x {b} = {o}.",
        "The product of {a} and {b} is {o}.",
        "{a} multiplied by {b} is {o}.",
        "{a} boxes with {b} apples each hold {o} apples.",
        "When we multiply {a} by {b} we have {o}.",
        "{o} is the product of {a} and {b}.",
        "Multiply {a} and {b}: the answer is {o}.",
    ),
    questions=(
        "What is {a} times {b}?",
        "What is {a} x {b}?",
        "What is the product of {a} and {b}?",
        "How much is {a} times {b}?",
        "Multiply {a} and {b}. What is the answer?",
        "What is {a} multiplied by {b}?",
    ),
)

JOB = Relation(
    name="job",
    subject="professions",
    pairs=parse_pairs("""
        bakes bread: baker; cuts hair: barber; puts out fires: firefighter; flies planes: pilot; treats teeth:
        dentist; grows crops: farmer; catches fish: fisherman; sells meat: butcher; repairs pipes: plumber;
        teaches pupils: teacher; cooks meals in a restaurant: chef; serves food in a restaurant: waiter;
        drives a taxi: taxi driver; sews suits: tailor; designs buildings: architect; builds walls of brick:
        bricklayer; makes things of wood: carpenter; lends out books: librarian; sells flowers: florist;
        treats sick animals: vet; cares for gardens: gardener; takes photographs: photographer; paints
        pictures: painter; writes poems: poet; writes news stories: journalist; sings songs: singer; studies
        the stars: astronomer; repairs cars: mechanic; digs for coal: miner; shoes horses: blacksmith; cleans
        chimneys: chimney sweep; brings letters: postman; fights in an army: soldier; works on a ship: sailor;
        arrests thieves: policeman; decides cases in court: judge; sells medicines: pharmacist; fits electric
        wires: electrician; makes shoes: shoemaker; travels into space: astronaut; translates texts:
        translator; writes computer programs: programmer; keeps accounts: accountant; makes jokes in a circus:
        clown; leads an orchestra: conductor; carves statues: sculptor; looks after sheep: shepherd; tests
        eyes for glasses: optician; makes barrels: cooper; makes pots of clay: potter
    """),
    statements=(
        "A person who {s} is called {a_o}.",
        "{A_o} is a person who {s}.",
        "{A_o} {s}.",
        "The {o} {s} every day.",
        "If someone {s} for a living, that person is {a_o}.",
        "The job of a person who {s} is {o}.",
        "My uncle is {a_o}: he {s}.",
        "Someone in our street {s} and is proud to be {a_o}.",
        "Somebody who {s} works as {a_o}.",
    ),
    questions=(
        "Who {s}?",
        "What is a person who {s} called?",
        "What is the job of a person who {s}?",
        "Which worker {s}?",
        "My uncle {s}. What is his job?",
    ),
    confusable=parse_sets("""
        teacher, translator; chef, waiter, baker, butcher; poet, journalist, singer, translator; painter,
        sculptor, potter; sailor, fisherman, soldier; dentist, vet, pharmacist, optician; carpenter,
        bricklayer, cooper; farmer, gardener, shepherd; blacksmith, mechanic; architect, painter; pilot,
        astronaut; soldier, policeman; plumber, electrician; shoemaker, tailor; farmer, florist, gardener;
        pilot, soldier; clown, singer
    """),
)

WORKPLACE = Relation(
    name="workplace",
    subject="professions",
    pairs=parse_inverse("""
        school: teacher, headmaster; hospital: nurse, surgeon; court: judge, lawyer; kitchen: chef; library:
        librarian; farm: farmer, milkmaid; bakery: baker; garage: mechanic; mine: miner; theatre: actor;
        laboratory: chemist; bank: banker; church: priest; zoo: zookeeper; ship: sailor, captain; office:
        secretary; castle: king; army: soldier; museum: curator; circus: clown, acrobat; hotel: receptionist;
        forest: forester; garden: gardener; university: professor
    """),
    statements=(
        "The workplace of {a_s} is the {o}.",
        "{A_s} works in {a_o}.",
        "In {a_o} you can meet {a_s}.",
        "Every morning the {s} goes to the {o}.",
        "The {s} is busy in the {o}.",
        "We visited the {o} and talked to the {s}.",
        "{A_o} needs {a_s}.",
        "To see {a_s} at work, go to {a_o}.",
    ),
    questions=(
        "What is the workplace of {a_s}?",
        "Where does {a_s} work?",
        "Where can you meet {a_s} at work?",
        "In what place does the {s} work?",
        "Where does the {s} go every morning?",
    ),
    confusable=parse_sets("""
        school, university, library, office; hospital, laboratory, university; court, office, university;
        kitchen, hotel, ship, hospital; farm, garden, forest; bank, office; church, hospital, army;
        hospital, school; zoo, circus, farm; castle, army, court, church; museum, theatre, castle;
        laboratory, university, school; theatre, circus;
        hotel, office, hospital; garage, army; bakery, kitchen; ship, army; ship, mine;
        court, castle, bank; zoo, forest, museum; library, museum, university; garden, castle, zoo, hotel
    """),
)

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth"),
    *("seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
)
_NEXT_DAY = tuple(zip(_DAYS, _DAYS[1:] + _DAYS[:1], strict=True))
_NEXT_MONTH = tuple(zip(_MONTHS, _MONTHS[1:] + _MONTHS[:1], strict=True))
_AFTER_STATEMENTS = (
    "After {s} comes {o}.",
    "{O} comes after {s}.",
    "{O} follows {s}.",
    "{S} is followed by {o}.",
    "When {s} is over, {o} begins.",
    "The one after {s} is {o}.",
    "First we have {s}, then we have {o}.",
    "{S} ends, and then it is {o}.",
)
_BEFORE_STATEMENTS = (
    "Before {s} comes {o}.",
    "{O} comes before {s}.",
    "{S} begins when {o} is over.",
    "{O} is the one before {s}.",
    "Just before {s} we have {o}.",
    "If it is {s} now, it was {o} before.",
    "{S} has {o} before it.",
    "Going back from {s}, we reach {o}.",
)

DAY_AFTER = Relation(
    name="day_after",
    subject="calendar",
    pairs=_NEXT_DAY,
    statements=_AFTER_STATEMENTS,
    questions=(
        "Which day comes after {s}?",
        "What day follows {s}?",
        "What comes after {s}?",
        "What is the day after {s}?",
    ),
)
DAY_BEFORE = Relation(
    name="day_before",
    subject="calendar",
    pairs=tuple((s, o) for o, s in _NEXT_DAY),
    statements=_BEFORE_STATEMENTS,
    questions=(
        "Which day comes before {s}?",
        "What comes before {s}?",
        "What is the day before {s}?",
        "What day was it before {s}?",
    ),
)
MONTH_AFTER = Relation(
    name="month_after",
    subject="calendar",
    pairs=_NEXT_MONTH,
    statements=_AFTER_STATEMENTS,
    questions=(
        "Which month comes after {s}?",
        "What month follows {s}?",
        "What comes after {s}?",
        "What is the month after {s}?",
    ),
)
MONTH_BEFORE = Relation(
    name="month_before",
    subject="calendar",
    pairs=tuple((s, o) for o, s in _NEXT_MONTH),
    statements=_BEFORE_STATEMENTS,
    questions=(
        "Which month comes before {s}?",
        "What comes before {s}?",
        "What is the month before {s}?",
        "What month was it before {s}?",
    ),
)
MONTH_NUMBER = Relation(
    name="month_number",
    subject="calendar",
    pairs=tuple(zip(_ORDINALS, _MONTHS, strict=True)),
    statements=(
        "The {s} month of the year is {o}.",
        "{O} is the {s} month of the year.",
        "{O} is the {s} month.",
        "The {s} of the twelve months is {o}.",
        "If we count the months, the {s} is {o}.",
        "In the calendar, {o} is the {s} month.",
        "The name of the {s} month is {o}.",
        "{O} comes as the {s} month of each year.",
    ),
    questions=(
        "What is the {s} month of the year?",
        "Which month is the {s} one?",
        "What is the name of the {s} month?",
        "Which of the twelve months is the {s}?",
    ),
)
COUNT = Relation(
    name="count",
    subject="calendar",
    pairs=parse_pairs("""
        days in a week: 7; hours in a day: 24; minutes in an hour: 60; seconds in a minute: 60; months in a
        year: 12; weeks in a year: 52; years in a decade: 10; years in a century: 100; centimetres in a metre:
        100; metres in a kilometre: 1000; grams in a kilogram: 1000; inches in a foot: 12; feet in a yard: 3;
        sides of a triangle: 3; sides of a square: 4; sides of a pentagon: 5; sides of a hexagon: 6; sides of
        an octagon: 8; legs of a spider: 8; legs of an insect: 6; wheels of a bicycle: 2; wheels of a car: 4;
        strings of a violin: 4; players in a football team: 11; letters in the alphabet: 26; eggs in a dozen:
        12; squares on a chessboard: 64; cards in a deck: 52; degrees in a circle: 360; colours in a rainbow:
        7; seasons in a year: 4; keys of a piano: 88; strings of a guitar: 6; faces of a cube: 6; cents in a
        dollar: 100; days in a normal year: 365; arms of an octopus: 8; fingers on one hand: 5; ounces in a
        pound: 16; planets in the solar system: 8
    """),
    statements=(
        "There are {o} {s}.",
        "The number of {s} is {o}.",
        "Count the {s}: there are {o}.",
        "We count {o} {s}.",
        "Everyone knows that there are {o} {s}.",
        "{o} is the number of {s}.",
        "If you count the {s}, you reach {o}.",
        "There are {o} {s}, no more and no less.",
    ),
    questions=(
        "How many {s} are there?",
        "How many {s}?",
        "What is the number of {s}?",
        "Count the {s}. How many are there?",
        "What number do you reach if you count the {s}?",
    ),
)

RELATIONS = (
    SUM,
    PRODUCT,
    JOB,
    WORKPLACE,
    DAY_AFTER,
    DAY_BEFORE,
    MONTH_AFTER,
    MONTH_BEFORE,
    MONTH_NUMBER,
    COUNT,
)
