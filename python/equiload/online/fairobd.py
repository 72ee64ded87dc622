"""Fair online balanced descent: mirror descent that also keeps load from jumping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from .._arrays import FloatArray, read_number
from ..problem import Problem
from ..slots import Slot, Static
from .mirror import MirrorDescent, Reference, Step
from .switching import drawn_towards

__all__ = ["FairOBD"]


class FairOBD(MirrorDescent):
    r"""Learns the prices of burdens and balances them against the cost of moving load.

    With :math:`f_t` what slot t costs the operator, :math:`v_t` the load that minimises it,
    :math:`\beta` the switching cost and :math:`\kappa` the prices of the regions' burdens that
    `MirrorDescent` learns, a slot's load y minimises

    .. math:: f_t(y) + \tfrac{\lambda_1}{2} \sum_i \beta_i (y_i - y_{t-1,i})^2
              + \tfrac{\lambda_2}{2} \sum_i (y_i - v_{t,i})^2 + \langle \kappa, F_t y \rangle.

    Parameters
    ----------
    static : Static
        What is known beforehand; its network has no delays.
    switching : array_like, shape (I,), or float
        The switching cost, USD/MWh^2; at least 0.
    step, cap, reference, start, past
        As for `MirrorDescent`. The paper has a constant `step` of its own.
    inertia : float
        The weight :math:`\lambda_1` of the switching cost, at least 0.
    pull : float
        The weight :math:`\lambda_2` of the way to the cheapest load, USD/MWh^2; at least 0.

    Raises
    ------
    InputError
        As for `MirrorDescent`; if the switching cost or a weight is out of range, or the network
        has delays.

    References
    ----------
    arXiv 2512.11131 (FairOBD).
    """

    name = "FairOBD"

    def __init__(
        self,
        static: Static,
        switching: ArrayLike,
        step: Step = "auto",
        cap: float | Mapping[str, float] | None = None,
        reference: Reference | None = None,
        start: float | Mapping[str, Any] | None = None,
        past: Problem | Sequence[Slot] | None = None,
        *,
        inertia: float = 1.0,
        pull: float = 0.0,
    ) -> None:
        rule = "it must be finite and not negative"
        self.inertia = read_number("inertia", inertia, rule, 0.0)
        self.pull = read_number("pull", pull, rule, 0.0)
        super().__init__(static, step, cap, reference, start, past, switching)

    def _smoothed(self, slot: Slot, price: FloatArray) -> tuple[Slot, FloatArray]:
        settled = slot
        if self.switching is not None and self._drawn is not None and self.inertia > 0:
            settled, price = drawn_towards(
                settled, price, self.inertia * self.switching, self._drawn
            )
        if self.pull > 0:
            cheapest = self._dispatch(slot, slot.price, None, self.left).load[0]
            settled, price = drawn_towards(settled, price, self.pull + 0 * price, cheapest)
        return settled, price
