"""llama.cpp's dialect, for the model process and for servers elsewhere."""
