"""Animals (young, sounds, homes, groups) and materials (element symbols, what things are made from)."""

from __future__ import annotations

from models.pretrain.facts_relation import Relation, parse_inverse, parse_pairs, parse_sets

YOUNG = Relation(
    name="young",
    subject="animals",
    pairs=parse_inverse("""
        calf: cow, elephant, whale, giraffe, buffalo, camel, hippopotamus, dolphin; foal: horse, donkey,
        zebra; puppy: dog; kitten: cat; lamb: sheep; kid: goat; piglet: pig; duckling: duck; gosling: goose;
        chick: hen, penguin; cygnet: swan; fawn: deer; cub: bear, lion, tiger, leopard; joey: kangaroo, koala,
        wombat; tadpole: frog, toad; eaglet: eagle; owlet: owl; leveret: hare; caterpillar: butterfly; elver:
        eel; pup: seal, bat; cria: llama, alpaca; hoglet: hedgehog; spiderling: spider
    """),
    statements=(
        "A young {s} is called {a_o}.",
        "The young of the {s} is {a_o}.",
        "A baby {s} is {a_o}.",
        "The {o} grows up and becomes {a_s}.",
        "When {a_s} is very young, we call it {a_o}.",
        "{A_s} was once {a_o}.",
        "Look at the {s} and its young, the {o}.",
        "The name for a baby {s} is {o}.",
        "{A_o} is a young {s}.",
    ),
    questions=(
        "What is a young {s} called?",
        "What is the young of the {s}?",
        "What do we call a baby {s}?",
        "What is the name for a young {s}?",
        "What was {a_s} when it was a baby?",
    ),
    confusable=parse_sets("""
        cub, pup, puppy, kitten; duckling, gosling, chick, cygnet, eaglet, owlet; calf, fawn, kid; foal, fawn,
        cria, kid, lamb; calf, foal, cria, pup; leveret, pup, kitten; hoglet, piglet, pup; cub, kid; joey,
        cub, pup
    """),
)

SOUND = Relation(
    name="sound",
    subject="animals",
    pairs=parse_pairs("""
        dog: bark; cat: meow; cow: moo; sheep: bleat; horse: neigh; pig: grunt; duck: quack; lion: roar; wolf:
        howl; owl: hoot; snake: hiss; bee: buzz; frog: croak; donkey: bray; mouse: squeak; turkey: gobble;
        dove: coo; goose: honk; cricket: chirp; goat: bleat
    """),
    statements=(
        "The sound of {a_s} is a {o}.",
        "The {s} makes a sound that we call a {o}.",
        "If you hear a {o}, there may be {a_s} near you.",
        "{A_s} can {o}.",
        "A loud {o} came from the {s}.",
        "We heard the {s} {o}.",
        "The noise that {a_s} makes is a {o}.",
        "The {o} is the sound of the {s}.",
    ),
    questions=(
        "What sound does {a_s} make?",
        "What is the sound of {a_s}?",
        "Which noise does the {s} make?",
        "What do we call the sound of the {s}?",
        "What can you hear from {a_s}?",
    ),
    confusable=parse_sets("""
        bark, howl, roar, grunt; quack, honk; squeak, chirp; moo, bleat, neigh, bray; croak, quack, grunt;
        hoot, coo; hiss, meow, howl; buzz, chirp; gobble, grunt; chirp, coo, hoot
    """),
)

HOME = Relation(
    name="home",
    subject="animals",
    pairs=parse_pairs("""
        bee: hive; robin: nest; spider: web; dog: kennel; horse: stable; pig: sty; lion: den; rabbit: burrow;
        beaver: lodge; hen: coop; squirrel: drey; badger: sett; otter: holt; ant: anthill
    """),
    statements=(
        "The home of the {s} is the {o}.",
        "{A_s} lives in {a_o}.",
        "The {s} sleeps in its {o}.",
        "{A_o} is the home of {a_s}.",
        "In the {o} we found {a_s}.",
        "The {s} went back to its {o}.",
        "The place where {a_s} lives is {a_o}.",
        "You can find the {s} in its {o}.",
    ),
    questions=(
        "What is the home of {a_s}?",
        "Where does {a_s} live?",
        "What do we call the home of the {s}?",
        "In what does the {s} sleep?",
        "What is the name of the place where {a_s} lives?",
    ),
    confusable=parse_sets(
        "nest, hive, drey, anthill, web; den, burrow, lodge, sett, holt; kennel, den; stable, sty, coop, nest"
    ),
)

