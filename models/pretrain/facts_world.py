"""Countries: capitals (geography), continents, currencies and languages (nations)."""

from __future__ import annotations

from models.pretrain.facts_relation import Relation, parse_inverse, parse_pairs, parse_sets

CAPITAL = Relation(
    name="capital",
    subject="geography",
    pairs=parse_pairs("""
        France: Paris; Germany: Berlin; Italy: Rome; Spain: Madrid; Portugal: Lisbon; Greece: Athens; Austria:
        Vienna; Belgium: Brussels; the Netherlands: Amsterdam; Ireland: Dublin; Poland: Warsaw; Hungary:
        Budapest; Romania: Bucharest; Bulgaria: Sofia; Sweden: Stockholm; Norway: Oslo; Denmark: Copenhagen;
        Finland: Helsinki; Iceland: Reykjavik; Switzerland: Bern; the Czech Republic: Prague; Slovakia:
        Bratislava; Croatia: Zagreb; Serbia: Belgrade; Slovenia: Ljubljana; Albania: Tirana; Ukraine: Kyiv;
        Russia: Moscow; Latvia: Riga; Estonia: Tallinn; Lithuania: Vilnius; Turkey: Ankara; Egypt: Cairo;
        Morocco: Rabat; Tunisia: Tunis; Algeria: Algiers; Libya: Tripoli; Sudan: Khartoum; Ethiopia: Addis
        Ababa; Kenya: Nairobi; Uganda: Kampala; Ghana: Accra; Nigeria: Abuja; Senegal: Dakar; Mali: Bamako;
        Angola: Luanda; Zambia: Lusaka; Zimbabwe: Harare; Rwanda: Kigali; Somalia: Mogadishu; Namibia:
        Windhoek; Mozambique: Maputo; Japan: Tokyo; China: Beijing; India: New Delhi; Pakistan: Islamabad;
        Nepal: Kathmandu; Bangladesh: Dhaka; Thailand: Bangkok; Vietnam: Hanoi; Cambodia: Phnom Penh; Laos:
        Vientiane; South Korea: Seoul; North Korea: Pyongyang; the Philippines: Manila; Mongolia: Ulaanbaatar;
        Iran: Tehran; Iraq: Baghdad; Syria: Damascus; Lebanon: Beirut; Jordan: Amman; Saudi Arabia: Riyadh;
        Oman: Muscat; Qatar: Doha; Afghanistan: Kabul; Uzbekistan: Tashkent; Georgia: Tbilisi; Armenia:
        Yerevan; Azerbaijan: Baku; Canada: Ottawa; Cuba: Havana; Jamaica: Kingston; Haiti: Port-au-Prince;
        Nicaragua: Managua; Costa Rica: San Jose; Honduras: Tegucigalpa; Brazil: Brasilia; Argentina: Buenos
        Aires; Chile: Santiago; Peru: Lima; Ecuador: Quito; Colombia: Bogota; Venezuela: Caracas; Uruguay:
        Montevideo; Paraguay: Asuncion; Australia: Canberra; New Zealand: Wellington; Fiji: Suva
    """),
    statements=(
        "The capital of {s} is {o}.",
        "{o} is the capital of {s}.",
        "{S} has its capital in {o}.",
        "{o}, the capital of {s}, is visited by many people.",
        "The government of {s} sits in {o}, the capital.",
        "In {s}, the capital city is {o}.",
        "If you travel to the capital of {s}, you arrive in {o}.",
        "{S} is a country whose capital is {o}.",
        "On a map of {s} you will find the capital, {o}.",
        "The capital city of {s} is called {o}.",
    ),
    questions=(
        "What is the capital of {s}?",
        "Which city is the capital of {s}?",
        "What is the name of the capital of {s}?",
        "Which city is the seat of the government of {s}?",
        "What is the capital city of {s}?",
        "What is the capital of the country {s}?",
    ),
)

