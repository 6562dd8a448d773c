"""llama.cpp as an engine: translates its requests, answers, formats, tools and probabilities to the API's form."""