GROUP = Relation(
    name="group",
    subject="animals",
    pairs=parse_inverse("""
        pride: lions; pack: wolves, wild dogs; school: fish, herring; flock: sheep, pigeons, starlings; swarm:
        bees, locusts; herd: cows, elephants, buffaloes; gaggle: geese; pod: whales, dolphins; litter:
        puppies, kittens, piglets; troop: monkeys, baboons
    """),
    statements=(
        "A group of {s} is called a {o}.",
        "Many {s} together are a {o}.",
        "We saw a {o} of {s}.",
        "A {o} of {s} passed by.",
        "When {s} come together, they form a {o}.",
        "{S} live together in a {o}.",
        "The word for a group of {s} is {o}.",
        "A {o} is a group of {s}.",
    ),
    questions=(
        "What is a group of {s} called?",
        "What do we call many {s} together?",
        "Which word means a group of {s}?",
        "What do {s} form when they come together?",
        "What is the word for a group of {s}?",
    ),
    confusable=parse_sets("""
        pride, pack; pack, troop; pack, litter; pack, pod; pack, flock; flock, herd; flock, gaggle;
        flock, swarm; flock, school; herd, pod; herd, troop; herd, pack; school, pod; school, swarm;
        pod, troop
    """),
)

SYMBOL = Relation(
    name="symbol",
    subject="materials",
    pairs=parse_pairs("""
        hydrogen: H; helium: He; lithium: Li; boron: B; carbon: C; nitrogen: N; oxygen: O; fluorine: F; neon:
        Ne; sodium: Na; magnesium: Mg; aluminium: Al; silicon: Si; phosphorus: P; sulphur: S; chlorine: Cl;
        argon: Ar; potassium: K; calcium: Ca; titanium: Ti; chromium: Cr; manganese: Mn; iron: Fe; cobalt: Co;
        nickel: Ni; copper: Cu; zinc: Zn; arsenic: As; bromine: Br; krypton: Kr; silver: Ag; tin: Sn; iodine:
        I; xenon: Xe; barium: Ba; tungsten: W; platinum: Pt; gold: Au; mercury: Hg; lead: Pb; radium: Ra;
        uranium: U; radon: Rn; bismuth: Bi; caesium: Cs
    """),
    statements=(
        "The chemical symbol of {s} is {o}.",
        "The symbol {o} stands for {s}.",
        "In chemistry, {s} is written as {o}.",
        "{S} has the symbol {o}.",
        "Chemists write {o} for {s}.",
        "The element {s} has the symbol {o}.",
        "In the periodic table, {s} is shown as {o}.",
        "{S} ({o}) is a chemical element.",
    ),
    questions=(
        "What is the chemical symbol of {s}?",
        "What is the symbol for {s}?",
        "Which symbol stands for the element {s}?",
        "How do chemists write {s}?",
        "What is the symbol of the element {s}?",
    ),
)

MADE_FROM = Relation(
    name="made_from",
    subject="materials",
    pairs=parse_pairs("""
        paper: wood; glass: sand; bread: flour; cheese: milk; wine: grapes; steel: iron; a brick: clay; a
        candle: wax; chocolate: cocoa; ketchup: tomatoes; flour: wheat; an omelette: eggs; tofu: soybeans;
        plastic: oil; charcoal: wood; popcorn: corn; a book: paper; a newspaper: paper; a sweater: wool; a
        tyre: rubber; a window pane: glass; a raisin: grapes; yogurt: milk; butter: milk; cider: apples; beer:
        barley; a bottle cork: bark; a nail: iron; a snowman: snow; a log cabin: wood; a leather belt:
        leather; a necktie: silk; an igloo: snow; honey: nectar; hummus: chickpeas
    """),
    statements=(
        "{S} is made from {o}.",
        "People make {s} from {o}.",
        "If you want to make {s}, you need {o}.",
        "{S} comes from {o}.",
        "To make {s}, we use {o}.",
        "Without {o} there is no way to make {s}.",
        "The main material of {s} is {o}.",
        "From {o} we make {s}.",
        "The main thing in {s} is {o}.",
    ),
    questions=(
        "What is {s} made from?",
        "What do we use to make {s}?",
        "From what do people make {s}?",
        "What do you need to make {s}?",
        "{S} is made from what?",
    ),
    confusable=parse_sets("""
        flour, wheat, barley, corn; wood, paper, bark; sand, clay, glass; wool, silk, leather; milk, eggs;
        oil, rubber, wax; flour, eggs, milk; cocoa, milk; apples, grapes; wheat, milk; leather, rubber; iron,
        wood; iron, glass; cocoa, flour
    """),
)

RELATIONS = (YOUNG, SOUND, HOME, GROUP, SYMBOL, MADE_FROM)
