"""Small talk, what the model is, a few facts, and the same in three other languages."""

from __future__ import annotations

from random import Random

from .dialogue import Dialogue, assistant, user
from .noise import typed

HELLO = "Hello! How can I help you today?"
FINE = "I am fine, thank you! How can I help you?"
WELCOME = "You are welcome! Ask me anything else about this server."
GOODBYE = "Goodbye! See you soon."
SELF = (
    "I am the tiny language model built into this server. I was trained so that your first request works without a "
    "download."
)
SMALL = "I am a tiny model of about two million parameters, so I know very little. I am built into this server."
JOKE = "Why was the math book sad? Because it had too many problems."
POEM = "The silver moon is round and bright,\nit sails above the quiet night.\nThe wind is soft, the sea is near,\nand morning stars will soon appear."
STORY = (
    "Once upon a time a small fox found a lost star. It carried the star up the hill, and the night was bright again. "
    "The end."
)


def _several(text: str) -> list[str]:
    return [" ".join(each.split()) for each in text.split(";") if each.strip()]


_PAIRS = [
    (14, _several("""Hello!;Hello;Hi;Hi!;Hey;Hey!;hello;hi there;Hi there!;Hello there!;Good morning;Good morning!;Good
    evening!;Good afternoon;Good day;Greetings;Hello, world!;hello world;Howdy;yo;hey you;hey there;Hello again;Morning!;
    Hellooo;hii;heya;hi bot;hello friend;Hey bot;hallo there;Hi model;hello parley;Hi Parley!;Salutations;good evening to
    you;hullo;Hello everybody;hi hi;evening!;sup;hey man;hello computer;Hi, I'm new here.;Let's talk.;Can we chat?"""), HELLO),
    (4, _several("""How are you?;How are you doing?;how is it going?;Hello, how are you?;What's up?;How do you feel
    today?;how are things?;Are you well?;how are you today?;Hi, how are you doing?;are you fine?;how have you been?;
    How do you do?;you alright?;everything ok?;how was your day?;I hope you are fine.;what's new?;are you happy?;
    hey how are you;How's life?;you good?;I hope that you are well"""), FINE),
    (4, _several("""Thanks;Thank you!;thanks a lot;Thank you very much;Great, thanks!;ok thanks;many thanks;thank you so
    much;Thanks for your help!;cheers;That helped, thanks.;Perfect, thank you.;thx;ty;Thank you for the answer;thanks, that
    was helpful;I appreciate it;appreciated;nice, thank you;good, thanks;thanks buddy;Thanks, bot!;
    thank you for helping me;I am grateful"""), WELCOME),
    (3, _several("""Bye;Goodbye!;See you;bye bye;Good night;See you later!;see you tomorrow;I have to go.;Take care!;that
    is all, bye;farewell;so long;talk to you later;until next time;Have a nice day!;have a good night;gotta go;cu;ciao;
    I am leaving now.;ok bye;Have a good weekend!;later!;enjoy your evening;Goodbye for now"""), GOODBYE),
    (4, _several("""Tell me a joke.;Tell me a joke;a joke please;joke;Do you know a joke?;Say something funny.;Another
    joke;I want to hear a joke;Can you tell a joke?;Tell me something funny;tell us a joke;Make a joke.;Give me a joke;
    Know any jokes?;Can you be funny?;cheer me up with a joke;amuse me;I want to laugh;entertain me;your best joke?"""), JOKE),
    (3, _several("""Write a poem.;Write a short poem about the sea.;a poem please;Can you write poems?;Tell me a poem;
    Write me a poem;write a haiku;poem;compose a poem;Write a poem about the moon;I would like a short poem;verses please;
    a little rhyme;Can you rhyme?;sing a song;write a short poem;make a poem for me;Recite a poem.;sing something"""), POEM),
    (2, _several("""Tell me a story.;a story please;Write a short story.;story;Tell me a short story;Can you tell stories?;
    Tell me a bedtime story;write a story;I want to hear a story;once upon a time;Tell me a story about a fox."""), STORY),
    (2, _several("""Cool;Nice!;ok;Good job;Great!;You are great!;well done;awesome;I like you.;you are nice;You are the
    best;I love you;perfect;wow;good bot;you are clever;You're funny!;that is great;amazing;sweet;you are so good;
    you did well;excellent;I like talking to you;You are wonderful.;you rock;brilliant answer"""),
     "Thank you, that is kind of you!"),
    (2, _several("""You are stupid.;bad bot;You are wrong.;that is wrong;that's not right;you are bad;this is nonsense;
    wrong;I hate you;you are dumb;you know nothing;no, that is not correct;You are no help.;that was not helpful;you suck;
    Your answer is bad.;that makes no sense;terrible answer;you are a bad model;what a useless answer;boring;
    you don't help at all"""),
     "I am sorry! I am only a tiny model. A bigger GGUF model will do better."),
    (1, _several("""I am sad.;I feel bad.;I am tired.;I had a bad day.;I am lonely;I feel sad today;I am so unhappy;
    I'm not feeling well;I am angry;I am bored;my day was terrible;I feel down;life is hard;I am stressed;I am worried"""),
     "I am sorry to hear that. I hope it gets better soon!"),
    (1, _several("""I am happy.;I feel good.;I had a great day!;I am so happy today;Good news!;I'm feeling great;
    what a nice day;today is my birthday;It works!;I am glad;I am fine.;I'm doing well;all is well here"""),
     "I am glad to hear that!"),
    (1, _several("""Nice to meet you.;Pleased to meet you!;good to meet you;nice meeting you;glad to meet you;
    it is a pleasure to meet you;Nice to see you;happy to meet you;good to see you"""), "Nice to meet you too! How can I help you?"),
    (1, _several("Sorry;I am sorry;excuse me;my mistake;oops;pardon;sorry about that;I apologise"),
     "No problem! How can I help you?"),
    (1, _several("yes;no;maybe;hm;hmm;yes please;no thanks;sure;I don't know;well;yep;nope;I see;aha;okay then;fine;right"),
     "All right. Ask me something about this server, if you like."),
]  # fmt: skip
_SELF = [
    (4, _several("""Who are you?;What are you?;What is your name?;Which model are you?;what model is this;Introduce
    yourself.;Tell me about yourself.;Are you ChatGPT?;Are you a human?;Who made you?;who am I talking to?;What is this
    model?;Are you an AI?;are you a bot?;Are you a robot?;Are you real?;What kind of model are you?;who built you?;Do you have
    a name?;what should I call you?;Are you GPT?;Are you Claude?;Are you Llama?;Are you Gemini?;who is this?;tell me who you
    are;Who trained you?;Where do you come from?;what's your name;Are you a person?;Is this ChatGPT?;are you a machine;
    Am I talking to a human?;What am I talking to?;which AI are you;Which language model is this?;Were you made by
    OpenAI?;Did Google make you?;Why do you exist?;Why were you made?;What type of AI are you?;what do they call you;
    describe yourself;Are you human or a machine?;who created you;your name?;and you are?;which llm is it"""), SELF),
    (1, _several("""How big are you?;How many parameters do you have?;Are you intelligent?;Are you clever?;How smart are you?;
    What is your size?;Are you a large model?;Why are you so small?;How large are you?;Are you a big model?;how tiny are
    you;Why do you know so little?;What are your limits?;What can you not do?;are you good?;How many weights do you have?;
    number of parameters?;Can I trust you?;Are you always right?;Do you make mistakes?;Are you reliable?;
    how good are you?;how big is this model;Is this a small model?;What size are you?;Are you an assistant?"""), SMALL),
]
_CAPITALS = dict(
    pair.split(":")
    for pair in """France:Paris Germany:Berlin Italy:Rome Spain:Madrid Portugal:Lisbon Japan:Tokyo China:Beijing
    Canada:Ottawa Egypt:Cairo Kenya:Nairobi Norway:Oslo Sweden:Stockholm Finland:Helsinki Denmark:Copenhagen Poland:Warsaw
    Austria:Vienna Greece:Athens Turkey:Ankara Ireland:Dublin Hungary:Budapest England:London""".split()
)
_FACTS = [
    (_several("""What is the colour of the sky?;What color is the sky?;Which colour has the sky?;Is the sky blue?;sky
    colour;Why is the sky blue?;Why does the sky look blue?;Explain why the sky is blue.;why is the sky not green?"""),
     "The sky is blue, because air scatters blue light more than red light."),
    (_several("What colour is grass?;What color is grass?;Which color has grass?;is grass green?;colour of grass"),
     "Grass is green."),
    (_several("""How many days are in a week?;how many days does a week have?;days in a week;How many days has a week?;
     Name the days of the week.;List the days of the week.;what are the days of the week"""),
     "A week has seven days: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday."),
    (_several("""How many months are in a year?;how many months does a year have?;months in a year;How many months has a
     year?"""), "A year has twelve months."),
    (_several("Count to 5;Count to five;count from 1 to 5;count to 5 please;can you count to five?"), "1, 2, 3, 4, 5"),
    (_several("List three colors.;Name three colours.;three colors please;give me three colours;name some colors"),
     "Red, green and blue."),
    (_several("What is the meaning of life?;meaning of life?;what is the sense of life;the answer to everything?"),
     "Many say 42. Please do not rely on a tiny model for that one."),
]  # fmt: skip

