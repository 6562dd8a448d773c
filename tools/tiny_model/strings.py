"""Words for the corpus: known ones, and as many invented ones as wanted, which can only be copied, never learned."""

from __future__ import annotations

from random import Random

NAMES = """Ada Adam Agnes Ahmed Aisha Akira Alan Albert Alejandro Alice Alma Amara Amir Ana Anders Andrea Anna Anton
Arjun Arthur Astrid Aurora Ava Beatrice Ben Bianca Bjorn Bob Boris Bruno Camille Carla Carlos Cecilia Chen Chloe Clara
Claude Cleo Cyrus Dana Daniel Daria David Dmitri Dora Edgar Eleanor Elena Eli Elsa Emil Emma Enzo Erik Esther Eva Fatima
Felix Fiona Flora Frank Frida George Gina Giulia Grace Greta Gustav Hana Hannah Harriet Hassan Heidi Helen Henry Hugo Ian
Ida Igor Ines Ingrid Irina Isaac Isabel Ivan Ivy Jack Jada James Jana Jane Javier Jelena Joan Johan John Jonas Josef Julia
Kai Karim Karl Kate Keiko Kim Klaus Lara Lars Laura Lea Lena Leo Leila Liam Lila Lily Linus Lisa Luca Lucy Luis Magnus
Maja Malik Marco Maria Marie Mark Marta Mateo Max Maya Mei Mia Mila Mira Mohamed Nadia Naomi Nia Nils Nina Noah Nora Olga
Oliver Omar Oscar Otto Pablo Paul Pedro Petra Pia Priya Quentin Rachel Rafael Rana Ravi Rosa Ruben Ruth Sam Samir Sara
Selma Sergio Simon Sofia Stefan Sven Tara Theo Thomas Tim Tina Tom Uma Ursula Vera Victor Viola Walter Wanda Wei Will Xenia
Yara Yuki Yusuf Zara Zoe""".split()

CITIES = """Paris London Rome Berlin Madrid Oslo Vienna Lima Cairo Tokyo Kyoto Boston Chicago Dublin Lisbon Prague Athens
Hamburg Munich Zurich Geneva Milan Naples Florence Venice Seville Porto Lyon Nice Marseille Toulouse Brussels Ghent Bergen
Malmo Aarhus Tampere Riga Vilnius Tallinn Krakow Gdynia Budapest Sofia Belgrade Zagreb Sarajevo Istanbul Ankara Izmir Tunis
Rabat Accra Lagos Nairobi Kampala Lusaka Durban Dakar Mumbai Delhi Chennai Kolkata Lahore Karachi Dhaka Colombo Bangkok
Hanoi Manila Jakarta Seoul Busan Osaka Sapporo Beijing Shanghai Taipei Sydney Perth Melbourne Auckland Wellington Honolulu
Seattle Denver Dallas Austin Miami Atlanta Detroit Toronto Montreal Vancouver Calgary Havana Bogota Quito Santiago Mendoza
Montevideo Salvador Recife""".split()
CITIES += ["New York", "Los Angeles", "San Francisco", "Buenos Aires", "Mexico City", "Cape Town", "Hong Kong", "Rio"]

NOUNS = """apple arrow autumn badger balloon banana barrel basket beach bell bicycle bird blanket boat book bottle bread
bridge brother bucket butter button cabin candle castle cat chair cheese cherry circle clock cloud coffee corner cup desk
diamond dog door dragon drum eagle engine envelope feather fence field finger fire fish flower forest fork fox garden ghost
giraffe glass glove goat guitar hammer harbour hat hill honey horse house island jacket jar kettle key kitchen kite ladder
lake lamp leaf lemon letter lion market meadow melon mirror monkey moon mountain mouse museum needle nest night ocean
onion orange oven owl paint paper parrot peach pencil penguin piano pillow planet pocket pony potato pumpkin rabbit rain
ribbon river road robot rocket rope rose sand saddle scarf school sea shadow sheep shelf ship shoe silver sister snow soap
sock spider spoon square squirrel stairs star station stone storm street sugar summer sun table tea teapot tent tiger
toast tomato tower train tree trumpet turtle umbrella valley violin wagon wall water whistle wind window winter wolf wood
yard zebra""".split()
ADJECTIVES = """small big red blue green yellow black white brown pink grey golden silver happy sad quick slow quiet loud
bright dark warm cold soft hard old new young clever lazy brave shy sweet sour salty strange tidy wild calm round flat tall
short heavy light empty full early late""".split()
VERBS = """sings sleeps jumps runs waits dances reads writes eats drinks falls shines laughs cries walks swims flies
turns grows burns melts breaks sells paints hides wins""".split()
COLOURS = "red blue green yellow purple orange pink black white brown grey gold silver violet cyan lime".split()
FOODS = """pizza pasta soup rice curry salad bread cheese chocolate noodles pancakes tacos sushi dumplings stew risotto
waffles ramen paella falafel""".split()
JOBS = """teacher doctor nurse baker pilot painter farmer lawyer driver singer writer cook dentist engineer gardener
librarian carpenter waiter actor tailor sailor fisher clerk dancer""".split()
PETS = "dog cat bird horse rabbit hamster parrot goldfish pony turtle".split()
KIN = "sister brother mother father wife husband son daughter friend boss teacher cousin aunt uncle neighbour".split()

