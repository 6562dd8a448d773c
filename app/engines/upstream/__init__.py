"""Engines elsewhere that speak the OpenAI API: vLLM, SGLang, llama.cpp, Ollama, OpenAI and others."""
