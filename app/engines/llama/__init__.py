"""llama.cpp as an engine: what its requests, answers, formats, tools and probabilities need to be the API's."""
