"""Studies that run elsewhere: sent, followed and brought home. No Ray in here: see ``study.nodes``."""
