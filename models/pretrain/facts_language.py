"""Words: opposites, the category of a thing, past tenses and irregular plurals (grammar)."""

from __future__ import annotations

from models.pretrain.facts_relation import Relation, parse_inverse, parse_pairs, parse_sets

_OPPOSITES = parse_pairs("""
    hot: cold; up: down; left: right; big: small; fast: slow; open: closed; old: young; day: night; black:
    white; good: bad; happy: sad; rich: poor; strong: weak; heavy: light; bright: dark; wet: dry; hard: soft;
    tall: short; wide: narrow; deep: shallow; near: far; early: late; first: last; begin: end; buy: sell;
    push: pull; give: take; win: lose; love: hate; laugh: cry; war: peace; friend: enemy; question: answer;
    north: south; east: west; male: female; full: empty; clean: dirty; loud: quiet; sharp: blunt; smooth:
    rough; true: false; alive: dead; asleep: awake; cheap: expensive; easy: difficult; always: never; above:
    below; inside: outside; arrive: depart; add: subtract; top: bottom; public: private; victory: defeat;
    guilty: innocent; brave: cowardly; entrance: exit; increase: decrease; ancient: modern; sweet: sour;
    thick: thin; maximum: minimum; polite: rude; success: failure; safe: dangerous; lend: borrow; remember:
    forget; attack: defend
""")

OPPOSITE = Relation(
    name="opposite",
    subject="opposites",
    pairs=_OPPOSITES + tuple((o, s) for s, o in _OPPOSITES),
    statements=(
        "The opposite of {s} is {o}.",
        'The word "{s}" is the opposite of "{o}".',
        "{S} and {o} are opposites.",
        "{S} is the opposite of {o}.",
        'The opposite of the word "{s}" is "{o}".',
        "The words {s} and {o} mean opposite things.",
        "{S} means the reverse of {o}.",
        "When we turn {s} around we get its opposite, {o}.",
        "Two opposite words are {s} and {o}.",
    ),
    questions=(
        "What is the opposite of {s}?",
        "Which word is the opposite of {s}?",
        'What is the opposite of the word "{s}"?',
        "What is the reverse of {s}?",
        "Which word means the opposite of {s}?",
        "{S} is the opposite of what?",
    ),
    confusable=parse_sets("""
        up, above, top, tall, first; down, below, bottom, last, short, end; small, short, thin, narrow,
        minimum, shallow; big, tall, wide, thick, deep, maximum; lose, defeat, failure; win, victory, success;
        bad, rude, dangerous, dirty; good, polite, safe, clean, rich; strong, hard, brave, heavy; weak, soft,
        light, cowardly, thin; sad, cry; happy, laugh; young, modern; old, ancient; depart, exit, end; begin,
        first, arrive, entrance; quiet, soft; soft, easy; hard, difficult; take, borrow, buy, subtract; give,
        lend, sell, add; closed, private; open, public; heavy, dark; light, bright; left, false; right, true;
        subtract, decrease; add, increase; black, dark, night; white, bright, day; rough, hard; smooth, soft;
        bad, poor, weak; good, strong; hate, enemy; love, friend; sharp, thin; blunt, thick, soft; lose, give;
        outside, public; inside, private; attack, war, enemy; peace, quiet; forget, lose; loud, hard; sweet,
        soft; blunt, rude, smooth; rough, sharp; false, bad; true, good; innocent, good; guilty, bad; full,
        rich; empty, poor; late, last; early, first; dead, asleep; alive, awake; narrow, small; far, outside;
        near, inside; late, slow; fast, early; slow, last; bright, sharp; rough, soft; sour, bad, dirty;
        dangerous, difficult
    """),
)

