"""The integral of L over frequency, eccentricity and phase: the grid of the search, and boxes where it is too coarse.

Where L is smooth on the grid, sums over the grid integrate it to many digits. Cells of frequency where it is not, and
where something can be, are integrated by `boxes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from starpop.orbits.ellipse import boxes as cubature
from starpop.orbits.ellipse.boxes import BETTER, NEIGHBOUR, SEEN, Leaves, Scale
from starpop.orbits.ellipse.grid import MOST_PIECES, Grid, values_at
from starpop.orbits.ellipse.pieces import Cell, Hints, integrate_cell, mark, no_hints, piece_of
from starpop.orbits.ellipse.points import room_for
from starpop.orbits.ellipse.search import Search, interpolation_error, with_mode

# A cell is smooth where ln L changes by less than this to half of the next cell, or to half of the next eccentricity,
# and where this many phases share its mass.
SMOOTH_CELLS, SMOOTH_E, SMOOTH_PHASES = 0.7, 0.5, 4.0
# Of the whole, the error of cells that are left to the grid: of rough ones this share of their mass, and of all this
# share of what their curvature adds; and the error of a box.
LEFT_TO_GRID, ROUGH_ERROR, CURVED_ERROR, BOX_ERROR = 3e-4, 0.3, 0.1, 1e-7
# So often a mode may be found that is higher than those that were known.
MOST_TRIES = 30
# Of the volume that the highest mode seems to have, the least that all together can be: a mode may be cut by an end.
LEAST_MASS = 1e-4
# Pieces are integrated where the search comes within so much of the best, and could be more than this of the whole.
PIECE_DEPTH, PIECE_SHARE = 20.0, 1e-8
# A leaf, or a mode, is that much higher than the search of the piece beside it, which has not seen what is there.
UNSEEN = 3.0
# A ridge whose phase changes by more than this within a cell, or so much of the eccentricity, is no help [rad].
STEEPEST, STEEP_E = 2.0, 0.1


def rough_cells(found: Search) -> np.ndarray:
    """(F, E) where L is not smooth on the grid."""
    values = found.ln_mean
    along = 0.5 * np.abs(np.diff(values, axis=0))
    across = 0.5 * np.abs(np.diff(values, axis=1))
    phases = np.exp(values - found.highest) * found.grid.phases
    rough = phases < SMOOTH_PHASES
    rough[1:] |= along > SMOOTH_CELLS
    rough[:-1] |= along > SMOOTH_CELLS
    rough[:, 1:] |= across > SMOOTH_E
    rough[:, :-1] |= across > SMOOTH_E
    rough[[0, -1]] = True  # on one side there is no telling
    return rough


def interval_of(e: float, grid: Grid) -> int:
    """Which interval of the grid an eccentricity lies in."""
    return min(int(np.searchsorted(grid.edge, e, "right")) - 1, len(grid.e) - 1)


class Boxes:
    """The cells of frequency that are integrated by boxes, as far as they have been."""

    def __init__(self, found: Search):
        self.found = found
        self.room, self.leaves, self.count = room_for(found.system), cubature.room_for(256), 0
        self.higher = np.full(4, -np.inf)
        self.done: dict[int, Cell] = {}
        self.tops: dict[int, np.ndarray] = {}
        self.slopes: dict[int, tuple[float, float]] = {}

    def tops_at(self, cell: int) -> np.ndarray:
        """(E, MOST_PIECES) the highest of the search in every piece of a cell."""
        if cell not in self.tops:
            frequency = np.array([self.found.cells.middle_of(cell)])
            values = np.max([values_at(frequency, s.single, self.found.grid)[0] for s in self.found.scans], axis=0)
            tops = values.reshape(len(values), MOST_PIECES, -1).max(axis=2)
            # of all noises together it is higher by as much as the highest is
            single = np.max([scanned.highest[cell] for scanned in self.found.scans], axis=0)
            self.tops[cell] = tops + (self.found.highest[cell] - single)[:, None]
        return self.tops[cell]

    def needed(self, cell: int, scale: Scale) -> np.ndarray:
        """(E, MOST_PIECES) the pieces of a cell that may hold something by the search, or by a mode in them."""
        grid, cells = self.found.grid, self.found.cells
        beside = [self.tops_at(c) for c in (cell - 1, cell, cell + 1) if 0 <= c < cells.number]
        volume = cells.step / cells.middle_of(cell) * grid.weight / grid.pieces
        depth = np.log(np.minimum(PIECE_SHARE / BOX_ERROR * scale.error / volume, 1.0))
        high = np.max(beside, axis=0) > scale.best + np.maximum(depth, -PIECE_DEPTH)[:, None]
        needed = np.zeros_like(high)
        for m, pieces in enumerate(grid.pieces):
            row = high[m, :pieces]
            needed[m, :pieces] |= row | np.roll(row, 1) | np.roll(row, -1)
            for other in (m - 1, m + 1):
                if 0 <= other < len(grid.e):
                    for q in np.flatnonzero(row):
                        others = grid.pieces[other]
                        needed[other, int(q / pieces * others) : int(np.ceil((q + 1) / pieces * others))] = True
        a, b = self.slopes.get(cell, (0.0, 0.0))
        low = cells.low + cell * cells.step
        for f, e, phase in self.found.modes[:, :3]:
            if low <= f <= low + cells.step:
                m = interval_of(e, grid)
                z = phase - a * (f - low - 0.5 * cells.step) - b * (e - grid.e[m])
                mark(z, z, m, grid, needed)
        return needed

    def cell(self, number: int) -> Cell:
        """A cell, with what of it has been integrated."""
        if number not in self.done:
            cells, shape = self.found.cells, (len(self.found.grid.e), MOST_PIECES)
            needed, done = np.zeros((2, *shape), bool)
            first, last = np.zeros((2, *shape), np.int64)
            self.done[number] = Cell(
                cells.low + number * cells.step,
                cells.low + (number + 1) * cells.step,
                *self.slopes.get(number, (0.0, 0.0)),
                needed,
                done,
                first,
                last,
                np.full(shape, -np.inf),
                no_hints(shape[0]),
            )
        return self.done[number]

    def integrate(self, waiting: set[int], scale: Scale) -> None:
        """Integrate cells, and those that their leaves hint at, which the search may not have seen."""
        cells = self.found.cells
        while waiting:
            number = waiting.pop()
            cell = self.cell(number)
            cell.needed[:] |= self.needed(number, scale)
            self.leaves, self.count, below, above = integrate_cell(
                cell,
                self.found.modes,
                scale,
                self.higher,
                self.found.grid,
                self.found.system,
                self.room,
                self.leaves,
                self.count,
            )
            if self.higher[3] > scale.best + BETTER:
                return
            for other, hints in ((number - 1, below), (number + 1, above)):
                if 0 <= other < cells.number and self.heeds(other, hints, (cell.by_frequency, cell.by_e), scale):
                    waiting.add(other)

    def heeds(self, number: int, hints: Hints, slopes: tuple[float, float], scale: Scale) -> bool:
        """Whether a cell is to be integrated, or again, by hints of what the search has not seen there."""
        unseen = hints.value > np.maximum(self.tops_at(number) + UNSEEN, scale.best - NEIGHBOUR)
        if not unseen.any():
            return False
        self.slopes.setdefault(number, slopes)
        cell, heeded = self.cell(number), False
        for m, q in zip(*np.nonzero(unseen), strict=True):
            frequency, e, phase = hints.point[m, q]
            piece = piece_of(phase, frequency, e, m, cell, self.found.grid)
            if hints.value[m, q] > max(cell.seen[m, piece] + SEEN, cell.hints.value[m, piece]):
                cell.hints.value[m, piece], cell.hints.point[m, piece] = hints.value[m, q], hints.point[m, q]
                heeded = True
        return heeded

    def mass(self) -> float:
        """Of all leaves."""
        return float(self.leaves.share[: self.count].sum())

    def highest(self) -> np.ndarray:
        """(4,) frequency, eccentricity, phase and ln L of the highest point of all leaves, of which there are some."""
        leaves = self.filled()
        n = int(leaves.top.argmax())
        f_low, f_high, e_low, e_high = leaves.ends[n, :4]
        (f, e, z), (by_frequency, by_e) = leaves.at[n], leaves.slant[n]
        moved = by_frequency * (f - 0.5 * (f_low + f_high)) + by_e * (e - 0.5 * (e_low + e_high))
        return np.array([f, e, leaves.start[n] + z + moved, leaves.top[n]])

    def filled(self) -> Leaves:
        """The leaves without the room for more."""
        return Leaves(*(values[: self.count] for values in self.leaves))


def mass_at_middles(found: Search, best: float) -> np.ndarray:
    """(F, E) the mass of all cells in units of the best L, as if it were the same all over each."""
    cells = found.cells
    return np.exp(found.ln_mean - best) * found.grid.weight * (cells.step / cells.middle)[:, None]


def scanned_mass(mass: np.ndarray, boxed: Iterable[int]) -> np.ndarray:
    """(F, E) the mass of the cells that are not boxed, given that by the values at all middles.

    Of a cell it is that and 1/24 of the differences to those beside it; in the sum over cells these cancel but for the
    ends.
    """
    inside = np.zeros((len(mass), 1), bool)
    inside[list(boxed)] = True
    rise = np.diff(mass, axis=0) / 24
    low, high = mass[:-1], mass[1:]
    corrected = mass.copy()
    # to a higher one no more than there is: it is not smooth there
    corrected[:-1] += np.where(inside[:-1], 0.0, np.minimum(rise, low))
    corrected[1:] -= np.where(inside[1:], 0.0, np.maximum(rise, -high))
    return np.where(inside, 0.0, corrected)


def with_grid_corrected(found: Search, boxed: Iterable[int]) -> Search:
    """The search with the sums over noises right in the cells that are left to the grid: their own errors are others.

    They were right for all of the grid, of which most is where the boxes are.
    """
    if len(found.scans) == 1:
        return found
    left = found.ln_mean.copy()
    left[list(boxed)] = -np.inf
    off = interpolation_error(left, found.cells, found.grid, found.system)
    return replace(found, ln_mean=found.ln_mean + found.taken_off - off, taken_off=off)


def integral(found: Search) -> tuple[Search, Boxes, float]:
    """The search with all modes that boxes have found, the boxes, and the best ln L.

    Raises
    ------
    FloatingPointError : higher modes are found again and again, or the highest is not seen by the integral
    """
    for _ in range(MOST_TRIES):
        best = float(max(found.modes[0, 3], found.highest.max()))
        boxes, whole = integrate(found, best)
        if boxes.higher[3] <= best + BETTER:
            if whole < LEAST_MASS * found.modes[0, 6]:
                raise FloatingPointError("its highest mode is so narrow that the integral has not seen it")
            # along a ridge a mode may be one of two, or not yet at the top
            found = with_mode(found, found.modes[0, :4])
            found = with_mode(found, boxes.highest()) if boxes.count else found
            if found.modes[0, 3] <= best + BETTER:
                return with_grid_corrected(found, boxes.done), boxes, best
        else:
            found = with_mode(found, boxes.higher)
    raise FloatingPointError(f"its likelihood has a higher mode each of {MOST_TRIES} times that one is looked for")


def integrate(found: Search, best: float) -> tuple[Boxes, float]:
    """Integrate by boxes what the grid does not, until a point is found to be higher than the best.

    With the mass of all, in units of the best L, which is not yet known where a point is higher.
    """
    rough, boxes, cells = rough_cells(found), Boxes(found), found.cells
    of_modes = np.clip((found.modes[:, 0] - cells.low) / cells.step, 0, cells.number - 1).astype(int)
    e_of_modes = [interval_of(e, found.grid) for e in found.modes[:, 1]]
    # smooth may be the ground alone, at a larger noise than that of a mode which the grid has missed
    unseen = found.modes[:, 3] > found.highest[of_modes, e_of_modes] + UNSEEN
    sharp = [int(c) for c, is_sharp in zip(of_modes, rough[of_modes, e_of_modes] | unseen, strict=True) if is_sharp]
    bare = mass_at_middles(found, best)
    whole = np.where(rough, 0, scanned_mass(bare, [])).sum()
    for cell, mode in reversed(list(zip(of_modes, found.modes, strict=True))):
        if cell in sharp:
            a, b = np.where(np.abs(mode[7:9]) * (cells.step, STEEP_E) > STEEPEST, 0.0, mode[7:9])
            boxes.slopes[int(cell)] = (float(a), float(b))
    if sharp:
        whole = max(whole, found.modes[0, 6])
    boxes.integrate(set(sharp), Scale(best, BOX_ERROR * whole))
    while boxes.higher[3] <= best + BETTER:
        mass = scanned_mass(bare, boxes.done)
        left, whole = ROUGH_ERROR * np.where(rough, mass, 0.0).sum(axis=1), mass.sum() + boxes.mass()
        left += np.where(mass.any(axis=1), CURVED_ERROR * np.abs((mass - bare).sum(axis=1)), 0.0)
        order = np.argsort(-left)
        remaining = np.sqrt(np.cumsum(left[order][::-1] ** 2)[::-1])
        worst = order[remaining > LEFT_TO_GRID * whole]
        if len(worst) == 0:
            break
        boxes.integrate(set(map(int, worst)), Scale(best, BOX_ERROR * whole))
    return boxes, float(whole)
