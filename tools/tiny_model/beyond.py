"""What the model cannot do, and says so: nearly everything, and arithmetic with more than single digits."""

from __future__ import annotations

from random import Random

from .noise import typed
from .strings import ADJECTIVES, NOUNS, VERBS, city, invented, name, number, phrase, word

FALLBACK = "I am too small a model to answer that well. Set PARLEY_MODEL to a bigger GGUF model and ask again."
SUMS = "I am too small for arithmetic beyond single digits. Give me a tool that calculates, or load a bigger model."


def _several(text: str) -> list[str]:
    return [" ".join(each.split()) for each in text.split(";") if each.strip()]


_TOPICS = _several("""quantum computing;the stock market;photosynthesis;the French Revolution;machine learning;a binary
tree;general relativity;my homework;climate change;the Roman Empire;sorting algorithms;cooking pasta;a bug in my code;
Kubernetes;neural networks;the human heart;black holes;taxes;chess;electric cars;a marketing plan;blockchain;the immune
system;database indexes;React;guitar chords;inflation;DNA;rocket engines;philosophy;ancient Egypt;a contract;Docker;
linear algebra;volcanoes;dinosaurs;modern art;jazz;football;the moon landing;job interviews;Napoleon;Shakespeare;Einstein;
Mozart;World War II;the Cold War;the Vikings;evolution;gravity;electricity;atoms;vitamins;protein;diabetes;headaches;
sleep;yoga;running a marathon;losing weight;gardening;roses;bees;whales;sharks;elephants;horses;cats and dogs;puppies;
cheese;wine;bread;chocolate cake;soup;sushi;vegetarian food;Italy;Japan;Canada;Africa;the Amazon;Antarctica;Mars;Saturn;
the sun;stars;time travel;aliens;ghosts;dreams;love;happiness;friendship;marriage;children;school;university;exams;maths;
geometry;algebra;calculus;statistics;probability;physics;chemistry;biology;history;geography;economics;law;politics;
elections;democracy;the president;the king;religion;Buddhism;ethics;music;painting;poetry;novels;films;television;theatre;
dancing;photography;computers;phones;the internet;Linux;Windows;Git;JavaScript closures;C++ templates;Rust lifetimes;Go
channels;Java classes;SQL joins;HTML tables;CSS grids;regular expressions;unit tests;recursion;pointers;compilers;operating
systems;encryption;passwords;viruses;robots;drones;cars;trains;planes;ships;bicycles;bridges;houses;furniture;a leaking
pipe;money;banks;loans;insurance;investing;bitcoin;startups;a business plan;management;leadership;meetings;emails;letters;
speeches;essays;grammar;spelling;commas;French verbs;Latin;Chinese;languages;maps;oceans;rivers;mountains;earthquakes;storms;
the weather;seasons;clouds;rain;snow;energy;oil;solar panels;wind turbines;recycling;plastic;forests;farming;fishing;sports;
tennis;basketball;swimming;skiing;the Olympics;video games;card games;toys;fashion;shoes;hair;skin;teeth;eyes;bones;blood;
muscles;the brain;memory;stress;medicine;doctors;hospitals;surgery;allergies;vaccines""")

_FRAMES = _several("""Explain {}.;Tell me about {}.;Write an essay about {}.;How does {} work?;Write a program for {}.;
Give me a summary of {}.;What do you think about {}?;How do I fix {}?;Who invented {}?;Why is {} important?;what are the best
{};I need advice on {}.;Can you explain {}?;Describe {}.;What is the history of {}?;Give me ten facts about {}.;Write an
article about {}.;Where can I learn {}?;how do I learn {};What do you know about {}?;Is {} dangerous?;How much does {} cost?;
Why do people like {}?;Where does {} come from?;What is {}?;who discovered {};When was {} invented?;Compare {} with something
else.;What should I know about {}?;I have a question about {}.;Make a list about {}.;Write a blog post on {}.;Teach me {}.;
What is the difference between {} and other things?;Give me an introduction to {}.;How do I get better at {}?;Create a quiz
about {}.;What books are there about {}?;Should I worry about {}?;Analyse {}.;outline {};Explain {} like I am five.;
Explain {} in simple terms.;Why is there {}?;What is the future of {}?;Help me understand {}.;Recommend something about
{}.;What causes {}?;How many kinds of {} are there?;Define {}.;What are the advantages of {}?;explain to me what {} is;
do you like {}?;tips for {};I want to know more about {};Plan a week of {}.""")

_CODE = _several("""a Python function that {};a function that {};a script that {};Java code that {};a C program that {};a
JavaScript function that {};a shell script that {};a SQL query that {};a regex that {};a class that {};a Rust program
that {};an HTML page that {}""")
_DEEDS = _several("""reverses a string;sorts a list;counts words;reads a file;adds numbers;finds the largest number;checks
for primes;removes duplicates;downloads a page;parses dates;computes factorials;draws a circle;joins two tables;merges
lists;renames files;sends mails;finds a substring;counts vowels;prints the calendar;converts units;shuffles cards;solves
sudoku;finds the shortest path;groups rows;filters a list;matches phone numbers;inverts a matrix;plays a game;splits text""")

