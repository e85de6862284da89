"""The graphs of the models: what is drawn from what. Each is data first, so that a test can hold it against PyMC."""

from __future__ import annotations

from dataclasses import dataclass

import daft
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Node:
    """A variable: its name in the PyMC model, its symbol, where it stands, and whether it is observed or fixed."""

    name: str
    symbol: str
    x: float
    y: float
    kind: str = "free"


@dataclass(frozen=True)
class Plate:
    """A box around what is repeated: left, bottom, width, height, its label, and the nodes it holds."""

    box: tuple[float, float, float, float]
    label: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """A directed graph of a model."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    plates: tuple[Plate, ...] = ()


_CHAIN = (
    Node("alpha", r"$\alpha$", 0, 2),
    Node("theta", r"$\theta$", 0, 1),
    Node("data", "$D$", 0, 0, "observed"),
)
_CHAIN_EDGES = (("alpha", "theta"), ("theta", "data"))
_ORBIT = (
    Node("a", "$a$", 0, 1),
    Node("b", "$b$", 1, 1),
    Node("v0", "$v_0$", 2, 1),
    Node("rv", "$v_r$", 0.5, 0, "observed"),
    Node("t", "$t$", -0.6, 0, "fixed"),
    Node("rv_err", r"$\sigma_v$", 1.6, 0, "fixed"),
)
_ORBIT_EDGES = tuple((name, "rv") for name in ("a", "b", "v0", "t", "rv_err"))
_VISITS_PLATE = ((-0.95, -0.5, 2.9, 0.9), ("rv", "t", "rv_err"))

GRAPHS = {
    "general": Graph(_CHAIN, _CHAIN_EDGES),
    "plate": Graph(_CHAIN, _CHAIN_EDGES, (Plate((-0.7, -0.75, 1.4, 2.25), "$N$ objects", ("theta", "data")),)),
    "cluster": Graph(
        (
            Node("mu_r", r"$\mu_r$", -0.5, 2),
            Node("ln_std_r", r"$\ln\sigma_r$", 0.5, 2),
            Node("r", "$r_n$", 0, 1),
            Node("parallax", r"$\varpi_n$", 0, 0, "observed"),
            Node("parallax_error", r"$\sigma_{\varpi,n}$", 1, 0, "fixed"),
        ),
        (("mu_r", "r"), ("ln_std_r", "r"), ("r", "parallax"), ("parallax_error", "parallax")),
        (Plate((-0.9, -0.6, 2.5, 2.1), r"$n = 1 \ldots N$", ("r", "parallax", "parallax_error")),),
    ),
    "system": Graph(
        (Node("P", "$P$", -1, 1), *_ORBIT),
        (("P", "rv"), *_ORBIT_EDGES),
        (Plate(_VISITS_PLATE[0], r"$j = 1 \ldots J$", _VISITS_PLATE[1]),),
    ),
    "population": Graph(
        (
            Node("mu", r"$\mu$", -1.5, 2.1),
            Node("lnsigma", r"$\ln\sigma$", -0.5, 2.1),
            Node("lnP", r"$\ln P$", -1, 1),
            *_ORBIT,
        ),
        (("mu", "lnP"), ("lnsigma", "lnP"), ("lnP", "rv"), *_ORBIT_EDGES),
        (
            Plate((-1.6, -1.0, 4.2, 2.55), r"$n = 1 \ldots N$", ("lnP", "a", "b", "v0", *_VISITS_PLATE[1])),
            Plate(_VISITS_PLATE[0], r"$j = 1 \ldots J_n$", _VISITS_PLATE[1]),
        ),
    ),
}


def draw(graph: Graph) -> Figure:
    """Draw a graph: observed nodes shaded, fixed ones as dots."""
    pgm = daft.PGM(node_unit=1.0, grid_unit=2.2, observed_style="shaded", line_width=0.8)
    for node in graph.nodes:
        fixed = node.kind == "fixed"
        pgm.add_node(
            node.name,
            node.symbol,
            node.x,
            node.y,
            observed=node.kind == "observed",
            fixed=fixed,
            fontsize=9,
            **({"offset": (0, 5)} if fixed else {}),
        )
    for start, end in graph.edges:
        pgm.add_edge(start, end, plot_params={"head_length": 0.2, "head_width": 0.16})
    for plate in graph.plates:
        pgm.add_plate(list(plate.box), label=plate.label, position="bottom right", shift=0, fontsize=8)
    pgm.render()
    return pgm.figure
