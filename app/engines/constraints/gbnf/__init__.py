"""JSON schemas as grammars in llama.cpp's own language, for vocabularies that llama.cpp passes wrongly to
LLGuidance."""
