# ruff: noqa: E501  (one entry a line)
"""Topics of the reading passages: kinds of entities, their attributes, statements and questions.

Line format. `= noun : subject words : name templates : intro templates`, then one line per attribute:
`value template | statements | questions`; alternatives are separated by ` / `; {e} entity, {s} subject, {v} value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attribute:
    """One fact that an entity of a topic may have."""

    value: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of entity with its attributes."""

    noun: str
    subjects: tuple[str, ...]
    names: tuple[str, ...]
    intros: tuple[str, ...]
    attributes: tuple[Attribute, ...]


_PLACE = """
{hours} | {s} is open from {v}. / Opening hours are {v}. / The doors are open {v}. | When is {e} open? / What are the opening hours of {e}? / At what times can people enter {e}?
{weekday} | {s} is closed on {v}. / Nobody works there on {v}. / The only free day of the staff is {v}. | On which day is {e} closed? / Which day of the week is {e} shut?
{address} | {s} is at {v}. / The address is {v}. / You find the entrance at {v}. | Where is {e}? / What is the address of {e}? / At which address can I find {e}?
{person} | {s} is run by {v}. / The person in charge is {v}. / {v} has been the head since last year. | Who runs {e}? / Who is in charge of {e}? / Who is the head of {e}?
{year} | {s} was founded in {v}. / It all began in {v}. / The building dates from {v}. | When was {e} founded? / In which year did {e} begin? / How far back does {e} go?
{phone} | Call {v} to book. / The phone number is {v}. / Questions are answered on {v}. | What is the phone number of {e}? / Which number do I call to reach {e}? / How can I phone {e}?
{count} | {s} has room for {v} visitors. / Up to {v} people fit inside. / At most {v} guests may come in at once. | How many people fit into {e}? / What is the largest number of visitors at {e}?
{email} | Write to {v}. / Messages go to {v}. / The e-mail address is {v}. | What is the e-mail address of {e}? / Where can I write to {e}?
"""
_EVENT = """
{date} | {s} takes place on {v}. / The date is {v}. / It will be held on {v}. | When is {e}? / On which date does {e} take place? / What is the date of {e}?
{clock} | {s} starts at {v}. / It begins at {v} sharp. / Doors open at {v}. | At what time does {e} start? / When does {e} begin on the day? / What time should I be at {e}?
the {venue} | {s} is held at {v}. / Everyone meets at {v}. / The place is {v}. | Where is {e} held? / Where do people meet for {e}? / What is the place of {e}?
{price} | A seat costs {v}. / The fee is {v}. / Each guest pays {v}. | How much does {e} cost? / What is the fee for {e}? / What do I pay for {e}?
{person} | {s} is organised by {v}. / {v} is the organiser. / The plan was made by {v}. | Who organises {e}? / Who is the organiser of {e}?
{count} | There are {v} places. / No more than {v} people can join. / {v} people have signed up. | How many people can join {e}? / How many places are there at {e}?
{snack} | Please bring {v}. / Everyone needs {v}. / Do not forget {v}. | What should I bring to {e}? / What is needed for {e}? / What must people have with them at {e}?
{span} | {s} lasts {v}. / It goes on for {v}. / Plan {v} for it. | How long does {e} last? / How long is {e}? / How much time does {e} take?
{date} | The last day to sign up is {v}. / Sign up by {v}. / Names are taken until {v}. | By when must I sign up for {e}? / What is the last day to register for {e}?
"""
_RULE = """
{term} | {s} is valid for {v}. / {s} ends after {v}. / It can be used for {v}. | How long is {e} valid? / For how long can I use {e}? / When does {e} run out?
{price} | {s} costs {v}. / The price is {v}. / You pay {v} for it. | How much is {e}? / What does {e} cost? / What is the price of {e}?
{price} | Students pay only {v}. / For students it is {v}. / With a student card it is {v}. | What do students pay for {e}? / How much is {e} for students?
{price} | Replacing a lost one costs {v}. / If you lose it, you pay {v}. | What happens to the price if I lose {e}? / How much is it to replace {e}?
{roomno} | Ask for it at {v}. / You get it at {v}. / It is handed out at {v}. | Where do I get {e}? / Where can I ask for {e}? / Which place hands out {e}?
{age} years | You must be at least {v} old. / The lowest age is {v}. | How old must I be to get {e}? / What is the lowest age for {e}?
{snack} | To get it, show {v}. / You need to bring {v}. | What do I need to get {e}? / What must I bring for {e}?
{term} | It is ready after {v}. / Making it takes {v}. / Wait {v} until it is ready. | How long does it take to get {e}? / How long must I wait for {e}?
{count} | Each person may use it {v} times. / It covers {v} visits. | How often can I use {e}? / How many visits does {e} cover?
{person} | Questions about it go to {v}. / {v} looks after it. | Who can I ask about {e}? / Who looks after {e}?
"""

