"""Hand-made word pools; every pool is a list of words or short phrases."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


def _phrases(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", " ").split(",") if part.strip()]


# Pieces of invented names.
ONSET = _words("b br c ch cl d dr f fl g gr h j k kr l m n p pr qu r s sh st t tr v w z th sk sv gl")
NUCLEUS = _words("a e i o u a e o ai ea ou ie au ei")
CODA = ["", "", "", *_words("n r l s m nd rk st x th lm rn ss k")]
TOWN_END = _words(
    "ford ton vik burg stad field by ham bridge dale mere heim port ley holm wick minster haven mouth grove"
)
SURNAME_END = _words("son er man sen ova ez ini ski berg ley ard strom eau idis escu wood well ton")
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
NUMBER_WORDS = _words("two three four five six seven eight nine ten eleven twelve")

POOLS: dict[str, list[str]] = {
    "first": _words("""
Anna Ben Clara David Elena Felix Grace Hugo Irene Jonas Katja Liam Maria Noah Olga Peter Quinn Rosa
Samuel Tina Umar Vera Walter Xenia Yusuf Zoe Amir Bianca Carlos Dora Emil Fatima Gustav Hana Ivan
Julia Kenji Laura Marco Nadia Oscar Paula Rahul Sofia Tomas Ursula Victor Wanda Yara Zane Aiko Boris
Chloe Dmitri Esther Farid Greta Henrik Ines Jamal Kira Leon Mina Nils Odette Pavel Ravi Selma Theo
Uma Viktor Wei Yasmin Zoltan Alice Bruno Celia Derek Edith Frank Gina Harold Isla Jacob Kevin Lena
Martin Nora Otto Priya Robert Simone Tariq Vincent Wendy Adele Bashir Cora Dylan Eva Finn Gloria
Hassan Ida Jasper Karin Luca Maya Niko Olivia Philip Rita Stefan Thea Ugo Valeria Willem Ada Arthur
Bella Cyrus Daisy Eric Flora George Hilda Igor
"""),
    "color": _phrases("""
red, blue, green, yellow, orange, purple, brown, black, white, grey, pink, silver, golden, dark
blue, light green, turquoise, beige, violet, navy, cream, olive, crimson, pale yellow, sky blue,
copper, teal
"""),
    "animal": _phrases("""
cat, dog, horse, cow, sheep, goat, rabbit, hamster, parrot, canary, turtle, lizard, snake, fox,
wolf, bear, deer, otter, beaver, hedgehog, squirrel, owl, eagle, heron, swan, duck, goose, chicken,
penguin, seal, whale, dolphin, shark, trout, salmon, frog, toad, bee, ant, butterfly, beetle,
spider, crab, lion, tiger, elephant, giraffe, zebra, monkey, donkey, pony, mouse, bat, crow, stork,
camel, llama, lynx, badger, mole
"""),
    "pet": _phrases("""
cat, dog, rabbit, hamster, parrot, canary, turtle, lizard, pony, goldfish, guinea pig, ferret,
mouse, gecko
"""),
    "fruit": _phrases("""
apple, pear, plum, cherry, grape, lemon, banana, peach, melon, mango, fig, date, kiwi, apricot,
lime, papaya
"""),
    "food": _phrases("""
lentil soup, tomato salad, mushroom pie, potato stew, fish curry, rice pudding, apple cake, onion
tart, pumpkin soup, bean chili, carrot cake, cheese bread, noodle soup, spinach pie, plum dumplings,
corn bread, walnut cake, vegetable lasagne, chicken broth, barley soup, egg salad, lemon tart,
pepper stew, berry crumble, garlic bread, oat porridge, beet salad, cabbage rolls, pea soup, fried
rice, leek quiche, nut bread, cherry cake, roasted squash, cucumber salad
"""),
    "ingredient": _phrases("""
flour, sugar, butter, salt, milk, rice, honey, olive oil, yeast, onions, carrots, garlic, tomatoes,
potatoes, eggs, lemons, mushrooms, lentils, beans, basil, cheese, cream, pepper, oats, walnuts,
spinach, apples, ginger
"""),
    "tool": _phrases("""
hammer, saw, drill, spade, rake, ladder, brush, wrench, screwdriver, pliers, axe, shovel, bucket,
chisel, trowel, file, clamp, spirit level, wheelbarrow, hoe
"""),
    "object": _phrases("""
