"""When a trial ends early. Safety stops always; rules that compare trials are opt-in and audited.

To add a rule: a class with the three methods of ``protocol.Rule``, built from a ``Setting``, in a file of its
own, one row of ``RULES``, and its name in ``STOP_RULES`` of ``study/spec.py``.
"""

from __future__ import annotations

from collections.abc import Callable

from study.stopping.asha import MultiObjectiveAsha
from study.stopping.discard import FixedEpochDiscard
from study.stopping.none import Never
from study.stopping.pareto import ParetoStop
from study.stopping.protocol import Plan, Rule, Setting
from study.stopping.safety import SafetyStop

RULES: dict[str, Callable[[Setting], Rule]] = {
    "none": Never,
    "pareto": ParetoStop,
    "discard": FixedEpochDiscard,
    "asha": MultiObjectiveAsha,
}

__all__ = ["RULES", "Plan", "Rule", "SafetyStop", "Setting"]