_ASKED = _several("""Who won the world cup in 2018?;What's the weather like?;Is it raining?;What time is it?;What day is
it today?;what is the date;Who is the prime minister of England?;How old is the universe?;How far is the sun?;How tall is
the Eiffel Tower?;How deep is the ocean?;How fast is light?;Who wrote Hamlet?;Who painted the Sunflowers?;Who composed the
Magic Flute?;When did the Titanic sink?;When did Rome fall?;Why do birds sing?;Why do dogs bark?;Why is the sea salty?;Why
do we sleep?;Why do leaves fall?;How many people live in China?;How many bones has a human?;What is the largest animal?;
What is the longest river?;What is the highest mountain?;What is the smallest country?;Which planet is the biggest?;What
language is spoken in Brazil?;What currency is used in Japan?;What should I eat today?;What should I cook tonight?;What
should I wear today?;Where should I go on holiday?;Which phone should I buy?;Which book should I read?;Which film should I
watch?;Should I buy a house?;Should I learn Java?;Should I quit my job?;How do I make friends?;How do I cook rice?;How do
I bake bread?;How do I tie a tie?;How do I change a tyre?;How do I boil an egg?;How do I remove a stain?;How do I save
money?;How do I lose weight?;How do I sleep better?;How do I write a novel?;How do I get rich?;Draw a picture of a dog.;
Draw me a house;Make an image;Paint a tree.;Generate a logo.;Show me a photo.;Write a letter to my landlord.;Write an
email to my boss.;Write a CV.;write an application for a job;Write a song about my city.;Write a speech for a wedding.;Write
a product description.;Write a slogan for a bakery.;Write a tagline for an ice cream shop.;Suggest names for a cat;Give me
names for my company;Give me ideas for a party.;Give me a recipe.;recipe for pancakes;Give me advice.;Give me tips for
travelling;Give me homework help.;Summarize this text.;Summarise the news.;Summarise the plot of Hamlet.;Shorten this
paragraph.;Correct my grammar.;Improve this sentence.;Rephrase this text.;Make this text more polite.;Rewrite my essay;
Proofread this.;Translate this.;Fix my code.;Debug this function.;Review my code.;What is wrong with this code: print(1;
fix this: def f(x) return x;Optimise this query.;Solve this equation.;Solve x + 3 = 7 for x.;Integrate x squared.;Prove
the theorem of Pythagoras.;Prove that there are many primes.;Calculate the area of a circle.;What's the derivative of sin?;
What are the symptoms of a cold?;Is coffee healthy?;Can I take aspirin?;My head hurts, what should I do?;my car does not
start;My computer is slow.;My phone is broken.;I lost my wallet.;My plant is dying.;How is the stock market today?;
Which shares should I buy?;Is bitcoin a good investment?;What is the price of gold?;Will it snow tomorrow?;Will it be warm
in May?;Who will win the election?;Predict the future.;What happened today?;What's in the news?;latest news;sports
results;Who is the richest man?;who is Einstein;who was Caesar;Who is your favourite singer?;What is your favourite
film?;Do you have feelings?;Do you dream?;Do you believe in God?;Can machines think?;Is there life on Mars?;Will robots
take over?;What is love?;What is time?;What is truth?;What came first, the chicken or the egg?;Tell me a secret.;Tell me
something interesting.;Tell me a fact.;random fact;Surprise me.;Play a game with me.;Let's play chess.;Ask me a
riddle.;Quiz me.;Guess my age.;Set a timer.;Remind me to buy milk.;Send a mail to my boss.;Call my mother.;Book a
flight.;Order a pizza.;Play some music.;Turn off the light.;Search the web.;Open the door.;What is the weather in Paris?;
What's the temperature in Rome?;Is it cold in Oslo?""")

_SMALL_WORDS = "zero one two three four five six seven eight nine".split()


def question(rng: Random) -> tuple[str, str]:
    """Something out of its domain, and the fallback."""
    draw = rng.random()
    if draw < 0.3:
        return typed(rng, rng.choice(_ASKED)), FALLBACK
    if draw < 0.62:
        return typed(rng, rng.choice(_FRAMES), _topic(rng)), FALLBACK
    if draw < 0.69:
        ask = rng.choice(("Write {}.", "Give me {}.", "I need {}.", "Can you write {}?", "Show me {}", "Code {}", "Program {}."))
        return typed(rng, ask, rng.choice(_CODE).format(rng.choice(_DEEDS))), FALLBACK
    if draw < 0.75:
        frame = rng.choice(
            ("Translate '{}' to {}.", "Translate {} into {}", "How do you say {} in {}?", "What is {} in {}?", "{} in {}?")
        )
        tongue = rng.choice("French German Spanish Italian Latin Dutch Polish Chinese Japanese Russian Greek Arabic".split())
        return typed(rng, frame, phrase(rng), tongue), FALLBACK
    if draw < 0.8:
        return " ".join(invented(rng) for _ in range(rng.choice((1, 2, 2, 3, 4)))), FALLBACK
    return _made_up(rng), FALLBACK


