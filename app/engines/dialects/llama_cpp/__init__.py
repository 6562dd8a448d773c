"""llama.cpp's dialect, for the model process and for upstream servers."""
