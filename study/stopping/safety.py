"""Safety stops: end a trial that cannot become a result. Pure, knows no Ray.

Early accuracy of a pruned training says little (the threshold is still low), so a trial is never compared
with others here. It is stopped only when it has collapsed for good: past half of the training, with its
threshold already at the final value, guessing or silent on the validation part for ``patience`` epochs in
a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class SafetyStop:
    """Feed it every row of every trial; it answers with a reason to stop, or None.

    ``chance`` is the accuracy of guessing, 1 / classes; ``margin`` is how far above it still counts as
    guessing (the standard error of guessing on n samples is sqrt(chance (1 - chance) / n)).
    """

    chance: float
    margin: float
    patience: int = 5
    _collapsed: dict[int, int] = field(default_factory=dict)

    def reason(self, number: int, row: Mapping[str, Any], final_threshold: float) -> str | None:
        """Why trial ``number`` should stop after this row, if it should."""
        accuracy = row["accuracy_val"]
        settled = row["progress"] >= 0.5 and row["threshold"] >= final_threshold
        # Filed rows have None for what is not finite. Such a training ends itself, as failed.
        guessing = accuracy is not None and accuracy <= self.chance + self.margin
        self._collapsed[number] = self._collapsed.get(number, 0) + 1 if settled and guessing else 0
        if self._collapsed[number] < self.patience:
            return None
        what = "silent" if row["firing_rate"] == 0 else "at chance level"
        return (
            f"collapsed: {what} (validation accuracy {accuracy:.3f}) for {self.patience} epochs "
            f"after the threshold had reached its final value"
        )