lamp, chair, table, bench, mirror, clock, basket, bottle, blanket, pillow, candle, vase, bowl,
plate, cup, spoon, knife, kettle, umbrella, suitcase, backpack, wallet, key, notebook, pencil,
ruler, map, compass, torch, rope, tent, whistle, drum, violin, flute, piano, guitar,
trumpet, camera, radio, telescope, microscope, bicycle, kite, ball, puzzle, coat, scarf, glove, hat,
boot, shoe, ring, necklace, brooch, coin, stamp, painting, statue, rug, curtain, shelf, drawer, box,
jar, tin, ticket, flag, bell, broom, mop, sponge, towel, soap, comb, button, needle, thread
"""),
    "job": _phrases("""
baker, teacher, nurse, gardener, pilot, carpenter, painter, librarian, farmer, engineer, driver,
cook, doctor, lawyer, tailor, plumber, electrician, photographer, translator, musician, journalist,
vet, mechanic, potter, architect, firefighter, beekeeper, dentist, sailor, chemist, clerk, guard,
coach, tour guide, judge, welder, surveyor, florist, accountant, barber, geologist, weaver, miner,
actor, watchmaker, forester, fisherman, mason
"""),
    "hobby": _phrases("""
chess, swimming, hiking, knitting, painting, cycling, fishing, gardening, baking, sailing, dancing,
climbing, pottery, photography, singing, skating, archery, bird watching, running, reading, rowing,
juggling, origami, stargazing, table tennis, horse riding, calligraphy, wood carving, mushroom
picking, board games, badminton, yoga
"""),
    "sport": _phrases("""
football, tennis, swimming, basketball, volleyball, hockey, judo, rowing, cycling, handball,
fencing, gymnastics, rugby, badminton, table tennis, skiing, climbing, water polo, cricket, boxing,
archery, sailing
"""),
    "instrument": _words("""
piano violin guitar flute cello drums trumpet harp clarinet oboe saxophone accordion organ viola
tuba banjo
"""),
    "subject": _phrases("""
maths, history, biology, physics, chemistry, geography, music, art, French, German, Spanish, Latin,
drama, economics, computing, philosophy, astronomy, English, woodwork, sewing
"""),
    "weekday": _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "month": _words("""
January February March April May June July August September October November December
"""),
    "season": _words("spring summer autumn winter"),
    "material": _words("""
wood steel glass stone copper brass clay wool cotton leather silk bronze marble oak pine plastic
linen granite
"""),
    "weather": _phrases("""
rain, snow, fog, hail, sunshine, strong wind, thunderstorms, light rain, heavy snow, clouds, frost,
drizzle, clear skies, sleet, mild sun, a sandstorm
"""),
    "planet": _words("""
Mercury Venus Mars Jupiter Saturn Uranus Neptune Pluto Ceres Titan Europa Ganymede Callisto
"""),
    "plant": _phrases("""
rose, tulip, oak, fern, moss, daisy, lily, cactus, ivy, maple, birch, willow, sunflower, lavender,
basil, mint, thyme, orchid, bamboo, poppy, violet, pine, cedar, clover, heather, thistle, nettle,
daffodil
"""),
    "room": _phrases("""
kitchen, cellar, attic, hall, garage, library, garden shed, office, bedroom, bathroom, living room,
balcony, workshop, storage room, pantry, classroom, gym, meeting room, reading room, canteen, lobby,
laboratory
"""),
    "venue": _phrases("""
town hall, old mill, school gym, city park, harbour, main library, market square, concert hall,
sports hall, community centre, castle yard, botanical garden, church hall, railway station, theatre,
lakeside hut, youth club, stadium, observatory, fire station, village green, art gallery, boat
house, music school, swimming pool, town museum, bus depot
"""),
    "adj": _words("""
old new small large quiet noisy bright dark heavy light warm cold soft hard smooth rough round flat
deep shallow clean dusty shiny broken empty full gentle brave clever lazy busy calm proud shy
curious careful hungry thirsty sleepy happy sad angry famous hidden narrow wide steep long short
thick thin sweet sour bitter fresh dry wet simple rare common strange plain
"""),
    "noun": _words("""
