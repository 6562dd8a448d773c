"""The engines that generate completions: one module per kind, all behind `base.Engine`."""
