"""Who draws the next trial: the samplers by name, ``auto``'s choice among them, and what they are made of."""

from study.samplers.choice import SAMPLERS, key, numeric, outgrown, population_size, resolve, sampler, why

__all__ = ["SAMPLERS", "key", "numeric", "outgrown", "population_size", "resolve", "sampler", "why"]