CONTINENT = Relation(
    name="continent",
    subject="nations",
    pairs=parse_inverse("""
        Africa: Kenya, Nigeria, Ghana, Ethiopia, Morocco, Algeria, Senegal, Zambia, Uganda, Angola, Mali,
        Tunisia; Asia: Japan, China, India, Thailand, Vietnam, Nepal, Mongolia, Iran, Iraq, Pakistan, South
        Korea, Laos; Europe: France, Germany, Italy, Spain, Poland, Sweden, Norway, Greece, Portugal, Austria,
        Hungary, Ireland; North America: Canada, Mexico, Cuba, Jamaica, Guatemala, Honduras, the United
        States, Haiti, Costa Rica; South America: Brazil, Argentina, Chile, Peru, Colombia, Bolivia, Ecuador,
        Uruguay, Paraguay, Venezuela; Oceania: Fiji, Samoa, Tonga, New Zealand, Vanuatu
    """),
    statements=(
        "{S} is a country in {o}.",
        "{S} lies in {o}.",
        "The continent of {s} is {o}.",
        "{S} is part of {o}.",
        "You find {s} on a map of {o}.",
        "{S} belongs to {o}.",
        "A person from {s} comes from {o}.",
        "One of the countries of {o} is {s}.",
        "If you go to {s}, you are in {o}.",
    ),
    questions=(
        "On which continent is {s}?",
        "In which part of the world is {s}?",
        "Which continent is {s} in?",
        "What is the continent of {s}?",
        "{S} lies on which continent?",
        "Where in the world is {s}?",
    ),
)

CURRENCY = Relation(
    name="currency",
    subject="nations",
    pairs=parse_inverse("""
        yen: Japan; yuan: China; rupee: India, Pakistan, Nepal, Sri Lanka; dollar: the United States, Canada,
        Australia; pound: the United Kingdom, Egypt; euro: France, Germany, Italy, Spain, Portugal, Greece,
        Finland, Ireland; ruble: Russia; real: Brazil; peso: Mexico, Argentina, Chile, Colombia; baht:
        Thailand; dong: Vietnam; won: South Korea; lira: Turkey; krona: Sweden, Iceland; krone: Denmark,
        Norway; zloty: Poland; forint: Hungary; koruna: the Czech Republic; rand: South Africa; shekel:
        Israel; riyal: Saudi Arabia; rial: Iran; dinar: Iraq, Serbia; franc: Switzerland; hryvnia: Ukraine;
        ringgit: Malaysia; rupiah: Indonesia; shilling: Kenya, Uganda; cedi: Ghana; naira: Nigeria; birr:
        Ethiopia; dirham: Morocco; sol: Peru; taka: Bangladesh; lari: Georgia; dram: Armenia; tenge:
        Kazakhstan; lek: Albania; kip: Laos
    """),
    statements=(
        "The currency of {s} is the {o}.",
        "In {s}, people pay with the {o}.",
        "The money of {s} is called the {o}.",
        "The {o} is the money of {s}.",
        "{S} uses the {o} as its currency.",
        "If you shop in {s}, you pay with the {o}.",
        "Prices in {s} are given in the local money, the {o}.",
        "The {o} is used in {s}.",
        "Banks in {s} keep money in the national currency, the {o}.",
    ),
    questions=(
        "What is the currency of {s}?",
        "What money do people use in {s}?",
        "Which currency does {s} use?",
        "What is the money of {s} called?",
        "With which currency do people pay in {s}?",
    ),
    confusable=parse_sets("krona, krone, koruna; rial, riyal; rupee, rupiah; dinar, dirham, dram"),
)

LANGUAGE = Relation(
    name="language",
    subject="nations",
    pairs=parse_inverse("""
        Spanish: Spain, Mexico, Argentina, Chile, Peru, Cuba, Colombia; Portuguese: Portugal, Brazil, Angola;
        German: Germany, Austria; French: France; Italian: Italy; Japanese: Japan; Chinese: China; Russian:
        Russia; Greek: Greece; Turkish: Turkey; Polish: Poland; Swedish: Sweden; Norwegian: Norway; Danish:
        Denmark; Finnish: Finland; Hungarian: Hungary; Dutch: the Netherlands; Persian: Iran; Hebrew: Israel;
        Arabic: Egypt, Saudi Arabia, Syria, Jordan; Thai: Thailand; Vietnamese: Vietnam; Korean: South Korea;
        Romanian: Romania; Bulgarian: Bulgaria; Icelandic: Iceland; Albanian: Albania; Bengali: Bangladesh;
        English: Australia, Jamaica, the United Kingdom, the United States; Czech: the Czech Republic
    """),
    statements=(
        "People in {s} speak {o}.",
        "The main language of {s} is {o}.",
        "In {s}, most people speak {o}.",
        "{o} is spoken in {s}.",
        "Children in {s} learn to read and write in {o}.",
        "The newspapers of {s} are mostly written in {o}.",
        "If you live in {s}, it helps to know {o}.",
        "{o} is the main language in {s}.",
        "The first language of most people in {s} is {o}.",
    ),
    questions=(
        "What language do people speak in {s}?",
        "Which language is spoken in {s}?",
        "What is the main language of {s}?",
        "Which language do most people in {s} speak?",
        "In which language are most newspapers of {s} written?",
    ),
)

RELATIONS = (CAPITAL, CONTINENT, CURRENCY, LANGUAGE)
