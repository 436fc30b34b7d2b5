# ruff: noqa: E501  (one entry a line)
"""Kinds of records for extraction: fields with their types and the sentences that state them.

Line format. `= record : openings`, then `field names , ... : type : value or options | statements [| statements if false]`.
Alternatives are separated by ` / `; {v} is the value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """A field: possible names, its type (string, integer, boolean, enum), and how texts say it."""

    names: tuple[str, ...]
    type: str
    value: str
    says: tuple[str, ...]
    denies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of record with opening phrases and fields."""

    name: str
    openings: tuple[str, ...]
    fields: tuple[Field, ...]


_TEXT = """
= library loan : Hello library, / Dear team, / Hi, / Good morning, / A note from the desk: /
reader, name, member : string : {person} | my name is {v}. / {v} here. / this is {v}.
card_number, card, member_id : string : {code} | My card number is {v}. / Card: {v}. / You find me under {v}.
title, book, book_title : string : {title} | It is about the book "{v}". / The book is called {v}. / I have "{v}" at home.
days, loan_days, extra_days : integer : {num} | I need it for {v} days. / {v} days would be enough. / Please give me {v} days.
genre, kind : enum : novel/poetry/history/science/travel | It is {v}. / The shelf says {v}. / It belongs to {v}.
returned, is_back : boolean : | The book is back already. / I brought it back. / It has come back. | The book is still with me. / I have not brought it back. / It is still out.
branch, place : string : {town} | I use the branch in {v}. / My branch is {v}. / I go to {v}.
= travel booking : Hi, / Hello, / Dear travel office, / Good day, / Travel note: /
traveller, name, passenger : string : {person} | {v} is travelling. / The traveller is {v}. / please book for {v}.
from, origin, start : string : {town} | The trip starts in {v}. / We leave from {v}. / Start is {v}.
to, destination, goal : string : {town} | We want to go to {v}. / The goal is {v}. / We travel to {v}.
date, day, travel_date : string : {date} | The date is {v}. / We go on {v}. / It should be {v}.
people, persons, seats : integer : {num} | We are {v} people. / We need {v} seats. / There are {v} of us.
vehicle, means, by : enum : train/bus/ferry/plane | We take the {v}. / By {v}, please. / We like to go by {v}.
window_seat, window : boolean : | A window seat please. / I want to sit at the window. | No window seat is needed. / I do not want a window seat.
booking_code, code, reference : string : {code} | The code is {v}. / Booking {v}. / Our reference is {v}.
= doctor appointment : Good morning, / Hello doctor, / Dear clinic, / Phone note: / Hi, /
patient, name, patient_name : string : {person} | the patient is {v}. / my name is {v}. / this is about {v}.
age, years, patient_age : integer : {age} | Age: {v}. / The patient is {v} years old. / {v} years old.
symptom, problem, complaint : string : {symptom} | There is {v}. / The reason is {v}. / It is because of {v}.
weekday, day, wish_day : string : {weekday} | {v} would be best. / Please on {v}. / {v} is fine.
time, hour, at : string : {clock} | The best time is {v}. / At {v} if possible. / {v} works.
first_visit, new_patient, is_new : boolean : | It is the first visit. / This patient is new here. | It is not the first visit. / The patient has been here before.
insurance_number, file, patient_id : string : {code} | The patient number is {v}. / File {v}. / The number on the card is {v}.
department, ward : enum : eyes/teeth/skin/heart/ears | It is for {v}. / Department: {v}. / Please send it to {v}.
= pet registration : Hello, / Dear city office, / Hi, / Pet form: / Good evening, /
pet_name, name, called : string : {brand} | the pet is called {v}. / the name is {v}. / we named it {v}.
species, animal, kind : string : {pet} | It is {a:v}. / The animal is {a:v}. / We have {a:v}.
color, colour, fur : string : {color} | It is {v}. / The colour is {v}. / It looks {v}.
age, years, age_years : integer : {small} | It is {v} years old. / Age {v}. / It turned {v}.
owner, keeper, owner_name : string : {person} | The owner is {v}. / It belongs to {v}. / It lives with {v}.
chip, chip_number, tag : string : {code} | The chip says {v}. / Chip number {v}. / Its tag is {v}.
vaccinated, has_vaccine : boolean : | It is vaccinated. / It got all its shots. | It is not vaccinated. / It has had no shots yet.
= sports match : Result: / News: / Report: / Match note: / Hello fans, /
home, home_team, team_a : string : {team} | the {v} played at home. / at home were the {v}. / hosts were the {v}.
guest, away_team, team_b : string : {team} | The guests were the {v}. / The {v} came as guests. / Against them stood the {v}.
score, result, final_score : string : {score} | It ended {v}. / The score was {v}. / Final: {v}.
fans, spectators, crowd : integer : {count} | {v} fans watched. / The crowd was {v}. / There were {v} people.
sport, kind : enum : football/hockey/rugby/handball | It was a {v} match. / They played {v}. / The sport was {v}.
extra_time, overtime : boolean : | It went to extra time. / There was extra time. | There was no extra time. / It ended in normal time.
best_player, star, hero : string : {person} | The best player was {v}. / {v} was the star. / All cheered for {v}.
= recipe : From my notebook: / Recipe card: / Hello cook, / Tonight: / Grandma wrote: /
dish, name, recipe : string : {food} | we make {v}. / the dish is {v}. / this is {v}.
minutes, time_minutes, cook_time : integer : {num} | It takes {v} minutes. / Cook it for {v} minutes. / Wait {v} minutes.
serves, people, portions : integer : {small} | It serves {v}. / Enough for {v} people. / {v} people can eat.
main_ingredient, base : string : {ingredient} | Most of it is {v}. / The base is {v}. / You need a lot of {v}.
vegetarian, no_meat, meat_free : boolean : | It is vegetarian. / There is no meat in it. | It is not vegetarian. / It has meat in it.
level, difficulty : enum : easy/medium/hard | It is {v}. / The level is {v}. / Most cooks find it {v}.
author, cook, by : string : {first} | {v} wrote it. / It comes from {v}. / It is by {v}.
= course sign-up : Dear teacher, / Hello, / Hi there, / Sign-up: / Good day, /
student, name, pupil : string : {person} | my name is {v}. / please add {v}. / {v} wants to join.
course, subject, class : string : {subject} | The course is {v}. / It is for {v}. / I want to learn {v}.
level, group : enum : beginner/middle/advanced | My level is {v}. / Please put me in the {v} group. / I would say {v}.
start, start_date, from : string : {date} | I start on {v}. / From {v} on. / The first day is {v}.
email, mail, contact : string : {email} | Write to {v}. / My mail is {v}. / You reach me at {v}.
has_book, owns_book : boolean : | I have the book. / The book is here already. | I do not have the book. / I still need the book.
room, place : string : {roomno} | It is in {v}. / We meet in {v}. / Go to {v}.
fee, price : string : {price} | The fee is {v}. / I pay {v}. / It costs {v}.
= weather report : Report: / Weather desk: / Good evening. / Today: / Station log: /
place, town, station : string : {town} | we are in {v}. / the station is {v}. / measured in {v}.
temperature, degrees, temp : integer : {num} | It is {v} degrees. / {v} degrees now. / The thermometer shows {v}.
sky, weather, condition : string : {weather} | There is {v}. / We see {v}. / Expect {v}.
wind, wind_speed : integer : {num} | Wind: {v} km per hour. / The wind blows with {v} km per hour.
warning, alert : boolean : | There is a storm warning. / A warning is out. | There is no warning. / No warning was given.
observer, by, seen_by : string : {person} | Seen by {v}. / {v} took the notes. / Signed {v}.
time, hour : string : {clock} | The time is {v}. / Taken at {v}. / It was {v}.
= lost and found : Hello, / Lost item: / Dear station, / Hi, / Found at the museum: /
object, item, thing : string : {object} | it is about {a:v}. / there is {a:v}. / the thing is {a:v}.
color, colour : string : {color} | It is {v}. / The colour is {v}. / It looks {v}.
place, where, spot : string : the {venue} | It was at {v}. / The place was {v}. / Look at {v}.
date, day, when : string : {date} | It happened on {v}. / The day was {v}. / On {v} it was there.
tag, number, ticket : string : {code} | The tag says {v}. / It got the number {v}. / Number {v}.
contact, person, name : string : {person} | Please tell {v}. / The contact is {v}. / {v} knows more.
found, is_found : boolean : | It has been found. / We have it here. | It has not been found. / It is still missing.
material, made_of : enum : wood/metal/leather/plastic/cloth | It is made of {v}. / The material is {v}.
= room booking : Hi, / To the office: / Hello, / Dear all, / Work chat: /
room, place, hall : string : {roomno} | we need {v}. / please keep {v}. / it is about {v}.
day, weekday, date : string : {weekday} | The day is {v}. / On {v}. / Please for {v}.
start, from, begin : string : {clock} | We start at {v}. / From {v}. / It begins at {v}.
people, guests, size : integer : {num} | We are {v} people. / {v} guests come. / Chairs for {v}.
projector, needs_projector : boolean : | We need the projector. / A projector is needed. | We need no projector. / The projector can stay away.
organiser, name, host : string : {person} | {v} asks for it. / The host is {v}. / Signed {v}.
purpose, kind : enum : meeting/party/lesson/concert | It is for a {v}. / We plan a {v}. / It will be a {v}.
= bank appointment : Dear bank, / Hello, / Good morning, / Note from the counter: / Hi, /
customer, name, person : string : {person} | my name is {v}. / this is {v}. / {v} here.
adviser, with, staff : string : {person} | I want to meet {v}. / The adviser is {v}. / It is with {v}.
day, weekday, date : string : {weekday} | {v} is good. / Please on {v}. / Let us say {v}.
time, hour, at : string : {clock} | {v} is fine. / At {v}. / The time is {v}.
topic, about, reason : enum : savings/loan/card/house | It is about a {v} matter. / The topic is {v}. / I have a {v} question.
customer_number, client_id, number : string : {code} | My number is {v}. / The client number is {v}. / You know me as {v}.
by_phone, phone_call : boolean : | A phone call is enough. / Please do it by phone. | Not by phone, I come in person. / I do not want a phone call.
= space log : Log: / Captain's note: / Mission diary: / Station here. / Entry: /
ship, vessel, craft : string : {brand} | the ship is {v}. / this is the {v}. / we fly on {v}.
planet, goal, target : string : {planet} | We fly to {v}. / Goal: {v}. / In front of us is {v}.
crew, crew_size, people : integer : {small} | We are {v} people. / The crew is {v}. / {v} of us are awake.
captain, leader, pilot : string : {person} | Captain is {v}. / {v} leads us. / Signed, {v}.
fuel_percent, fuel : integer : {num} | Fuel is at {v} percent. / We have {v} percent fuel. / The tank shows {v} percent.
landed, on_ground : boolean : | We have landed. / We stand on the ground. | We have not landed. / We are still flying.
status, alarm : enum : green/yellow/red | The status is {v}. / The light is {v}. / All signs show {v}.
sector, area, zone : string : {code} | We are in sector {v}. / The zone is {v}. / Position {v}.
= game character : Sheet: / New hero! / Player note: / From the game: / Hello players, /
name, hero, character : string : {brand} | the hero is {v}. / meet {v}. / the name is {v}.
class, role, kind : enum : wizard/knight/archer/healer/thief | It is a {v}. / The class is {v}. / {v} by trade.
level, rank : integer : {num} | Level {v}. / The level is {v}. / It reached level {v}.
gold, coins, money : integer : {count} | There are {v} coins in the bag. / It owns {v} gold. / Gold: {v}.
weapon, tool, item : string : {tool} | It carries {a:v}. / In the hand is {a:v}. / The tool is {a:v}.
home, town, from : string : {town} | It comes from {v}. / Home is {v}. / Born in {v}.
alive, is_alive : boolean : | It is alive. / It still lives. | It is not alive. / It has fallen.
= farm note : Barn book: / Hello farmer, / Note: / From the field: / Diary: /
farm, place, name : string : {surname} Farm | we are at {v}. / this is {v}. / written at {v}.
crop, plant, harvest : string : {crop} | We cut {v}. / The crop is {v}. / Today: {v}.
bags, sacks, boxes : integer : {count} | {v} bags are full. / There are {v} bags. / We filled {v} bags.
month, when : string : {month} | It is {v}. / The month is {v}. / Done in {v}.
dry, is_dry : boolean : | The field is dry. / It was dry. | The field is not dry. / It was wet.
worker, helper, by : string : {person} | {v} helped. / The work was done by {v}. / Helper: {v}.
quality, grade : enum : good/fair/poor | The quality is {v}. / It looks {v}. / Grade: {v}.
"""


def _parts(text: str, mark: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(mark) if part.strip())


def _field(line: str) -> Field:
    head, *says = line.split(" | ")
    names, kind, value = (part.strip() for part in (head + " ").split(" : ", 2))
    return Field(
        _parts(names, ","),
        kind,
        value,
        _parts(says[0], " / "),
        _parts(says[1], " / ") if len(says) > 1 else (),
    )


def _load() -> list[Record]:
    groups: list[tuple[str, tuple[str, ...], list[Field]]] = []
    for line in _TEXT.strip().splitlines():
        if line.startswith("= "):
            name, openings = line[2:].split(" : ")
            groups.append((name, _parts(openings, " /"), []))
        else:
            groups[-1][2].append(_field(line))
    return [Record(name, openings, tuple(fields)) for name, openings, fields in groups]


RECORDS: list[Record] = _load()