_HEADS = """b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kn kr l m n p ph pl pr qu r s sc sch sh sk sl sm sn sp st str
sw t th tr tw v w wh x y z""".split()
_HEARTS = "a e i o u a e i o u ai au ea ee ei ia ie io oa oo ou ua y".split()
_TAILS = "b ck d f g k l ll lm ld lt m mp n nd ng nk nt p ps r rd rk rm rn rt s sh sk ss st t th x z".split()


def invented(rng: Random, syllables: int = 0) -> str:
    """A word in small letters that nobody has said; of one to four ``syllables``, 0 for any."""
    parts = []
    for _ in range(syllables or rng.choice((1, 2, 2, 2, 3, 3, 4))):
        parts.append(rng.choice(_HEADS) if rng.random() < 0.85 else "")
        parts.append(rng.choice(_HEARTS))
        parts.append(rng.choice(_TAILS) if rng.random() < 0.45 else "")
    return "".join(parts)


def name(rng: Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(NAMES)
    return invented(rng).capitalize()


def city(rng: Random) -> str:
    if rng.random() < 0.45:
        return rng.choice(CITIES)
    made = invented(rng).capitalize()
    if rng.random() < 0.08:
        made = made.translate(str.maketrans("aou", "äöú"))
    return made


def word(rng: Random) -> str:
    """A word of any kind, known or not."""
    draw = rng.random()
    if draw < 0.45:
        return rng.choice(NOUNS)
    if draw < 0.55:
        return rng.choice(ADJECTIVES)
    return invented(rng)


def number(rng: Random, digits: int = 0) -> int:
    digits = digits or rng.choice((1, 1, 2, 2, 2, 3, 3, 4))
    return rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits)


def code(rng: Random) -> str:
    """Something like the number of an order: B7731, 40127, AX-35."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.choice((0, 0, 1, 2))))
    return f"{letters}{rng.choice(('', '-')) if letters else ''}{number(rng, rng.choice((2, 3, 4, 5)))}"


def clock(rng: Random) -> str:
    return f"{rng.randrange(24)}:{rng.randrange(60):02d}"


def phrase(rng: Random) -> str:
    """A few words to be copied, of about the sorts that people try."""
    draw = rng.random()
    if draw < 0.3:
        return word(rng)
    if draw < 0.4:
        return name(rng)
    if draw < 0.75:
        return " ".join(word(rng) for _ in range(rng.choice((2, 2, 3, 3, 4, 5))))
    return sentence(rng)


def sentence(rng: Random) -> str:
    one, other = word(rng), word(rng)
    made = rng.choice(
        (
            f"the {rng.choice(ADJECTIVES)} {one} {rng.choice(VERBS)} at {rng.choice(('night', 'noon', 'home', 'sea'))}",
            f"my {one} {rng.choice(VERBS)} with a {other}",
            f"all {one} are {rng.choice(ADJECTIVES)}",
            f"I like {one} and {other}",
            f"{name(rng)} has {number(rng, 1)} {one}s in {city(rng)}",
            f"{one} and {other} go to {city(rng)}",
            f"this is a {one}",
            f"{name(rng)} {rng.choice(VERBS)} in the {one}",
        )
    )
    return made[0].upper() + made[1:] + rng.choice(".!") if rng.random() < 0.3 else made
