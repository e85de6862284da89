"""The cells of frequency that are integrated by boxes, piece by piece.

A cell of the search, one step of frequency wide, is cut into pieces, one interval of eccentricity and PER_PIECE
steps of phase each. Pieces are integrated that the search, or a mode, or a leaf beside says may hold something. What a
leaf sees on its border is a hint for what lies beyond: as a known mode is, it is looked for until it is seen there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from starpop.orbits.ellipse.boxes import BETTER, NEIGHBOUR, SEEN, Slant, integrate_box, slanted
from starpop.orbits.ellipse.grid import MOST_PIECES
from starpop.orbits.ellipse.kepler import TWO_PI
from starpop.orbits.ellipse.points import fill, put

# So far beyond its border a piece is told what is seen beside it.
WITHIN = 1e-12


class Hints(NamedTuple):
    """Of each piece the highest ln L on its borders that leaves beside it see, and where.

    Attributes
    ----------
    value : (E, MOST_PIECES) ln L
    point : (E, MOST_PIECES, 3) frequency, eccentricity and phase
    """

    value: np.ndarray
    point: np.ndarray


class Cell(NamedTuple):
    """A cell of frequency, from low to high [1/d], with the slopes of its slants, and its pieces.

    Attributes
    ----------
    needed, done : (E, MOST_PIECES) which pieces are wanted, and which have been integrated
    first, last, seen : (E, MOST_PIECES) the leaves of each that has been, and the highest ln L of their points
    hints : of the pieces
    """

    low: float
    high: float
    by_frequency: float
    by_e: float
    needed: np.ndarray
    done: np.ndarray
    first: np.ndarray
    last: np.ndarray
    seen: np.ndarray
    hints: Hints


@njit(cache=True, nogil=True)
def no_hints(eccentricities):
    """No hints yet."""
    shape = eccentricities, MOST_PIECES
    return Hints(np.full(shape, -np.inf), np.zeros((*shape, 3)))


@njit(cache=True, nogil=True)
def slant_of(cell, m, grid):
    """The slant of the boxes of a cell's eccentricity."""
    return Slant(cell.by_frequency, 0.5 * (cell.low + cell.high), cell.by_e, grid.e[m])


@njit(cache=True, nogil=True)
def piece_of(phase, frequency, e, m, cell, grid):
    """The piece of a cell's eccentricity that a phase lies in."""
    z = (phase - slanted(frequency, e, slant_of(cell, m, grid))) % TWO_PI
    return min(int(z / TWO_PI * grid.pieces[m]), grid.pieces[m] - 1)


@njit(cache=True, nogil=True, error_model="numpy")
def integrate_cell(cell, modes, scale, higher, grid, system, room, leaves, count):
    """Add the leaves of a cell of frequency: of the pieces that are needed, and those that their leaves hint at.

    Returns the leaves and their number, and the hints for the cells below and above.
    """
    known, below, above = np.empty((len(modes) + 1, modes.shape[1])), no_hints(len(grid.e)), no_hints(len(grid.e))
    known[:-1] = modes
    while True:
        m, p = _next_piece(cell, scale, grid)
        if m < 0:
            return leaves, count, below, above
        leaves.share[cell.first[m, p] : cell.last[m, p]] = 0.0
        box, slant = _box_of(cell, m, p, grid), slant_of(cell, m, grid)
        known[-1] = 0.0
        known[-1, :3], known[-1, 3] = cell.hints.point[m, p], cell.hints.value[m, p]
        first = count
        leaves, count = integrate_box(box, slant, known, scale, higher, leaves, count, system, room)
        if higher[3] > scale.best + BETTER:
            return leaves, count, below, above
        cell.done[m, p], cell.first[m, p], cell.last[m, p] = True, first, count
        # a hint that is not seen from however near is heeded once
        cell.seen[m, p] = max(leaves.top[first:count].max(), cell.hints.value[m, p] - SEEN)
        for leaf in range(first, count):
            if leaves.top[leaf] > scale.best - NEIGHBOUR:
                _hint(leaf, box, m, cell, leaves, (below, above), grid, system, room)


@njit(cache=True, nogil=True)
def _next_piece(cell, scale, grid):
    """A piece to integrate: of which a hint is not seen, or else that is needed; (-1, -1) where there is none."""
    found_m, found_p, best = -1, -1, scale.best - NEIGHBOUR
    for m in range(len(grid.e)):
        for p in range(grid.pieces[m]):
            if cell.hints.value[m, p] > max(cell.seen[m, p] + SEEN, best):
                found_m, found_p, best = m, p, cell.hints.value[m, p]
    if found_m >= 0:
        return found_m, found_p
    for m in range(len(grid.e)):
        for p in range(grid.pieces[m]):
            if cell.needed[m, p] and not cell.done[m, p]:
                return m, p
    return -1, -1


@njit(cache=True, nogil=True)
def _box_of(cell, m, p, grid):
    """The box that a piece is."""
    width = TWO_PI / grid.pieces[m]
    return np.array([cell.low, cell.high, grid.edge[m], grid.edge[m + 1], p * width, (p + 1) * width])


@njit(cache=True, nogil=True, error_model="numpy")
def _hint(leaf, box, m, cell, leaves, beyond, grid, system, room):
    """Tell the pieces that a leaf borders on what it sees there.

    They are of the same cell, or `beyond` it, of the cells below and above as if those had the same slopes.
    """
    ends, slant, at = leaves.ends[leaf], slant_of(cell, m, grid), np.empty(3)
    told, count = np.empty((6, 2), np.int64), 0
    for border in range(6):
        axis, outwards = border // 2, border % 2 * 2 - 1
        other = m + outwards if axis == 1 else m
        if (ends[border] - box[border]) * outwards >= 0 and 0 <= other < len(grid.e):
            at[:] = leaves.at[leaf]
            at[axis] = box[border] + outwards * WITHIN
            put(count, at[0], at[1], slanted(at[0], at[1], slant) + at[2], room)
            told[count, 0], told[count, 1] = border, other
            count += 1
    fill(count, system, room)
    for k in range(count):
        border, other = told[k]
        hints = cell.hints if border > 1 else beyond[border]
        frequency, e, phase = room.orbits.frequency[k], room.orbits.e[k], TWO_PI * room.orbits.start[k]
        piece = piece_of(phase, frequency, e, other, cell, grid)
        if room.values[k] > hints.value[other, piece]:
            hints.value[other, piece] = room.values[k]
            point = hints.point[other, piece]
            point[0], point[1], point[2] = frequency, e, phase


@njit(cache=True, nogil=True)
def mark(low, high, m, grid, needed):
    """Mark the pieces of an eccentricity that z from low to high lies in."""
    pieces = grid.pieces[m]
    first, last = int(np.floor(low / TWO_PI * pieces)), int(np.floor(high / TWO_PI * pieces))
    for piece in range(first, min(last, first + pieces - 1) + 1):
        needed[m, piece % pieces] = True