river mountain valley forest lake island bridge tower castle garden street village city harbour
market school window door roof wall floor road path field hill beach desert cave stream pond storm
cloud star moon sun shadow fire stone sand leaf branch root seed flower grass bird fish horse boat
train wheel engine letter word book page story song voice picture colour number game prize team
player teacher doctor king queen friend neighbour child brother sister mother father uncle aunt baby
guest bread water salt sugar soup cheese apple table chair lamp bed clock mirror bag box basket rope
bell drum paper pencil coin map summer winter morning evening night week month year minute hour
dream idea plan question answer lesson secret promise mistake
"""),
    "verb": _words("""
walk run jump swim read write sing dance cook bake paint draw build repair clean wash carry push
pull throw catch open close find lose buy sell teach learn visit leave arrive wait sleep wake laugh
cry listen speak whisper shout plant water count measure cut fold sew knit climb ride drive sail fly
dig fill pour mix stir taste smell watch guard hide seek follow lead
"""),
    "snack": _phrases("""
a sandwich, some fruit, a water bottle, warm clothes, a raincoat, a pencil, a notebook, a sun hat,
good shoes, a torch, a photo ID, a towel, gloves, a packed lunch, a helmet, a swimsuit, a blanket, a
library card, a lab coat, a yoga mat
"""),
    "genre": _phrases("""
novel, poem, comedy, travel book, cookbook, mystery, fairy tale, biography, history book, atlas,
play, comic, science book, picture book, essay, ghost story, thriller, diary
"""),
    "vehicle": _phrases("""
bus, train, ferry, tram, plane, bicycle, taxi, boat, van, car, scooter, metro, cable car, horse cart
"""),
    "symptom": _phrases("""
a cough, a headache, back pain, a sore throat, a fever, a rash, knee pain, an earache, dizziness, a
stomach ache, a runny nose, a swollen ankle, a toothache, itchy eyes, a stiff neck
"""),
    "clinic": _phrases("""
eye clinic, dental clinic, children's ward, heart unit, skin clinic, physiotherapy room, X-ray room,
blood test room, hearing clinic, allergy clinic, sleep clinic, sports clinic, foot clinic
"""),
    "crop": _phrases("""
wheat, barley, corn, potatoes, beets, hops, grapes, strawberries, cabbages, pumpkins, lentils, oats,
carrots, hay
"""),
    "team": _words("""
Tigers Falcons Rockets Wolves Sharks Giants Comets Bears Eagles Pirates Knights Dragons Storm Hawks
Otters Lynx Foxes Stallions Vikings Lions Rams Herons Badgers Ravens Cobras Thunder
"""),
    "shape": _words("circle square triangle star heart diamond oval cross arrow spiral hexagon cube"),
    "task": _phrases("""
water the plants, feed the cat, clean the kitchen, print the posters, call the school, book the
hall, paint the fence, wash the windows, fix the bike, bake a cake, tidy the shed, pick up the
children, write the report, check the lights, set up the chairs, sweep the yard, sort the books,
repair the roof, walk the dog, cook dinner, buy stamps, plan the trip, tune the piano, pack the
tent, prepare the slides, update the calendar, collect the keys, bring the drinks, take the photos,
move the table, count the tickets, draw the map, record the song, test the microphone, rent a boat,
mow the lawn
"""),
    "reason": _phrases("""
the bus was late, it was raining, the key was missing, the room was too small, the power was out, a
friend was ill, the road was closed, the oven was broken, the meeting ran long, the light was too
weak, the phone was dead, the map was wrong, the train was full, the dog was barking, the snow was
too deep, the teacher was away
"""),
    "feeling": _words("""
happy tired nervous excited proud worried calm angry surprised bored relieved lonely curious hopeful
grateful
"""),
    "unit": _words("metres kilograms litres pages minutes hours kilometres grams seats steps"),
    "street": _words("""
Mill Oak River Church Castle Garden Station Market Bridge Forest Lake Hill Rose Maple School Harbour
Tower Linden Meadow Chestnut North South Abbey Windmill Birch Orchard Copper Silver Swan Falcon
Juniper Elm Canal Bakery Poplar Quarry
"""),
    "hq": _phrases("""
Monday morning, Tuesday evening, the first week of May, early June, late August, mid October, New
Year's Day, the second Friday of the month, the last Sunday in March, Easter week, the summer
holidays, midsummer, every other Saturday
"""),
}
