"""The fictional shop Brindlemoor: what it sells, who calls, and how they sound.

Everything random takes a `random.Random`; nothing here keeps state.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from generator.noise import NOISES, add_noise, draw_noises
from generator.problems import ISSUES, PROBLEMS, Problem

__all__ = ["ISSUES", "NOISES", "PROBLEMS", "Problem", "add_noise", "draw_noises"]  # and what is defined below

T = TypeVar("T")
SHOP = "Brindlemoor"
SPLITS = ("train", "dev", "heldout")


def _listed(words: str, separator: str | None = None) -> tuple[str, ...]:
    """The words of a long string, which is shorter to read than a list of quoted ones."""
    return tuple(words.split(separator))


@dataclass(frozen=True, slots=True)
class Product:
    """Something the shop sells; `traits` says what can go wrong with it."""

    name: str
    category: str
    price: int
    traits: frozenset[str]

    @property
    def plural(self) -> str:
        """Its name for two or more."""
        if self.name.endswith(("sh", "ch", "x", "s")):
            return self.name + "es"
        return self.name[:-1] + "ves" if self.name.endswith("shelf") else self.name + "s"

    @property
    def article(self) -> str:
        """`a` or `an`."""
        return "an" if self.name[0] in "aeiou" else "a"


# name price traits: e mains, b battery, l liquid, s sound, a assembled, f fabric, h handle, m wheels, k lock;
# derived: r rigid (not fabric), i comes with instructions and small parts
_CATALOGUE = {
    "kitchen":
    "kettle 39 elh,toaster 34 e,blender 59 el,coffee grinder 45 e,coffee maker 89 el,frying pan 29 h,"
    "knife block 65 -,kitchen scale 24 b,rice cooker 55 el,water jug 27 lh,bread bin 32 -,"
    "hand mixer 38 eh,soup pot 44 h,egg boiler 26 el,salad bowl 21 -,spice rack 23 a,waffle iron 41 eh",
    "audio":
    "headset 79 sb,desk speaker 64 se,shower radio 35 sb,turntable 149 se,soundbar 129 se,"
    "microphone 69 se,portable speaker 49 sb,clock radio 29 se,baby monitor 58 sb,music player 72 sb,"
    "record player stand 85 a,karaoke speaker 99 sb,kitchen radio 42 se",
    "bike":
    "city bike 389 ma,folding bike 429 ma,child seat 95 a,bike helmet 54 -,floor pump 31 h,"
    "bike trailer 189 ma,bike lamp 28 b,pannier bag 62 fh,chain lock 36 k,repair stand 74 a,"
    "phone mount 19 a,rain cape 33 f,bike rack 88 a,balance bike 79 ma,tool kit 46 -",
    "garden":
    "garden hose 37 l,hedge trimmer 92 eh,lawn mower 239 emh,watering can 18 lh,parasol 68 fa,"
    "folding chair 43 fa,fire bowl 84 -,bird feeder 16 -,compost bin 57 a,pressure washer 134 elmh,"
    "leaf blower 109 bh,plant stand 26 a,greenhouse 159 a,wheelbarrow 76 amh,hammock 52 f,"
    "rain barrel 66 l,garden bench 119 a",
    "home":
    "floor lamp 58 ea,wall clock 25 b,wool blanket 49 f,shower curtain 17 f,laundry basket 22 fh,"
    "bookcase 129 a,hall mirror 61 -,fan heater 47 e,room fan 53 e,vacuum cleaner 145 emh,"
    "ironing board 40 af,alarm clock 20 b,duvet cover 45 f,bath mat 19 f,smoke alarm 23 b,"
    "air purifier 139 e,coat rack 63 a,shoe cabinet 98 a,bedside table 71 a",
    "office":
    "desk chair 159 am,standing desk 349 ae,paper shredder 78 e,label printer 67 e,laptop stand 34 -,"
    "desk lamp 36 e,filing cabinet 112 ak,whiteboard 48 -,keyboard 56 b,wireless mouse 27 b,webcam 59 se,"
    "monitor arm 81 a,backpack 69 fh,document tray 15 -,footrest 30 -,cash box 38 kh,photo frame 12 -",
}  # fmt: skip


def _parse_catalogue() -> tuple[Product, ...]:
    """The catalogue as products with their derived traits; a lone dash means none of its own."""
    found = []
    for category, entries in _CATALOGUE.items():
        for entry in entries.split(","):
            name, price, traits = entry.rsplit(" ", 2)
            traits += "" if "f" in traits else "r"
            traits += "i" if set(traits) & set("ebam") else ""
            found.append(Product(name, category, int(price), frozenset(traits.replace("-", ""))))
    return tuple(found)


PRODUCTS = _parse_catalogue()
CATEGORIES = tuple(_CATALOGUE)
COLOURS = _listed("black white grey blue green red cream navy silver brown yellow pink")

FIRST_NAMES = _listed(
    "Ada Adam Aisha Alan Alma Amir Ana Andre Anita Anna Arlo Asha Ben Bella Boris Carla Carlos Cem Chloe "
    "Clara Colin Dana Daniel Dara David Dina Dora Edgar Elena Elias Elif Ella Emil Emma Enzo Erik Esra "
    "Eva Ewa Fatima Felix Femi Finn Flora Frank Freya Gina Greta Hana Hannah Hasan Hugo Ida Igor Ines "
    "Ingrid Iris Ivan Jack Jana Jasmin Joan Jonas Jorge Josef Julia Karim Karl Kate Kofi Lara Laura "
    "Leila Lena Leo Liam Lina Lisa Luca Lucy Magda Marco Maria Marta Mateo Maya Mehmet Mia Mila Milan "
    "Mina Mohan Nadia Naomi Nico Nina Noah Nora Olga Oliver Omar Otto Paula Pavel Petra Pia Priya Rafa "
    "Rahul Rania Rita Robin Rosa Ruth Sam Sana Sara Selma Sofia Stefan Tara Theo Tina Tomas Uma Vera "
    "Victor Yara Yusuf Zara Zoe"
)  # fmt: skip
LAST_NAMES = _listed(
    "Abbott Adeyemi Ahlberg Akin Albers Amsel Anders Arslan Baker Banerjee Barlow Becker Bello Berg "
    "Bianchi Blom Borg Brandt Carver Castro Chandra Cole Conti Costa Cruz Dahl Dalton Demir Desai Diaz "
    "Doyle Drake Duarte Eklund Ellis Engel Faber Farah Fischer Flynn Forsyth Franco Frost Gallo Garcia "
    "Garner Gomez Grant Greco Gupta Haas Hale Hansen Hardy Hassan Hayes Heller Holm Horvat Howell Iqbal "
    "Ivanov Jansen Jensen Joshi Kaplan Kaya Keller Khan Kim Klein Koch Kovac Kramer Krause Kumar Lang "
    "Larsen Lehmann Lind Lopez Lowe Mansour Marsh Martin Mendes Meyer Miller Mori Moss Nagy Nair Nilsen "
    "Novak Nunez Ortiz Osman Paine Palmer Park Patel Pereira Petrov Pohl Quinn Rao Reyes Ricci Rossi "
    "Roth Sato Schmidt Shah Silva Sloan Stone Tanaka Thorne Toth Ueda Vargas Vogel Wagner Walsh Weber "
    "Wells Winter Wolf Yilmaz Young Zeller"
)  # fmt: skip
AGENTS = _listed("Amy Bruno Celia Dev Erin Fred Gwen Henry Isla Joel Kira Lars Mona Neil Opal Paul Sue Tom")
CITIES = _listed(
    "Alderton,Bexbridge,Carrow,Dunmere,Eastholm,Farleigh,Glenport,Harrow Bay,Inverleigh,Kingsford,"
    "Lindale,Marlow Hill,Northwick,Oakhaven,Pennford,Quayside,Redcliff,Stonebury,Thornby,Upfield,"
    "Westmoor,Yarrow,Ashcombe,Birchwood",
    ",",
)
STREETS = (
    "Mill Lane", "Station Road", "Church Street", "Elm Avenue", "Harbour Road", "Park Row",
    "Bridge Street", "Garden Walk",
)  # fmt: skip
COURIERS = ("Hopline", "Greywing", "Post Otter", "Velomail", "Farrow Express")
CHANNELS = ("chat", "email", "phone note", "web form")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = _listed("January February March April May June July August September October November December")

MOODS: dict[str, tuple[str, ...]] = {
    "calm": ("No big drama, I just want to get it sorted.", "I am sure this can be fixed.",
        "No rush from my side."),
    "angry": (
        "This is not acceptable.", "I am really fed up with this.", "I expected better from you.",
        "I have had enough of this.", "What kind of service is this?"),
    "worried": (
        "I am a bit worried about it.", "I hope I have not done anything wrong.",
        "I am not sure what to do now.",
        "Is this normal?", "I am nervous about losing my money."),
    "polite": (
        "I would be very grateful for your help.", "Thank you for your time.",
        "Sorry to bother you with this.",
        "Any help would be lovely."),
    "hurried": (
        "I do not have much time.", "Please be quick, I am on my break.", "Just tell me what to do.",
        "Short answer please, I have to leave soon."),
    "disappointed": (
        "I was really looking forward to it.", "It is a pity, I liked it so much.",
        "I must say I am disappointed.",
        "It was meant to be a present."),
    "confused": (
        "I do not understand what happened.", "It makes no sense to me.", "Maybe I missed something.",
        "I am lost, to be honest."),
    "cheerful": (
        "Apart from that I love your shop!", "Funny story, in a way.", "At least the box was pretty.",
        "My cat likes the box, at least."),
}  # fmt: skip


def tilt(items: Sequence[T], split: str, rng: random.Random) -> T:
    """Pick one item; train leans to the front of the list, held-out to the back, dev to neither."""
    last = max(len(items) - 1, 1)
    slope = {"train": -1.0, "heldout": 1.0}.get(split, 0.0)
    weights = [2.2 + slope * (2 * i / last - 1) * 1.6 for i in range(len(items))]
    return rng.choices(items, weights=weights)[0]


def problems_for(product: Product) -> tuple[Problem, ...]:
    """The problems this product can have: the general ones and those of its traits."""
    return tuple(p for p in PROBLEMS if not p.trait or p.trait in product.traits)


def draw_product(rng: random.Random, split: str = "dev", category: str | None = None) -> Product:
    """One product, tilted by split within a random (or the given) category."""
    wanted = category or rng.choice(CATEGORIES)
    return tilt([p for p in PRODUCTS if p.category == wanted], split, rng)


def draw_problem(rng: random.Random, product: Product, split: str = "dev") -> Problem:
    """One problem that fits the product; its own kind of trouble about half of the time."""
    fitting = problems_for(product)
    special = [p for p in fitting if p.trait]
    return tilt(special if special and rng.random() < 0.5 else fitting, split, rng)


def draw_name(rng: random.Random, split: str = "dev") -> tuple[str, str]:
    """First and last name of a customer."""
    return tilt(FIRST_NAMES, split, rng), tilt(LAST_NAMES, split, rng)


def draw_order_id(rng: random.Random) -> str:
    """An order number such as `BM-482137`."""
    return f"BM-{rng.randint(100000, 999999)}"


def draw_ticket_id(rng: random.Random) -> str:
    """A ticket number such as `T-90412`."""
    return f"T-{rng.randint(10000, 99999)}"


def draw_date(rng: random.Random) -> tuple[int, str]:
    """Day (1 to 28) and month name, without a year."""
    return rng.randint(1, 28), rng.choice(MONTHS)


def draw_mood(rng: random.Random) -> tuple[str, str]:
    """A mood and one phrase that shows it."""
    mood = rng.choice(sorted(MOODS))
    return mood, rng.choice(MOODS[mood])