_TEXT = """
= museum : It/The museum/{e} : the {brand} Museum/{town} Museum/the {noun} Museum in {town}/the Museum of {noun}s : {^e} shows {color} {object}s and [old maps|rare stamps|toys|ships|masks]./{^e} is a [small|large|famous|quiet] museum./Welcome to {e}.
@place
{price} | Adults pay {v}. / A ticket costs {v} for adults. / Entry is {v}. | How much is a ticket for {e}? / What do adults pay at {e}? / How expensive is entry to {e}?
{price} | Children pay {v}. / For children it is {v}. | How much do children pay at {e}? / What is the price for a child at {e}?
{floor} | The cafe is on {v}. / Coffee is served on {v}. | Where is the cafe of {e}? / On which floor can I drink coffee at {e}?
{material} | The oldest piece is made of {v}. / Its most famous statue is of {v}. | What is the best-known piece of {e} made of? / Which material was used for the old piece at {e}?
= library : It/The library/{e} : {town} Library/the {brand} Library/the {street} Street Library : {^e} lends books, films and games./{^e} is the reading place of the [district|village|town]./Readers like {e}.
@place
{count} books | Members may borrow {v}. / Each reader can take home {v}. | How many books can I borrow from {e}? / What may a reader take home from {e}?
{duration} | Loans last {v}. / Books may be kept for {v}. | How long can I keep a book from {e}? / What is the loan time at {e}?
{price} | A late book costs {v} per week. / The late fee is {v}. | What is the late fee at {e}? / How much do I pay for a late book at {e}?
{floor} | Children's books are on {v}. / The children's corner is on {v}. | Where are the children's books in {e}?
= school club : It/The club/{e} : the {hobby} club/the {brand} {hobby} club/the {town} {hobby} circle : {^e} welcomes [beginners|everyone|young people|new members]./{^e} meets every week./Join {e}.
@place
{weekday} | Members meet on {v}. / Practice is on {v}. / The weekly meeting is on {v}. | On which day does {e} meet? / When is the weekly meeting of {e}?
{price} | A year costs {v}. / The yearly fee is {v}. | How much is a year in {e}? / What is the yearly fee of {e}?
{color} | Its shirts are {v}. / Members wear {v} caps. / The club colour is {v}. | What colour does {e} wear? / What is the colour of {e}?
{count} members | {s} has {v}. / There are now {v}. | How many members does {e} have? / How big is {e}?
= swimming pool : It/The pool/{e} : {town} Pool/the {brand} Bath/the {street} Street Pool : {^e} has [three slides|a sauna|a warm pool|long lanes]./Many families go to {e}./{^e} was [painted|repaired|enlarged] last year.
@place
{degrees} | The water is {v} warm. / Water is kept at {v}. | How warm is the water at {e}? / What is the water temperature of {e}?
{measure} | The main pool measures {v}. / Its longest lane is {v}. | How long is the pool at {e}? / What does the main pool at {e} measure?
{price} | A day ticket is {v}. / Swimming all day costs {v}. | What does a day at {e} cost? / How much is a day ticket for {e}?
= clinic department : It/The clinic/{e} : the {town} {clinic}/the {brand} {clinic}/the {clinic} at {town} Hospital : {^e} helps [adults|children|patients of all ages]./{^e} moved last [spring|summer|winter]./Patients know {e} well.
@place
{roomno} | Check in at {v}. / Patients go to {v} first. | Where do patients of {e} check in? / Where do I go first at {e}?
{span} | A visit takes about {v}. / Plan {v} for one visit. | How long is a visit to {e}? / How much time does an appointment at {e} take?
{floor} | {s} is on {v}. / Take the lift to {v}. | On which floor is {e}? / Where in the house is {e}?
{num} | There are {v} beds. / {s} has {v} beds. | How many beds does {e} have?
= farm : It/The farm/{e} : {surname} Farm/the {brand} Farm/{town} Farm : {^e} grows {crop} and {crop}./{^e} lies near a [lake|river|forest|hill]./A family works at {e}.
@place
{count} {animal}s | {s} keeps {v}. / In the barn live {v}. | Which animals live on {e}? / What does {e} keep in the barn?
{crop} | Its main crop is {v}. / Most fields are full of {v}. | What is the main crop of {e}? / What grows on most fields of {e}?
{month} | The harvest is in {v}. / Work is hardest in {v}. | In which month is the harvest at {e}? / When is there most work at {e}?
{price} | A box of eggs costs {v}. / Eggs are sold for {v}. | How much are the eggs of {e}? / What does a box of eggs cost at {e}?
= restaurant : It/The restaurant/{e} : the {color} {^noun}/{brand}'s Kitchen/{surname}'s Table/Cafe {brand} : {^e} is known for its [bread|soups|cakes|salads]./People love to eat at {e}./{^e} is a [tiny|busy|cosy|modern] place.
@place
{food} | The dish of the day is {v}. / The cook recommends {v}. / Today the kitchen serves {v}. | What is the dish of the day at {e}? / What does the cook at {e} recommend?
{price} | Lunch costs {v}. / The lunch menu is {v}. | How much is lunch at {e}? / What do I pay for the lunch menu at {e}?
{price} | Dinner costs {v}. / In the evening a menu is {v}. | How much is dinner at {e}? / What does an evening menu cost at {e}?
{person} | The cook is {v}. / {v} cooks there. | Who cooks at {e}? / What is the name of the cook at {e}?
= trip : It/The trip/{e} : the trip to {town}/the {town} tour/the {brand} hike : {^e} is [easy|long|popular|new]./Many want to go on {e}./{^e} is part of the [spring|autumn|summer] programme.
@event
{vehicle} | The group goes by {v}. / Travel is by {v}. | How does the group travel on {e}? / Which means of transport is used for {e}?
{measure} | The path is {v} long. / In total it covers {v}. | How far is {e}? / What length does {e} have?
= concert : It/The concert/{e} : the {brand} Concert/the {season} concert in {town}/the {instrument} night at {town} : {^e} is for [all ages|friends of music|the whole town]./The band practised hard for {e}./{^e} returns this year.
@event
{instrument} | {person} plays the {v}. / The main instrument is the {v}. | Which instrument is played at {e}? / What is the main instrument of {e}?
{color} | The stage lights are {v}. / Tickets are printed on {v} paper. | Which colour belongs to {e}?
= course : It/The course/{e} : the {subject} course/{subject} for beginners in {town}/{subject} {small}/the {hobby} class in {town} : {^e} is taught in small groups./{^e} is [new|popular|open to all]./Learn more in {e}.
@event
{person} | The teacher is {v}. / {v} teaches it. | Who teaches {e}? / What is the name of the teacher of {e}?
{weekday} | Lessons are on {v}. / The group meets each {v}. | On which day are the lessons of {e}? / Which weekday is {e} on?
{code} | Its course number is {v}. / Use the code {v}. | What is the course number of {e}? / Which code does {e} have?
{title} | The book used is "{v}". / Please read "{v}" first. | Which book is used in {e}? / What should I read for {e}?
= match : It/The match/{e} : the {town} {team} match/the {sport} final in {town}/the {sport} game against the {team} : {^e} was [exciting|slow|close|wild]./Fans talk about {e}./Many saw {e}.
@event
{score} | It ended {v}. / The final score was {v}. | How did {e} end? / What was the final score of {e}?
{person} | The best player was {v}. / {v} scored last. | Who was the best player at {e}? / Who stood out in {e}?
{count} | {v} fans watched. / The crowd counted {v}. | How many fans watched {e}? / How large was the crowd at {e}?
{weather} | During the game there was {v}. / Players had to deal with {v}. | What was the weather like during {e}?
= card : It/The card/{e} : the {brand} card/the {town} card/the {adj} {noun} pass/the {month} pass : {^e} is [useful|popular|new|plastic]./Many people in {town} carry {e}./{^e} comes in {color}.
@rule
= permit : It/The permit/{e} : the {hobby} permit/the {town} parking permit/the {vehicle} permit/the {venue} key : {^e} is given out by the city office./Not everyone needs {e}./{^e} changed this year.
@rule
= account : It/The account/{e} : the {brand} account/the {adj} {noun} account/the {brand} savings plan/the {season} savings plan : {^e} is offered by {brand} Bank./Savers like {e}./{^e} is for [families|students|young people].
@rule
{small} percent | It pays {v} a year. / Interest is {v}. | How much interest does {e} pay? / What is the interest of {e}?
= person : {e} : {person} : {^e} lives a [quiet|busy|happy] life./Everyone in the street knows {e}./Meet {e}.
{job} | {s} works as {a:v}. / By trade {e} is {a:v}. / The job of {e} is {v}. | What is the job of {e}? / What does {e} do for a living? / What does {e} work as?
{town} | {s} lives in {v}. / Home is a small flat in {v}. | Where does {e} live? / In which town is {e} at home?
{town} | {s} was born in {v}. / The birthplace of {e} is {v}. | Where was {e} born? / What is the birthplace of {e}?
{age} | {s} is {v} years old. / {s} turned {v} this year. | How old is {e}? / What is the age of {e}?
{hobby} | {s} loves {v}. / In the evening {e} enjoys {v}. / The favourite hobby of {e} is {v}. | What is the hobby of {e}? / What does {e} enjoy?
{pet} | {s} has {a:v}. / At home there is also {a:v}. | Which pet does {e} have? / What animal lives with {e}?
{color} | {s} drives {a:v} car. / The car of {e} is {v}. | What colour is the car of {e}? / Which colour of car does {e} drive?
{food} | {s} likes {v} most. / The favourite food of {e} is {v}. | What is the favourite food of {e}? / What does {e} like to eat?
{date} | {s} has a birthday on {v}. / The birthday of {e} is {v}. | When is the birthday of {e}? / On which day was {e} born?
{instrument} | {s} plays the {v}. / On Sundays {e} plays the {v}. | Which instrument does {e} play?
= machine : It/The machine/{e} : the {brand} {num}/the {brand} {tool}/Model {code}/the {brand} {object} : {^e} is a [new|simple|clever|strong] machine./Engineers tested {e}./{^e} is used in workshops.
{measure} | {s} weighs or holds {v}. / Its size is {v}. | What is the size of {e}? / How big is {e}?
{color} | {s} is {v}. / It comes in {v}. | What colour is {e}? / Which colour does {e} come in?
{span} | Its battery lasts {v}. / It runs for {v} without a break. | How long does the battery of {e} last? / How long can {e} run?
{person} | {s} was invented by {v}. / {v} designed it. | Who invented {e}? / Who designed {e}?
{year} | {s} was first built in {v}. / The first one was made in {v}. | When was {e} first built? / In which year was the first {e} made?
{material} | {s} is made of {v}. / Its body is {v}. | What is {e} made of? / Which material is {e} made from?
{code} | Its serial number is {v}. / The part number is {v}. | What is the serial number of {e}? / Which number is printed on {e}?
{color} | To start it, press the {v} button. / The {v} button starts it. | Which button starts {e}? / What colour is the start button of {e}?
{code} | The screen shows {v} when it is too hot. / Error {v} means that it is too hot. | Which code does {e} show when it is too hot?
= planet : It/The planet/{e} : {brand}/{brand} {small}/planet {brand} : {^e} is a far planet./Astronomers look at {e}./{^e} circles a [red|small|double] star.
{count} | {s} has {v} moons. / Around it move {v} moons. | How many moons does {e} have? / What is the number of moons of {e}?
{span} | A day there lasts {v}. / {s} turns once in {v}. | How long is a day on {e}? / How long does {e} take to turn?
{degrees} | It is about {v} there. / The surface has {v}. | How warm is it on {e}? / What is the temperature on {e}?
{color} | Its clouds are {v}. / From far it looks {v}. | What colour is {e}? / How does {e} look from far?
{person} | {s} was discovered by {v}. / {v} found it. | Who discovered {e}? / Who found {e}?
{year} | It was first seen in {v}. / Its discovery came in {v}. | When was {e} first seen? / In which year was {e} discovered?
= animal : It/The animal/{e} : {brand} the {animal}/the {color} {brand} {animal}/the {town} {animal} : {^e} lives in the zoo of {town}./Visitors love {e}./{^e} is [shy|playful|rare|very old].
{crop} | {s} eats {v}. / Its favourite food is {v}. | What does {e} eat? / What is the favourite food of {e}?
{age} years | {s} is {v} old. / Its age is {v}. | How old is {e}? / What is the age of {e}?
{measure} | {s} can run or swim {v} in one go. / It covers {v} a day. | How far does {e} go? / What distance can {e} cover?
{person} | {v} feeds it. / Its keeper is {v}. | Who feeds {e}? / Who is the keeper of {e}?
{clock} | Feeding is at {v}. / It is fed at {v}. | At what time is {e} fed? / When is feeding time for {e}?
{object} | It likes to play with {a:v}. / Its toy is {a:v}. | What does {e} play with? / Which toy does {e} have?
= town : It/The town/{e} : {town}/{town} on the river/Little {town} : {^e} is a [quiet|lively|green] town./Few know {e}./Tourists visit {e}.
{big} | {v} people live there. / {s} has {v} people. | How many people live in {e}? / What is the population of {e}?
{surname} | The mayor is {v}. / Its mayor is called {v}. | Who is the mayor of {e}? / What is the mayor of {e} called?
{material} | {s} is famous for its {v}. / For centuries it sold {v}. | What is {e} famous for? / What did {e} sell for centuries?
{weekday} | Market day is {v}. / The market is held on {v}. | When is market day in {e}? / On which day is the market in {e}?
{weather} | In {season} there is often {v}. / Expect {v}. | What weather is common in {e}? / What kind of weather does {e} have?
{measure} | The tower is {v} high. / Its old wall measures {v}. | How high or long is the old building of {e}?
the {brand} | {s} lies on a river called {v}. / Through it flows {v}. | Which river flows through {e}? / On which river does {e} lie?
= train : It/The train/{e} : train {code}/the {town} Express/line {num}/the night train to {town} : {^e} runs daily./{^e} is often full./Travellers take {e}.
{clock} | {s} leaves at {v}. / Departure is at {v}. | When does {e} leave? / What is the departure time of {e}?
{clock} | {s} arrives at {v}. / It gets there at {v}. | When does {e} arrive? / What is the arrival time of {e}?
platform {num} | It leaves from {v}. / Go to {v}. | From which platform does {e} leave? / Where does {e} leave from?
{town} | It also stops in {v}. / The only stop is {v}. | Where does {e} stop? / Which town does {e} stop in?
{price} | A seat costs {v}. / The fare is {v}. | What is the fare of {e}? / How much is a seat on {e}?
{span} | The ride takes {v}. / You sit for {v}. | How long is the ride with {e}?
= recipe : It/The recipe/{e} : {brand}'s {food}/the {food} of {first}/{town} {food} : {^e} is a family recipe./{^e} is [easy|cheap|rich] and good./Try {e}.
{span} | Bake or cook it for {v}. / It stays on the heat for {v}. | How long is {e} cooked? / How long does {e} stay on the heat?
{ingredient} | The secret is {v}. / The last thing to add is {v}. | What is the secret of {e}? / What is added last to {e}?
{count} grams | You need {v} of {ingredient}. / Weigh {v} of {ingredient}. | How much is weighed for {e}?
{small} people | It serves {v}. / It is enough for {v}. | How many people does {e} serve? / For how many is {e} enough?
{object} | Mix it in a large {v}. / An old {v} is used for mixing. | What is {e} mixed in?
= book : It/The book/{e} : "{title}"/the {genre} "{title}" : {^e} is a well-known {genre}./Readers enjoy {e}./{^e} is on the shelf again.
{person} | {s} was written by {v}. / Its author is {v}. | Who wrote {e}? / Who is the author of {e}?
{count} | {s} has {v} pages. / It runs to {v} pages. | How many pages does {e} have? / How long is {e}?
{year} | {s} came out in {v}. / It was printed in {v}. | When did {e} come out? / In which year was {e} printed?
{a:job} | The hero is {v}. / It tells of {v}. | Who is the hero of {e}? / What is the job of the hero in {e}?
{town} | The story takes place in {v}. / It is set in {v}. | Where is {e} set? / Where does the story of {e} take place?
shelf {num} | {s} stands on {v}. / Look for it on {v}. | Where does {e} stand? / On which shelf is {e}?
= game : It/The game/{e} : {brand}/the game {brand}/{title} : {^e} is a board game./Children in {town} play {e}./{^e} is played with {color} and {color} pieces.
{small} | {v} people can play. / It is made for {v} players. | How many people play {e}? / For how many players is {e}?
{count} points | The winner needs {v}. / It ends when someone has {v}. | How many points win {e}? / When does {e} end?
{age} | It is for children from {v}. / Players must be {v} or older. | From what age can people play {e}?
{span} | One round takes {v}. / A game lasts {v}. | How long does a round of {e} take? / How long is one game of {e}?
{color} | The {v} piece moves first. / Whoever has the {v} piece begins. | Which piece begins in {e}? / Which colour moves first in {e}?
"""


def _split(text: str, mark: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(mark))


def _names(text: str) -> tuple[str, ...]:
    return _split(text, "/")


def _attribute(line: str) -> Attribute:
    value, statements, questions = line.split(" | ")
    return Attribute(value.strip(), _split(statements, " / "), _split(questions, " / "))


def _lines(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if line.strip()]


def _topics() -> list[Topic]:
    shared = {"@place": _PLACE, "@event": _EVENT, "@rule": _RULE}
    heads: list[tuple[str, ...]] = []
    facts: list[list[Attribute]] = []
    for line in _lines(_TEXT):
        if line.startswith("= "):
            heads.append(_split(line[2:], " : "))
            facts.append([])
        else:
            group = _lines(shared[line]) if line in shared else [line]
            facts[-1].extend(_attribute(item) for item in group)
    return [
        Topic(head[0], _names(head[1]), _names(head[2]), _names(head[3]), tuple(fact))
        for head, fact in zip(heads, facts, strict=True)
    ]


TOPICS: list[Topic] = _topics()
