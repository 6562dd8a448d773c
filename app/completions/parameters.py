"""Every parameter of a text completion request, as `app.chat.parameters` lists those of a chat."""

from __future__ import annotations

from ..chat.parameters import ChatParameter
from ..chat.tables import Table
from ..chat.token_lists import TOKENS, takes
from ..engines.base import COMPLETIONS, Model
from ..jsontypes import Json

TEXT = Table(
    COMPLETIONS,
    (
        ChatParameter("model"),
        ChatParameter("prompt", effect="read as it is, without a chat template"),
        ChatParameter("max_tokens", "length", effect="16 unless it says otherwise"),
        ChatParameter("temperature", "sampling", (1,)),
        ChatParameter("top_p", "sampling", (1,)),
        ChatParameter("n", effect="each choice is a text of its own; with a seed each has one that follows from it"),
        ChatParameter(
            "best_of",
            "logprobs",
            effect="so many are made, and those given whose tokens are the likeliest on average",
            instead="Leave it out, or send as many as 'n'.",
        ),
        ChatParameter("stream"),
        ChatParameter("stream_options"),
        ChatParameter("stream_options.include_usage"),
        ChatParameter("stream_options.include_obfuscation", effect="pads chunks; off unless asked for"),
        ChatParameter(
            "stream_options.continuous_usage_stats",
            "continuous_usage",
            (False,),
            effect="every chunk has the counts so far",
        ),
        ChatParameter("logprobs", "logprobs"),
        ChatParameter("echo", effect="with 'logprobs', where the model has those of a prompt"),
        ChatParameter("suffix", "suffix", ("",)),
        ChatParameter("stop", "stop"),
        ChatParameter("frequency_penalty", "penalties", (0,)),
        ChatParameter("presence_penalty", "penalties", (0,)),
        ChatParameter("logit_bias", "logit_bias", ({},)),
        ChatParameter("seed", "seed"),
        ChatParameter("user", effect="written to the request log as a digest"),
    ),
)

# The capability to return the log probabilities of a prompt. No parameter needs it by itself.
PROMPT_LOGPROBS = "prompt_logprobs"
CAPABILITIES = TEXT.capabilities | {TOKENS, PROMPT_LOGPROBS}


def able(request: Json, model: Model) -> bool:
    """Whether a model accepts the prompt of a request, and can echo it as requested."""
    prompt = request["prompt"]
    by_engine = request.get("echo") and (request.get("logprobs") is not None or not takes(prompt, _TEXT_ALONE))
    return takes(prompt, model) and (not by_engine or PROMPT_LOGPROBS in model.capabilities)


_TEXT_ALONE = Model("", 0, "", "")
