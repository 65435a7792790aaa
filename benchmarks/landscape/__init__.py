"""The digits landscape: real trainings recorded once, replayed in seconds to compare searches."""
