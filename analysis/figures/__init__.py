"""One file per figure, each in two steps: a frame becomes a small frozen info, the info becomes a drawing."""
