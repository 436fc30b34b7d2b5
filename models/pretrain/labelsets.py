# ruff: noqa: E501  (one entry a line)
"""Label sets for classification: for each label, templates of messages that belong to it.

Line format: `= name of the set : question about it`, then `label | template / template / ...`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A named set of classes with message templates for each."""

    name: str
    question: str
    classes: dict[str, tuple[str, ...]]


_TEXT = """
= topic : What is the text about?
sport | The {team} won {score} against the {team}. / {first} trains for the {sport} final. / Who plays {sport} on {weekday}? / The coach of the {team} praised {surname}. / {^sport} practice starts at {clock}.
cooking | Stir the {ingredient} into the {ingredient}. / {first} made {food} for dinner. / How long do I bake the {food}? / Add {small} spoons of {ingredient}. / This {food} needs more {ingredient}.
weather | Tomorrow there will be {weather} in {town}. / It is {degrees} in {town} now. / Expect {weather} on {weekday}. / After days of {weather} came {weather}. / Will there be {weather} tonight?
music | {first} plays the {instrument} in a band. / The {instrument} sounds out of tune. / The choir sang "{title}". / {surname} wrote a piece for {instrument} and {instrument}. / Our concert opens with the {instrument}.
animals | The {animal} slept near the {animal}. / {first} saw {a:adj} {animal}. / Do {animal}s eat {crop}? / {^a:animal} and {a:animal} drank at the pond. / The keeper fed the {animal}.
space | {planet} is visible tonight. / A probe flew past {planet}. / How far is {planet} from the sun? / Astronomers found a moon of {planet}. / The rocket to {planet} starts in {month}.
health | {first} has {symptom}. / The nurse at the {clinic} was kind. / What helps against {symptom}? / {surname} goes to the {clinic} on {weekday}. / Rest is good for {symptom}.
school | {first} failed the {subject} test. / Homework in {subject} is due {weekday}. / Our {subject} teacher is {surname}. / The class has {subject} at {clock}. / Two pupils gave a talk in {subject}.
travel | The {vehicle} to {town} leaves at {clock}. / We spent {duration} in {town}. / Is there {a:vehicle} from {town} to {town}? / {first} packed a suitcase for {town}. / Our {vehicle} was late in {town}.
garden | The {plant} needs water. / Plant the {plant} in {season}. / {first} cut the {plant} with care. / Why are the leaves of my {plant} {color}? / {^plant} seeds grow in {month}.
money | {first} saved {price}. / The bank pays {percent} interest. / My savings grew to {price}. / How do I open a savings account? / {surname} counted coins worth {price}.
history | In {year} the king built a castle at {town}. / {town} was a walled town in {year}. / The old war ended in {year}. / Queen {first} ruled until {year}. / Knights lived in {town} Castle.
art | {surname} painted {a:color} {noun}. / The gallery in {town} shows {color} paintings. / {first} carves statues of {material}. / A sketch by {surname} was found. / The painter mixed {color} and {color}.
farming | The harvest of {crop} was good. / {surname} sold the {crop}. / The tractor broke in the {crop} field. / {^crop} grow well near {town}. / Farmers in {town} plant {crop} in {month}.
computers | My screen went {color}. / The keyboard does not work. / {first} wrote a small program. / The file {code} is too big. / How do I restart the computer?
books | "{title}" is {aan} {genre} by {surname}. / {first} read {small} chapters of "{title}". / The {genre} ends sadly. / Who wrote "{title}"? / I cannot put down the {genre} by {surname}.
= mood : How does the writer feel?
happy | I am so glad about the {noun}! / What a wonderful {weekday}! / {first} smiled all day, and so did I. / We won! I could sing. / Best {food} ever, I love it.
sad | I miss {first} so much. / I cried because {reason}. / The {noun} is gone and my heart is heavy. / Nobody came to my party. / My {pet} died on {weekday}.
angry | I have had enough of this {noun}! / How dare {first} take my {object}! / It makes me furious that {reason}. / Stop shouting, {first}! / Who broke my {object}? I am mad!
scared | I heard steps in the {room} and froze. / I am afraid of the {animal}. / My hands shake before the {subject} test. / What if {first} never comes back? / The dark {noun} frightens me.
bored | There is nothing to do in {town}. / The talk about {subject} went on and on. / Yawn, another {weekday}. / I stare at the {object} for hours. / Same {noun}, same {noun}, every day.
tired | I slept only {small} hours. / My eyes close by themselves. / After {hobby} I can hardly stand. / I need a nap. / What a long day, off to bed.
proud | I finished the {noun} all by myself. / My {pet} won first prize! / Look what I made from {material}. / {first} passed {subject} thanks to my help. / My team is number one.
surprised | I did not expect {first} at all! / Wow, {a:animal} in the {room}! / Suddenly the {object} moved. / Who would have thought that {reason}? / {^a:color} {animal}? Really?
grateful | Thank you, {first}, for the {object}. / I am thankful for your help with {subject}. / Many thanks to everyone in {town}. / You saved my {weekday}, thanks! / I owe you one, {first}.
= kind of thing : What kind of thing is it?
animal | {animal} / {a:adj} {animal} / two {animal}s / the {color} {animal} / {animal}
plant | {plant} / {a:adj} {plant} / the {color} {plant} / some {plant} / {plant}
tool | {tool} / {a:adj} {tool} / the {tool} from the shed / {tool} / my {tool}
food | {food} / some {food} / a plate of {food} / {fruit} / {ingredient}
colour | {color} / bright {color} / {color} / very {color} / a shade of {color}
job | {job} / {a:adj} {job} / the {job} / two {job}s / {job}
vehicle | {vehicle} / {a:adj} {vehicle} / the {color} {vehicle} / {vehicle} / the {vehicle} to {town}
person | {person} / {first} / Mr {surname} / Mrs {surname} / my friend {first}
place | {town} / the town of {town} / near {town} / {town} / {address}
instrument | {instrument} / {a:adj} {instrument} / the {instrument} / {instrument} / an old {instrument}
day | {weekday} / next {weekday} / {date} / {month} / on {weekday}
amount | {price} / {measure} / {percent} / {duration} / {degrees}
= city office : Which office should get the message?
roads | There is a hole in {street} Street. / The traffic light at {address} is dark. / Please paint the crossing in {town}. / A road sign fell down on {street} Road. / When will {street} Lane be repaired?
parks | The bench in the park is broken. / A tree fell near the pond. / Please mow the grass in {street} Park. / The swings need paint. / Can we plant {plant}s in the park?
water | No water comes from my tap in {address}. / The pipe under {street} Street leaks. / Our water looks {color}. / Who reads the water meter? / The fountain is dry.
waste | The bins in {street} Street are full. / When is paper collected? / Where can I bring an old {object}? / Someone left rubbish at {address}. / I need {a:color} bin.
identity | My passport ends in {month}. / I lost my ID card. / I need a birth certificate. / I moved to {address}. / How do I change my name to {surname}?
schools | My child starts school in {month}. / Is there room in the {town} school? / The school bus was late. / Who teaches {subject} there? / How do I sign up for nursery?
events | We plan a street party on {date}. / May we play {instrument} in the square? / I want to book the {venue}. / The parade needs a permit. / Who rents out stages?
animals_office | {^a:animal} is in my {room}. / I found a lost {pet}. / My neighbour's {pet} barks. / Where do I register {a:pet}? / Wild {animal}s are on the road.
= voice assistant : What does the speaker want?
set_alarm | wake me at {clock} / alarm for {clock} please / I must get up at {clock} on {weekday} / set the alarm to {clock} / ring at {clock}
play_music | play some {instrument} / put on {title} / I want to hear {brand} / start my {adj} songs / music by {surname} please
get_weather | will it rain in {town} / how warm is it in {town} / is there {weather} on {weekday} / do I need a coat / weather for {weekday}
call_person | call {first} / ring {person} / get me {first} on the phone / dial {phone} / I want to talk to {first}
lights_on | turn on the light in the {room} / it is too dark in the {room} / lights on / make the {room} brighter / switch on the {color} lamp
set_timer | {num} minutes from now / timer for {num} minutes / tell me when {num} minutes are over / start counting down {num} seconds / remind me when the {food} is done
find_recipe | how do I make {food} / what can I cook with {ingredient} / a recipe with {ingredient} and {ingredient} / show me {food} / something with {fruit}s
navigate | how do I get to {address} / take me to the {venue} / fastest way to {town} / where is {street} Street / bring me home
add_note | write down: {task} / note that {reason} / remember to {task} / put {ingredient} on my list / save this: {code}
translate | what is {noun} in French / say {noun} in German / how do you say {adj} in Spanish / translate {noun} / what does {coined} mean
tell_joke | make me laugh / do you know a joke about {a:animal} / say something funny / a joke please / cheer me up
= bank appointment : What does the person want at the bank?
open_account | I would like to start a savings account for my {pet}... no, my son. / Can I become a customer in {town}? / I have no account yet. / How do I start an account? / A first account for {first}, please.
book_meeting | Is {surname} free on {weekday} at {clock}? / I want to talk to an adviser. / May I come by on {date}? / A meeting at {clock} please. / When can we sit together?
move_meeting | I cannot come on {weekday}, can we meet later? / Please shift my appointment to {clock}. / {weekday} is bad, {weekday} is better. / Can we meet on {date} instead? / I need another time than {clock}.
lost_card | My card is gone. / I dropped my bank card in {town}. / Someone took my card. / I left my card on the {vehicle}. / Please block card {code}.
loan | I want to borrow {price} for a boat. / How much interest is a loan? / Could I get money for a new {room}? / I need {price} until {month}. / May I pay the loan in {small} years?
opening_hours | When do you open on {weekday}? / Are you open at {clock}? / Is the bank closed on {date}? / How late are you there? / Until when can I come?
= library desk : What does the reader want?
borrow | I want to take "{title}" home. / May I have the {genre} for a week? / Can I lend out {small} books? / I'd like to read "{title}" on holiday. / Is "{title}" free to take?
extend | I need "{title}" for {duration} more. / Can I keep the {genre} longer? / One more week with "{title}", please. / I have not finished the {genre}. / Please prolong my loan {code}.
lost_book | I cannot find "{title}" anywhere. / My {pet} ate the {genre}. / I left the book on the {vehicle}. / "{title}" fell in the river. / The {genre} is missing.
join | How do I become a member? / My daughter wants a library card. / I am new in {town}, can I sign up? / What do I need to join? / I'd like to register.
reading_room | Is a desk free at {clock}? / Can I study in the reading room? / Please keep me a seat on {weekday}. / Is the reading room quiet? / I need a table for {small} people.
donate | I have {num} old books to give away. / Do you take used {genre}s? / My aunt leaves you her books. / Where can I give you "{title}"? / I want to give you my atlas.
= opinion : Is the opinion good, bad or neutral?
positive | The {noun} was great. / I loved "{title}". / {first} did a wonderful job. / What a lovely {venue}. / The {food} was excellent.
negative | The {noun} was terrible. / I hated "{title}". / {first} did a poor job. / What an ugly {venue}. / The {food} was awful.
neutral | The {noun} is in {town}. / "{title}" has {num} pages. / {first} arrived at {clock}. / The {venue} has {num} doors. / The {food} was on the table.
= kind of sentence : What kind of sentence is it?
question | Where is the {object}? / Did {first} {verb} the {noun}? / How old is {first}? / Who will {task}? / Is {town} far?
command | Close the {noun}! / {^verb} with me. / Please {task}. / Bring me the {object}. / Go to {roomno} now.
statement | {first} likes {hobby}. / The {noun} is {adj}. / There are {num} {object}s. / {town} lies on a hill. / The {animal} can {verb}.
greeting | Hello {first}! / Good morning, everyone. / Hi there, {first}. / Good evening, Mr {surname}. / Welcome to {town}!
promise | I will {task} tomorrow. / I promise to {task}. / We shall {task} by {weekday}. / You have my word, {first}. / I will never forget the {object}.
excuse | I am late because {reason}. / Sorry, {reason}. / I could not {task}, {reason}. / It is not my fault: {reason}. / Forgive me, {reason}.
= urgency : How urgent is it?
urgent | Help, the {room} is on fire! / Come at once, {first} fell! / The {room} is under water now! / Quick, call a doctor! / We need you right away in {roomno}!
soon | Please {task} by tomorrow. / {first} needs the {object} this week. / Can you {task} before {weekday}? / The {noun} should be ready in a few days. / Do it when you are back on {weekday}.
whenever | No hurry, but please {task} some day. / {^task} when you have time. / The {object} can wait. / There is no rush with the {noun}. / Any month is fine to {task}.
= who speaks : Who is speaking?
teacher | Open your {subject} books. / Please hand in your homework. / The {subject} test is on {weekday}. / {first}, come to the board. / Well done, class.
doctor | Take this twice a day. / Since when do you have {symptom}? / Let me look at your throat. / You need rest. / Please breathe in.
farmer | The cows must be milked. / I sowed the {crop} in {month}. / Rain is good for my {crop}. / The {animal} got out of the barn. / Harvest was late.
cook | The {food} needs salt. / Cut the {ingredient} thinly. / Dinner is ready at {clock}. / Who ate my {food}? / Bring me the big pan.
pilot | We will land in {town} soon. / Please fasten your seat belts. / We fly at {big} metres. / There is {weather} ahead. / Welcome on board.
coach | Run faster, {first}! / We practise {sport} at {clock}. / The {team} are strong, be ready. / Good pass, {surname}. / Ten more rounds.
guide | On your left you see the {venue}. / This castle was built in {year}. / Please stay with the group. / Follow my {color} umbrella. / We meet at the {vehicle} at {clock}.
"""


def _load() -> list[LabelSet]:
    sets: list[LabelSet] = []
    for line in _TEXT.strip().splitlines():
        head, _, rest = line.removeprefix("= ").partition(" : " if line.startswith("= ") else " | ")
        if line.startswith("= "):
            sets.append(LabelSet(head, rest, {}))
        else:
            label = head.removesuffix("_office")
            sets[-1].classes[label] = tuple(rest.replace("{aan} {genre}", "{a:genre}").split(" / "))
    return sets


LABEL_SETS: list[LabelSet] = _load()
