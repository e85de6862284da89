"""Which jobs follow from which, in a small run: the numbers that the rerun tests expect."""

FIGURES = {
    "plot_model_graph": 5,
    "plot_cluster": 1,
    "plot_visits": 1,
    "plot_focus_system": 1,
    "plot_periodograms": 1,
    "plot_orbits": 1,
    "plot_population": 1,
}
SYSTEM_FITS = {
    "fit_systems": 2,
    "diagnose_systems": 1,
    "tabulate_orbits": 1,
    "summarise_focus_system": 1,
    "compare_published": 1,
    "collect_diagnostics": 1,
    "plot_focus_system": 1,
    "plot_orbits": 1,
}
POPULATION_FIT = {
    "fit_population": 1,
    "diagnose_population": 1,
    "compare_published": 1,
    "collect_diagnostics": 1,
    "plot_population": 1,
}
AFTER_FITS = SYSTEM_FITS | POPULATION_FIT | {"plot_periodograms": 1}
DIAGNOSTICS = {
    "diagnose_cluster": 1,
    "diagnose_systems": 1,
    "diagnose_population": 1,
    "tabulate_orbits": 1,
    "summarise_focus_system": 1,
    "compare_published": 1,
    "collect_diagnostics": 1,
    "plot_cluster": 1,
    "plot_focus_system": 1,
    "plot_orbits": 1,
    "plot_population": 1,
}
SYSTEM_TABLES = {
    "tabulate_orbits": 1,
    "summarise_focus_system": 1,
    "compare_published": 1,
    "plot_orbits": 1,
    "plot_focus_system": 1,
}
