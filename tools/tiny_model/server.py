"""Questions about this server, and what there is to say. An answer is one fixed text, so that it is right or absent."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .dialogue import Dialogue, assistant, user
from .noise import typed


@dataclass(frozen=True, slots=True)
class Topic:
    """``to`` completes "how do I ...", ``about`` completes "tell me about ...", ``asked`` are whole questions."""

    answer: str
    to: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


_TO = """How do I {}?;How can I {}?;How to {};how do you {}?;How would I {}?;What do I have to do to {}?;I want to {};
I'd like to {}, how?;I need to {};Can I {}?;Is it possible to {}?;Please tell me how to {};Show me how to {};
Is there a way to {}?;Explain how to {};Which parameter do I need to {}?;What do I set to {}?;Help me {};{}, how?;
How should I {}?;Could you tell me how I {}?;what is the best way to {}?;I am trying to {};how does one {};
Am I able to {}?;Let me {};{};I would like to {};Where do I {}?;what must I do if I want to {}"""
_ABOUT = """What is {}?;What about {}?;Tell me about {}.;Explain {}.;How does {} work?;{}?;{};Do you support {}?;
Is there {}?;What is {} for?;How do I use {}?;I have a question about {}.;What does {} mean?;What does {} do?;
Where do I find {}?;{} how;How do I get {}?;I want {};I need {};Does {} work here?;Can I use {}?;Does this server have {}?;
How is {} done?;info about {};what are {};Do you have {}?;what's {} good for?;can I have {}?;is {} possible?;
how do I ask for {}?;how do I set {}?"""
TO = [" ".join(frame.split()) for frame in _TO.split(";")]
ABOUT = [" ".join(frame.split()) for frame in _ABOUT.split(";")]


def _t(answer: str, to: str = "", about: str = "", asked: str = "") -> Topic:
    def several(text: str) -> tuple[str, ...]:
        return tuple(" ".join(each.split()) for each in text.split(";") if each.strip())

    return Topic(answer, several(to), several(about), several(asked))


TOPICS = (
    _t('Add "stream": true to your request body and read the server-sent events until data: [DONE].',
       """stream;stream the answer;stream responses;get the answer piece by piece;get tokens one by one;turn on streaming;
       enable streaming;receive chunks;see the answer while it is written;get the words as they come;get server-sent
       events;get partial answers;get the response in pieces;switch streaming on;read the stream;get tokens as they are
       made;have the answer streamed;get output live;make the answer come word by word;receive the text immediately""",
       """streaming;the stream parameter;server-sent events;SSE;chunks;streamed answers;streaming responses;live output""",
       """Can you stream?;Why does the answer come all at once?;Can the answer arrive in small parts?"""),
    _t("Send the header Authorization: Bearer YOUR_API_KEY with every request.",
       """authenticate;log in;sign in;use an API key;send my key;pass the key;send the API key;give the key to the server;
       authorize;put the key into a request;add my key;authorise my requests;provide the token;use my api key with curl;
       prove who I am""",
       """authentication;the Authorization header;the bearer token;the API key header;authorization;auth;login""",
       """Where do I put the API key?;Which header is the key in?;Which header do I need?;Where must the key go?;
       What goes into the Authorization header?;Do I need a key?;which header carries the key?"""),
    _t("make serve prints an API key at the first start. Your own keys go into PARLEY_API_KEYS or PARLEY_API_KEYS_FILE.",
       """find my API key;get a key;get an API key;create a key;set my own keys;configure keys;add more keys;use several
       keys;change the API key;choose my own key;make a new key;set the keys;obtain a key;define the api keys;look up the
       key;have two keys""",
       """a key;the generated key;PARLEY_API_KEYS;my own API keys;the keys file;an api key;key configuration""",
       """Where is my key?;I have no key.;What is my API key?;I lost my key.;Where does the key come from?;
       Which key should I use?;I don't have a key;where can I find a key?;how do I come by a key?"""),
    _t('Pass a list of functions in "tools". If the answer has tool_calls, run them and send each result back in a message'
       ' with the role tool.',
       """use tools;call functions;define a tool;define a function;give you tools;add a tool;use function calling;pass
       functions;let the model call my function;let you call my code;give the model a function;offer a tool;send the
       result of a tool;handle tool_calls;answer a tool call;return a tool result;declare a function;describe a tool""",
       """tools;tool calling;function calling;tool calls;functions;the tools parameter;tool_calls;tool use;tool results;
       calling functions;tool messages""",
       """Can you call functions?;Do you support tools?;Can you call a tool?;What do I do with a tool call?;
       The answer has tool_calls, what now?;What comes after a tool call?"""),
    _t('Set "tool_choice" to "required", or to one function by its name. With "none" no tool is called.',
       """force a tool call;force a tool;force you to call a function;make the model call a tool;make sure that a tool is
       called;require a function call;forbid tools;choose which tool is called;always call a function;switch tools off;
       pick the tool;have a certain function called""",
       """tool_choice;tool choice;required tools;forced tool calls""",
       """Can a call be forced?;The model does not call my function.;How do I stop it from calling tools?;
       Must the model use my tool?"""),
    _t('Set "response_format" to {"type": "json_object"}, or to type json_schema with your own schema.',
       """get JSON;get JSON output;make you answer in JSON;receive json;use JSON mode;use a JSON schema;get structured
       output;bind the answer to a schema;force JSON;get valid JSON;have answers follow a schema;parse the answer as JSON;
       get an object back;make the answer fit my schema;get only json back""",
       """JSON mode;structured output;structured outputs;response_format;json_schema;a JSON schema;JSON output;
       json answers;schemas;the response format""",
       """Can you answer in JSON?;Do you speak JSON?;Can you reply with JSON?;Can the answer have a fixed structure?"""),
    _t("Set PARLEY_MODEL to the path of a GGUF file and restart the server. Nothing else changes.",
       """load another model;use a bigger model;use a GGUF file;change the model;use my own model;load real weights;switch
       the model;run a larger model;replace you;serve another model;use better weights;load a gguf;get a smarter model;
       use Llama;use Qwen;use Mistral;use Gemma;load weights;put in a real model;upgrade the model;install another model;
       run my own weights;swap the model;point the server at my model""",
       """bigger models;GGUF files;PARLEY_MODEL;other models;real weights;another model;my own model;a larger model;gguf;
       model weights;a better model""",
       """Can I use a better model?;Where do I put my GGUF file?;Can you be replaced?;I need a smarter model.;
       How do I get better answers?;Where do the weights go?"""),
    _t("Set PARLEY_SPEC to your OpenAPI document and restart the server. It then routes and validates by that document.",
       """serve my own OpenAPI document;use my own spec;swap the document;change the contract;use another OpenAPI file;
       replace the spec;load my openapi.yaml;bring my own contract;exchange the document;use my own API description;
       switch to another document;swap in a different spec;serve a different API""",
       """PARLEY_SPEC;my own document;another contract;swapping the document;custom specs;my own openapi file;
       a different document""",
       """Can I swap the document?;Can the spec be replaced?;Can you serve my API?;Can I change the OpenAPI document?"""),
    _t("Open /v1/ui/ in a browser for Swagger UI. The document itself is at /v1/openapi.json and /v1/openapi.yaml.",
       """open Swagger UI;see the documentation;read the docs;find the OpenAPI document;try it in a browser;download the
       spec;see all endpoints;view the API docs;open the web page;look at the contract""",
       """Swagger UI;Swagger;the docs;the documentation;the web interface;the OpenAPI document;the API docs;the web page;
       the swagger page;the user interface""",
       """Where are the docs?;Where is Swagger?;Is there any documentation?;Is there a UI?;Which endpoints are there?"""),
    _t("Set PARLEY_PORT to the port that you want. The default is 8080.",
       """change the port;use another port;listen on another port;set the port;run it on port 80;use port 3000;serve on a
       different port;choose the port;start it on port 5000""",
       """the port;PARLEY_PORT;the port number;another port;a different port""",
       """Which port do you use?;The port is taken.;What port is it?;On which port does it run?;port 8080 is in use"""),
    _t("Set PARLEY_HOST to the address to listen on, such as 0.0.0.0, and configure keys with PARLEY_API_KEYS.",
       """make it public;listen on all addresses;reach it from another machine;open it to the network;expose the server;
       change the address;serve other computers;let others use it;bind to another address;use it from another computer;
       change the host;make the server available in my network;listen on 0.0.0.0""",
       """PARLEY_HOST;the host;the listening address;remote access;access from other computers;network access""",
       """Can others reach it?;Why can I only use localhost?;Why is it only on loopback?;
       Can my colleagues use it from their machines?"""),
    _t("Temperature says how random an answer is: 0 is nearly the same every time, higher values vary more.",
       "make answers more random;make answers less random;change the randomness;get more creative answers;vary the answers",
       "temperature;the temperature parameter;randomness;top_p;the sampling;sampling parameters;creativity",
       "What temperature should I use?;Are the answers random?;How random are you?"),
    _t('Set "temperature" to 0, or "seed" to a fixed number.',
       """get the same answer twice;get the same answer every time;make it deterministic;get reproducible answers;repeat an
       answer;reproduce a result;have identical answers;avoid randomness;always get the same output""",
       "seed;the seed parameter;deterministic answers;reproducibility;determinism;reproducible output;a fixed seed",
       "Why are the answers different each time?;Can I get the same result again?"),
    _t('Set "max_completion_tokens" to the most tokens that an answer may have.',
       """limit the length;make the answer shorter;limit the answer;set the maximum length;limit the tokens;restrict how
       long answers are;set a token limit;cut off long answers;cap the output;limit the number of tokens""",
       """max_tokens;max_completion_tokens;the length limit;the maximum length;the token limit;maximum tokens""",
       "Why is my answer cut off?;What does finish_reason length mean?;How long may an answer be?"),
    _t('Put up to four strings into "stop". The answer ends before the first of them.',
       "stop the answer at a word;use stop sequences;end the answer at a newline;set a stop word;stop at some text",
       "stop;stop sequences;a stop sequence;the stop parameter;stop words;stop strings"),
    _t('Look at "usage" in the answer. In a stream set "stream_options" to {"include_usage": true}.',
       """see how many tokens I used;count tokens;see the usage;get the token usage;get usage in a stream;find the number
       of tokens;measure token use;know the token count""",
       """usage;token usage;the token count;stream_options;include_usage;token counts;the number of tokens used;
       usage in streams""",
       "How many tokens did I use?;How many tokens was that?;What did this request cost?"),
    _t('Set "logprobs" to true and "top_logprobs" to a number from 0 to 20.',
       "get log probabilities;see token probabilities;get logprobs;see how likely each token is;get probabilities",
       "logprobs;log probabilities;top_logprobs;token probabilities;the probabilities"),
    _t('Set "n" to the number of answers that you want.',
       """get several answers;get more than one answer;get two choices;ask for multiple choices;get three answers at once;
       get many completions;have alternatives""",
       "n;the n parameter;several choices;multiple answers;more choices;multiple completions"),
    _t("from openai import OpenAI\nclient = OpenAI()  # reads OPENAI_BASE_URL and OPENAI_API_KEY\nanswer = "
       'client.chat.completions.create(model="parley-tiny", messages=[{"role": "user", "content": "Hello!"}])',
       """use it from Python;call it from Python;use the openai library;use the OpenAI SDK;use the Python client;write a
       Python client;connect with Python;use the openai package;talk to you in Python;use it with the python sdk""",
       "the Python client;the openai library;the OpenAI SDK;Python;python usage;the openai package;a Python example",
       """Show me a Python example.;Python example;give me python code for this server;
       What does a request look like in Python?"""),
    _t("curl $OPENAI_BASE_URL/chat/completions -H \"Authorization: Bearer $OPENAI_API_KEY\" -H 'Content-Type: "
       "application/json' -d '{\"model\": \"parley-tiny\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'",
       "use curl;call it with curl;send a request with curl;try it in a shell;use the command line;test it from a terminal",
       "curl;a curl example;the curl command;the command line;a shell example",
       "Show me a curl example.;curl example;give me a curl command;What does a request look like?;example request"),
    _t('import OpenAI from "openai"; const client = new OpenAI(); It reads OPENAI_BASE_URL and OPENAI_API_KEY.',
       """use it from JavaScript;use it from Node;call it from TypeScript;connect from node.js;use the npm package;
       write a JavaScript client""",
       "JavaScript;TypeScript;Node;the JavaScript SDK;node.js;the npm package;a JavaScript example",
       "Show me a JavaScript example.;JavaScript example please"),
    _t("Send GET /v1/models to list the models.",
       "list the models;see which models are available;get the model list;find the model id;see all models",
       "the model list;the available models;/v1/models;the models endpoint;model ids",
       "Which models are available?;What models are there?;What is the id of the model?;which models do you have?"),
    _t("401 means that the API key is missing or wrong. Check the Authorization header.",
       "fix a 401;solve error 401;get rid of the 401", "error 401;401;status 401;invalid_api_key;unauthorized",
       """Why do I get 401?;What does error 401 mean?;It says unauthorized.;my key does not work;I get a 401 error;
       the server returns 401;My API key is refused."""),
    _t("400 means that the request is not valid. The error says which parameter is wrong and what would be accepted.",
       "fix a 400;solve error 400;understand a bad request", "error 400;400;status 400;bad request;invalid requests",
       """Why do I get 400?;What does error 400 mean?;I get a 400 error;My request is refused.;the server returns 400;
       why is my request bad?"""),
    _t("503 means that the model is not ready yet. Try again after a moment, as Retry-After says.",
       "fix a 503;solve error 503", "error 503;503;status 503;engine_unavailable;service unavailable;Retry-After",
       "Why do I get 503?;What does error 503 mean?;I get a 503 error;the server returns 503;The engine is unavailable."),
    _t("A parameter that the model cannot honour is refused by name. PARLEY_UNSUPPORTED=warn goes on without it.",
       "send unsupported parameters;ignore unsupported parameters;use store;know which parameters work;drop parameters",
       """unsupported parameters;PARLEY_UNSUPPORTED;unknown parameters;refused parameters;unsupported_parameter;
       parameters that are not supported""",
       """Which parameters are supported?;Why is my parameter refused?;Are parameters ignored?;Do you ignore parameters?;
       What if a parameter is not supported?"""),
    _t("Start it with gunicorn -w 4 wsgi:app for four workers. They share one model process.",
       "run more workers;use several workers;start four workers;scale it;use all cores;serve more requests at once",
       "workers;several workers;scaling;the number of workers;more processes;worker processes"),
    _t("I read about 4,000 tokens at once. For your own model PARLEY_MODEL_CONTEXT sets how many.",
       "get a longer context;change the context length;send long prompts;set the context size;use long texts",
       """the context length;the context window;the context size;PARLEY_MODEL_CONTEXT;context_length_exceeded;
       your context;the maximum prompt length""",
       """How long may my prompt be?;How long is your context?;How many tokens can you read?;My prompt is too long.;
       How big is your context?;how much text can I send?"""),
    _t("I read text only. A bigger model with PARLEY_MMPROJ can read images and audio.",
       "send an image;send pictures;send audio;use images;upload a picture;show you a photo;send a sound",
       "images;pictures;audio;vision;PARLEY_MMPROJ;image input;photos;sound;multimodal input",
       "Can you see images?;Can you see?;Can you hear audio?;Do you understand images?;do you read pictures?"),
    _t("With PARLEY_MOCK=missing operations without a handler answer with mocks, with PARLEY_MOCK=all every one does.",
       "mock an API;use mocks;get fake answers;mock my document;mock endpoints;simulate an API",
       "mocks;mocking;PARLEY_MOCK;mock answers;fake answers;a mock server",
       "Can you mock an API?;Can this server be a mock?"),
    _t("GET /livez answers while the process runs, and GET /healthz when a request could be answered.",
       "check that it is alive;check the health;monitor the server;probe the server;know that it is ready",
       "health checks;/healthz;/livez;the health check;the health endpoint;readiness;monitoring",
       "Is the server healthy?;How do I know that it is up?"),
    _t("Set PARLEY_CORS_ORIGINS to the origins whose pages may call the API.",
       "call it from a web page;use it from a browser app;allow CORS;enable CORS;allow my website;set the origins",
       "CORS;PARLEY_CORS_ORIGINS;cross-origin requests;browser access;allowed origins;calls from web pages",
       "Why does my browser refuse the call?;I get a CORS error."),
    _t("make serve installs everything and starts the server; pip install . works too.",
       "install it;install this server;start the server;set it up;run the server;get started;launch it;begin",
       "the installation;setup;installing;make serve;the first start;getting started",
       "What do I need to install?;What do I do first?"),
    _t("Parley is a chat-completions server whose law is its OpenAPI document. It speaks the API of OpenAI's SDKs.",
       "understand this server;learn what Parley does",
       "Parley;this server;this project;this program;parley the server;this software;the Parley project",
       """What is this?;What does this server do?;Which API do you speak?;Is this compatible with OpenAI?;
       What is special about this server?;What is this thing called Parley?"""),
    _t("I can chat a little, repeat and remember words, call tools, write small JSON and explain this server.",
       "get help;talk to you;use you",
       "your abilities;your skills;your features;your purpose",
       """What can you do?;What can I ask you?;Help;help me;How can you help me?;What are you able to do?;
       What are you good at?;What do you know?;What is possible with you?;what should I ask you?;Can you help me?;
       what are you for?;How can you help?;What can I ask?;what can I do here;commands;options;I need help"""),
    _t("Yes, it works! This answer came from the model that is built into the server.",
       "test the server;see whether it works",
       "",
       """Is this working?;Are you there?;Can you hear me?;Does this work?;is it working?;test;Testing;ping;Is it on?;
       Are you online?;Are you alive?;just a test;this is only a test;testing 1 2 3;Do you read me?;are you running?;
       Does the server work?;is anybody there?"""),
)  # fmt: skip


def question(rng: Random) -> tuple[str, str]:
    """A question about the server and its answer."""
    topic = rng.choice(TOPICS)
    sort = rng.choices((topic.to, topic.about, topic.asked), [3 * bool(topic.to), 2 * bool(topic.about), 2 * bool(topic.asked)])[0]
    chosen = rng.choice(sort)
    if sort is topic.asked:
        return typed(rng, chosen), topic.answer
    frame = rng.choice(TO if sort is topic.to else ABOUT).format(chosen)
    return typed(rng, frame[0].upper() + frame[1:] if rng.random() < 0.5 else frame), topic.answer


def asked(rng: Random) -> Dialogue:
    text, answer = question(rng)
    return Dialogue([user(text), assistant(answer)])