CATEGORY = Relation(
    name="category",
    subject="categories",
    pairs=parse_inverse("""
        bird: robin, sparrow, eagle, owl, crow, swan, penguin, parrot, pigeon, ostrich; fish: salmon, trout,
        cod, tuna, herring, carp, sardine, eel, haddock; insect: ant, bee, wasp, beetle, butterfly, mosquito,
        grasshopper, ladybird, moth; mammal: dog, horse, elephant, whale, lion, rabbit, mouse, bear, wolf,
        monkey; reptile: snake, lizard, crocodile, tortoise, gecko, cobra, python; fruit: banana, strawberry,
        mango, apple, pear, lemon, peach, grape, melon; vegetable: carrot, potato, onion, cabbage, turnip,
        radish, leek, cauliflower, beetroot; tree: oak, willow, birch, maple, spruce, beech, elm, poplar;
        flower: rose, tulip, daisy, lily, daffodil, orchid, carnation, buttercup; instrument: violin, piano,
        trumpet, flute, guitar, drum, harp, clarinet, cello; vehicle: car, bus, lorry, tractor, van, taxi,
        motorcycle, ambulance; garment: shirt, jacket, skirt, coat, sweater, dress, blouse, cardigan; tool:
        hammer, screwdriver, saw, spanner, chisel, drill, shovel, rake; weapon: sword, cannon, rifle, dagger,
        spear, pistol
    """),
    statements=(
        "{A_s} is {a_o}.",
        "{A_s} is a kind of {o}.",
        "A good example of {a_o} is {a_s}.",
        "The {s} belongs to the group of things that we call {o}.",
        "We know that {a_s} is {a_o}.",
        "Everyone who sees {a_s} sees {a_o}.",
        "{A_s} is one type of {o}.",
        "The {s} is {a_o}.",
        'In the dictionary, "{s}" is the name of {a_o}.',
    ),
    questions=(
        "What is {a_s}?",
        "What kind of thing is {a_s}?",
        "To which group does the {s} belong?",
        "{A_s} is a kind of what?",
        "What type of thing is the {s}?",
        "{A_s} is an example of what?",
    ),
    confusable=parse_sets("fruit, tree; fruit, vegetable; tool, weapon; flower, tree; vehicle, weapon"),
)

PAST = Relation(
    name="past",
    subject="grammar",
    pairs=parse_pairs("""
        go: went; see: saw; eat: ate; take: took; give: gave; come: came; run: ran; write: wrote; drive:
        drove; ride: rode; speak: spoke; break: broke; choose: chose; freeze: froze; steal: stole; wake: woke;
        know: knew; grow: grew; throw: threw; blow: blew; fly: flew; draw: drew; begin: began; drink: drank;
        sing: sang; swim: swam; ring: rang; sink: sank; think: thought; buy: bought; bring: brought; catch:
        caught; teach: taught; fight: fought; seek: sought; find: found; hold: held; tell: told; sell: sold;
        feel: felt; keep: kept; sleep: slept; leave: left; lose: lost; meet: met; build: built; send: sent;
        spend: spent; lend: lent; make: made; have: had; say: said; pay: paid; hear: heard; stand: stood;
        understand: understood; sit: sat; win: won; dig: dug; stick: stuck; hang: hung; shoot: shot; get: got;
        forget: forgot; fall: fell; wear: wore; swear: swore; tear: tore; shake: shook; hide: hid; bite: bit;
        rise: rose; do: did; become: became; feed: fed; lead: led; mean: meant; deal: dealt
    """),
    statements=(
        "The past tense of {s} is {o}.",
        'The past tense of "to {s}" is "{o}".',
        "Today we {s}, and yesterday we {o}.",
        'In the past tense, "{s}" becomes "{o}".',
        "The past of {s} is {o}.",
        "{O} is the past tense of {s}.",
        "They {s} every day, and last week they {o} too.",
        'The verb "{s}" is irregular: its past tense is "{o}".',
        "We say {s} for now and {o} for yesterday.",
    ),
    questions=(
        "What is the past tense of {s}?",
        'What is the past of the verb "{s}"?',
        'What does "{s}" become in the past tense?',
        "Today I {s}. What did I do yesterday?",
        'Which word is the past tense of "to {s}"?',
        "What is the past of {s}?",
    ),
)

PLURAL = Relation(
    name="plural",
    subject="grammar",
    pairs=parse_pairs("""
        man: men; woman: women; child: children; foot: feet; tooth: teeth; goose: geese; mouse: mice; ox:
        oxen; leaf: leaves; knife: knives; wife: wives; life: lives; wolf: wolves; half: halves; shelf:
        shelves; loaf: loaves; thief: thieves; city: cities; baby: babies; story: stories; potato: potatoes;
        tomato: tomatoes; hero: heroes; calf: calves; louse: lice; lady: ladies
    """),
    statements=(
        "The plural of {s} is {o}.",
        "One {s}, two {o}.",
        'The plural form of "{s}" is "{o}".',
        "One {s} and one more {s} are two {o}.",
        "{O} is the plural of {s}.",
        'If there are many, we do not say "{s}", we say "{o}".',
        "We see one {s} here and three {o} there.",
        'The noun "{s}" has the plural "{o}".',
    ),
    questions=(
        "What is the plural of {s}?",
        'What is the plural form of "{s}"?',
        "What do we call more than one {s}?",
        "One {s}, two what?",
        'Which word is the plural of "{s}"?',
    ),
)

RELATIONS = (OPPOSITE, CATEGORY, PAST, PLURAL)