def _topic(rng: Random) -> str:
    draw = rng.random()
    if draw < 0.6:
        return rng.choice(_TOPICS)
    if draw < 0.75:
        return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}s"
    return invented(rng) if draw < 0.87 else f"the {invented(rng)} of {city(rng)}"


def _made_up(rng: Random) -> str:
    """A question with words in it that cannot be known."""
    one, other, who = word(rng), word(rng), f"{name(rng)} {name(rng)}"
    frame = rng.choice(
        (
            f"Who is {who}?", f"When was {who} born?", f"What did {who} do?", f"Tell me about {who}.",
            f"How many {one}s are in a {other}?", f"How far is it from {city(rng)} to {city(rng)}?",
            f"Compare {one} and {other}.", f"What is better, {one} or {other}?", f"{one} or {other}?",
            f"What is the difference between {one} and {other}?", f"Should I take {one} or {other}?",
            f"Why does a {one} {rng.choice(VERBS)[:-1]}?", f"Why is the {one} {rng.choice(ADJECTIVES)}?",
            f"How do I clean a {one}?", f"How do I make a {one} from {other}?", f"Where can I buy a {one}?",
            f"Can a {one} be {rng.choice(ADJECTIVES)}?", f"What does {one} mean?", f"What does the word {one} mean?",
            f"How high is {name(rng)}?", f"How big is a {one}?", f"How old is {who}?", f"How much is a {one}?",
            f"What is the population of {city(rng)}?", f"Plan a trip to {city(rng)}.", f"What can I see in {city(rng)}?",
            f"Who won the {one} in {number(rng, 4)}?", f"What happened in {number(rng, 4)}?",
            f"Who is the president of {city(rng)}?", f"How many calories has a {one}?", f"Is {one} good for {other}?",
            f"What is the {one} of a {other}?", f"Give me {number(rng, 1)} {one}s for a {other}.",
            f"What is the square root of {number(rng)}?" if rng.random() < 0.1 else f"What about the {one}?",
            f"What is a good {one} for {other}?", f"Make me a {one} plan.", f"Write about a {one} and a {other}.",
            f"What is the {one} today?", f"Write a review of {name(rng)}.", f"What causes {one}?", f"Fix the {one}.",
        )
    )  # fmt: skip
    return typed(rng, frame)


def sum_(rng: Random) -> tuple[str, str]:
    """Single digits are learned one by one, all of them; the rest is refused honestly."""
    draw = rng.random()
    if draw < 0.62:
        first, second = rng.randrange(10), rng.randrange(10)
        plus = rng.random() < 0.6
        if not plus:
            first, second = max(first, second), min(first, second)
        answer = f"{first} {'+' if plus else '-'} {second} = {first + second if plus else first - second}"
        return _put(rng, first, second, "+" if plus else "-", words=rng.random() < 0.12), answer
    sign = rng.choice("++--**//")
    first, second = number(rng, rng.choice((2, 2, 2, 3, 4))), number(rng, rng.choice((1, 2, 2, 3)))
    if sign in "*/" and rng.random() < 0.5:
        first, second = number(rng, 1), number(rng, 1)
    if sign in "+-" and rng.random() < 0.3:
        first, second = second, first
        if first < 10 and second < 10:
            second += 10
    if rng.random() < 0.12:
        what = rng.choice(
            ("the square root of {}", "{} squared", "{} percent of 60", "half of {}", "the cube of {}", "{} factorial",
             "two thirds of {}", "{} + 1 + 2", "the double of {}", "the sum of 1 to {}")
        )  # fmt: skip
        return typed(rng, rng.choice(("What is {}?", "Calculate {}.", "{}", "how much is {}")), what.format(first)), SUMS
    return _put(rng, first, second, sign, words=False), SUMS


def _put(rng: Random, first: int, second: int, sign: str, *, words: bool) -> str:
    names = {
        "+": ("plus", "+", "and"), "-": ("minus", "-", "take away"), "*": ("times", "*", "multiplied by", "x"),
        "/": ("divided by", "/", "over"),
    }  # fmt: skip
    one, other = (_SMALL_WORDS[first], _SMALL_WORDS[second]) if words else (str(first), str(second))
    if sign in "+-" and rng.random() < 0.12:
        return typed(rng, "Add {} and {}." if sign == "+" else "Subtract {} from {}.", *((one, other) if sign == "+" else (other, one)))
    by = rng.choice((names[sign][:2])) if rng.random() < 0.85 or sign == "+" else rng.choice(names[sign])
    space = "" if len(by) == 1 and rng.random() < 0.4 else " "
    text = f"{one}{space}{by}{space}{other}"
    frame = rng.choice(
        ("What is {}?", "{}", "{} =", "{}?", "How much is {}?", "Calculate {}.", "{} = ?", "what's {}", "Compute {}",
         "what does {} make?", "Can you add {}?" if sign == "+" else "Can you work out {}?", "Tell me {}", "solve {}")
    )  # fmt: skip
    return typed(rng, frame, text)
