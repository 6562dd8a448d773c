"""Where completions come from: one module per kind of engine, all behind `base.Engine`."""
