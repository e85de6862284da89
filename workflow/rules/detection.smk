"""How likely an orbit is found: made of a catalogue with a selection, which needs it, and as a target, `detect`."""


rule simulate_detection:
    """Stars with the visits of the catalogue's, of any period and semi-amplitude, and which of them would be found."""
    input:
        visits="results/{catalog}/visits.fits",
    output:
        detection="results/{catalog}/{system_model}/detection.nc",
        table="results/{catalog}/{system_model}/detection.csv",
    params:
        settings=settings("period_range_days", "seed", "detection", "selection", model="system_models/{system_model}"),
        code=source_digest("simulate_detection"),
    log:
        "logs/simulate_detection/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/simulate_detection/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/simulate_detection.py"


rule plot_detection:
    """How likely an orbit is found, by its period and semi-amplitude, and the orbits of the systems."""
    input:
        detection="results/{catalog}/{system_model}/detection.nc",
        orbits="results/{catalog}/{system_model}/orbits.csv",
    output:
        detection=picture("results/{catalog}/{system_model}", "detection", "Systems"),
    params:
        settings=settings("figures"),
        code=source_digest("plot_detection"),
    log:
        "logs/plot_detection/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/plot_detection/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/plot_detection.py"


rule detect:
    """How likely an orbit is found, under every system model."""
    input:
        expand("results/{catalog}/{model}/figures/detection.png", catalog=CATALOG, model=SYSTEM_MODELS),
