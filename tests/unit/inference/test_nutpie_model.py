"""The callbacks of this project against nutpie's own: the same draws to the last digit."""

import ctypes
import subprocess
import sys

import numpy as np
import nutpie
import pymc as pm
import pytest
from pytensor.raise_op import Assert

from conftest import ROOT
from starpop.inference.nutpie_model import DENSITY_NOT_FINITE, FAILED, GOOD, GRADIENT_NOT_FINITE, compile_model


def a_model() -> pm.Model:
    with pm.Model() as model:
        x = pm.Data("x", np.array([1.0, 2.0, 4.0]))
        columns = pm.Data("columns", np.arange(6.0).reshape(3, 2))
        highest = pm.Data("highest", np.array(5.0))
        slope = pm.Uniform("slope", 0, highest)
        several = pm.Normal("several", 0, 1, shape=2)
        pm.Deterministic("double", 2 * slope)
        pm.Normal("y", slope * x + columns @ several, 0.5, observed=np.array([2.0, 4.1, 7.9]))
    return model


def draws(compiled) -> dict[str, np.ndarray]:
    tree = nutpie.sample(compiled, draws=50, tune=100, chains=2, cores=1, seed=3, progress_bar=False)
    return {str(name): values.values for name, values in tree["posterior"].to_dataset().data_vars.items()}


LOADED = "import starpop.inference.nutpie_model, sys; assert 'arviz_plots' not in sys.modules"
WITHOUT_NUTPIE = """
import sys
sys.modules["nutpie"] = None
try:
    import starpop.inference.nutpie_model
except ImportError:
    pass
"""


@pytest.mark.parametrize("load", [LOADED, WITHOUT_NUTPIE])
def test_nutpie_is_loaded_without_arvizs_plots_which_are_there_for_others(load):
    path = str(ROOT / "workflow" / "src")
    code = f"{load}\nimport arviz; assert arviz.plot_dist"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, check=True)


def test_the_draws_are_nutpies_own_also_of_other_data():
    other = {"x": np.array([0.5, 3.0, 5.0]), "columns": -np.ones((3, 2)), "highest": np.array(9.0)}
    ours, theirs = compile_model(a_model()), nutpie.compile_pymc_model(a_model())
    for data in ({}, other):
        our_draws, their_draws = (draws(compiled.with_data(**data)) for compiled in (ours, theirs))
        assert set(our_draws) == set(their_draws) >= {"slope", "several", "double"}
        for name, values in our_draws.items():
            np.testing.assert_array_equal(values, their_draws[name])


def at(model: pm.Model, point: float) -> tuple[int, float, float]:
    """What the callback answers at a point of one number, ln density and slope there."""
    compiled = compile_model(model)
    arrays = np.array([point]), np.zeros(1), np.zeros(1)
    pointers = [array.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for array in arrays]
    answer = compiled.compiled_logp_func.ctypes(1, *pointers, compiled.user_data.ctypes.data)
    return answer, float(arrays[2][0]), float(arrays[1][0])


def test_density_and_slope_at_a_point():
    with pm.Model() as model:
        x = pm.Normal("x", 0, 1)
        pm.Normal("y", x, 1, observed=1.0)
    answer, density, slope = at(model, 0.3)
    assert answer == GOOD
    assert density == pytest.approx(-0.5 * (0.09 + 0.49) - np.log(2 * np.pi))
    assert slope == pytest.approx(-0.3 + 0.7)


@pytest.mark.parametrize(
    ("point", "potential", "expected"),
    [
        (0.0, pm.math.sqrt, GRADIENT_NOT_FINITE),
        (-1.0, lambda x: Assert()(x, x > 0), FAILED),
        (-1.0, lambda x: pm.math.switch(x > 0, x, -np.inf), DENSITY_NOT_FINITE),
    ],
)
def test_where_a_model_cannot_be_evaluated_is_a_divergence_and_no_end(point, potential, expected):
    with pm.Model() as model:
        pm.Potential("potential", potential(pm.Normal("x", 0, 1)))
    assert at(model, point)[0] == expected