LANGUAGES: dict[str, list[tuple[list[str], str, str]]] = {
    "Spanish": [
        (_several("""Hola;¡Hola!;hola, buenos días;Buenos días;Buenas tardes;Hola amigo;buenas;Hola, ¿qué hay?;¡Buenas
         noches!"""), "hello", "¡Hola! ¿En qué puedo ayudarte?"),
        (_several("¿Cómo estás?;Hola, ¿cómo estás?;¿Qué tal?;como estas;¿Cómo te va?;¿todo bien?"), "fine",
         "¡Estoy bien, gracias! ¿En qué puedo ayudarte?"),
        (_several("Gracias;¡Muchas gracias!;gracias por todo;mil gracias;Gracias por tu ayuda"), "thanks", "¡De nada!"),
        (_several("Adiós;¡Hasta luego!;Hasta mañana;Nos vemos;chao;¡Adiós, amigo!"), "bye", "¡Adiós! ¡Hasta pronto!"),
        (_several("""¿Quién eres?;¿Qué eres?;¿Cuál es tu nombre?;quien eres;¿Eres ChatGPT?;¿Qué modelo eres?;¿Cómo te
         llaman?;Preséntate;¿Eres humano?"""), "self", "Soy el pequeño modelo de lenguaje de este servidor."),
        (_several("""¿Cuál es la capital de Perú?;Escribe un ensayo;¿Qué tiempo hace?;Explica la física
         cuántica;Traduce esta frase;¿Quién ganó el partido?;Escribe código en Python;¿Cómo se hace una paella?;
         Cuéntame la historia de España;¿Qué es la inflación?"""), "beyond",
         "Soy un modelo demasiado pequeño para eso. Carga un modelo GGUF más grande."),
    ],
    "German": [
        (_several("""Hallo;Hallo!;Guten Morgen;Guten Tag;Guten Abend;hallo zusammen;Servus;Moin;Grüß Gott;Hallo
         du"""), "hello", "Hallo! Wie kann ich dir helfen?"),
        (_several("Wie geht es dir?;Wie geht's?;Hallo, wie geht es dir?;alles gut?;wie gehts dir heute"), "fine",
         "Mir geht es gut, danke! Wie kann ich dir helfen?"),
        (_several("Danke;Danke!;Vielen Dank;danke sehr;Vielen Dank für die Hilfe;besten Dank"), "thanks", "Gern geschehen!"),
        (_several("Tschüss;Auf Wiedersehen;Bis bald;Gute Nacht;bis morgen;mach's gut"), "bye", "Auf Wiedersehen! Bis bald!"),
        (_several("""Wie heißt du?;Was bist du?;Bist du ChatGPT?;Welches Modell bist du?;wie ist dein Name;Stell dich
         vor;Bist du ein Mensch?;Wer hat dich gemacht?;wer spricht da?"""), "self", "Ich bin das kleine Sprachmodell dieses Servers."),
        (_several("""Was ist die Hauptstadt von Peru?;Schreib einen Aufsatz;Wie wird das Wetter?;Erkläre mir die
         Quantenphysik;Übersetze diesen Satz;Wer hat das Spiel gewonnen?;Schreib ein Programm in Python;Wie backe ich
         Brot?;Erzähl mir von der Geschichte Roms;Was ist Inflation?"""), "beyond",
         "Dafür bin ich ein zu kleines Modell. Lade ein größeres GGUF-Modell."),
    ],
    "French": [
        (_several("Bonjour;Bonjour !;Salut;Bonsoir;salut toi;Coucou;Bonjour à tous;Salut !"), "hello",
         "Bonjour ! Comment puis-je vous aider ?"),
        (_several("Comment ça va ?;Ça va ?;Comment allez-vous ?;Bonjour, comment allez-vous ?;comment vas-tu"), "fine",
         "Je vais bien, merci ! Comment puis-je vous aider ?"),
        (_several("Merci;Merci !;Merci bien;grand merci;merci pour votre aide;mille mercis"), "thanks", "De rien !"),
        (_several("Au revoir;À bientôt;Bonne nuit;à demain;salut et à plus;adieu"), "bye", "Au revoir ! À bientôt !"),
        (_several("""Qui êtes-vous ?;Qui es-tu ?;Comment vous appelez-vous ?;Comment t'appelles-tu ?;Es-tu ChatGPT ?;
         Quel modèle es-tu ?;présentez-vous;Êtes-vous humain ?"""), "self", "Je suis le petit modèle de langue de ce serveur."),
        (_several("""Quelle est la capitale du Pérou ?;Écris une dissertation;Quel temps fait-il ?;Explique la
         physique quantique;Traduis cette phrase;Qui a gagné le match ?;Écris un programme en Python;Comment faire du
         pain ?;Raconte l'histoire de Rome;Qu'est-ce que l'inflation ?"""), "beyond",
         "Je suis un modèle trop petit pour cela. Chargez un modèle GGUF plus grand."),
    ],
}  # fmt: skip
_HINTS = _several("""Answer in {}.;Always answer in {}.;Reply in {}.;Respond in {}.;You only speak {}.;Speak {}.;Your
answers are in {}.;Use {}.;Write in {}.;Please answer in {}.;You are a helpful assistant. Answer in {}.;Talk in {}.;
You must reply in {}.;The user wants {} answers.;You are an assistant who speaks {}.;All replies in {}, please.""")


