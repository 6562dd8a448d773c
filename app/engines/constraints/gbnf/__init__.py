"""JSON schemas as grammars in llama.cpp's own language, for vocabularies that LLGuidance is told wrong."""