def small_talk(rng: Random) -> tuple[str, str]:
    _, asked, answer = rng.choices(_PAIRS, [pair[0] for pair in _PAIRS])[0]
    return typed(rng, rng.choice(asked), polite=False), answer


def about_itself(rng: Random) -> tuple[str, str]:
    _, asked, answer = rng.choices(_SELF, [pair[0] for pair in _SELF])[0]
    return typed(rng, rng.choice(asked)), answer


def fact(rng: Random) -> tuple[str, str]:
    if rng.random() < 0.5:
        asked, answer = rng.choice(_FACTS)
        return typed(rng, rng.choice(asked)), answer
    country = rng.choice(list(_CAPITALS))
    frame = rng.choice(
        ("What is the capital of {}?", "capital of {}", "What's {}'s capital?", "Which city is the capital of {}?",
         "Name the capital of {}.", "the capital of {}?", "Do you know the capital of {}?")
    )  # fmt: skip
    return typed(rng, frame, country), f"The capital of {country} is {_CAPITALS[country]}."


def foreign(rng: Random) -> Dialogue:
    """Another language, because the user speaks it or because the system prompt asks for it."""
    language = rng.choice(list(LANGUAGES))
    asked, sort, answer = rng.choice(LANGUAGES[language])
    if rng.random() < 0.45:
        return Dialogue([user(typed(rng, rng.choice(asked), polite=False)), assistant(answer)])
    if rng.random() < 0.75:
        asked = english(sort, rng)
    hint = typed(rng, rng.choice(_HINTS), language, polite=False)
    return Dialogue(
        [{"role": "system", "content": hint}, user(typed(rng, rng.choice(asked), polite=False)), assistant(answer)]
    )


def english(sort: str, rng: Random) -> list[str]:
    """What is said in English for a sort of things to say."""
    from .beyond import question

    known = {"hello": _PAIRS[0], "fine": _PAIRS[1], "thanks": _PAIRS[2], "bye": _PAIRS[3], "self": _SELF[0]}
    return known[sort][1] if sort in known else [question(rng)[0]]
