"""All systems together: the density of ln P. These go first: they are the longest chain of jobs."""


rule integrate_population:
    """The exact posterior of the density's parameters, joint draws of all parameters, and what each system tells."""
    input:
        visits="results/{catalog}/visits.fits",
        periods=batches("results/{catalog}/{system_model}/periods/{batch}.nc"),
        selection=["results/{catalog}/{system_model}/selection.csv"] if SELECTION else [],
        detection=["results/{catalog}/{system_model}/detection.nc"] if SELECTION else [],
    output:
        exact="results/{catalog}/{system_model}/{population_model}/exact.nc",
        systems="results/{catalog}/{system_model}/{population_model}/systems.csv",
    params:
        settings=settings(
            "period_range_days",
            "seed",
            model="system_models/{system_model}",
            population="population_models/{population_model}",
            draws="draws/exact",
            joint_systems="draws/joint_systems",
        ),
        code=source_digest("integrate_population"),
    log:
        "logs/integrate_population/{catalog}/{system_model}/{population_model}.log",
    benchmark:
        "results/benchmarks/integrate_population/{catalog}/{system_model}/{population_model}.tsv"
    conda:
        "../../environment.yml"
    threads: lambda wildcards: 4 if "amplitude" in config["population_models"][wildcards.population_model] else 1
    priority: 1
    script:
        "../scripts/integrate_population.py"


rule fit_population:
    """Sample the hierarchical model: in full, with every orbit, and its hyper-parameters alone, over the nodes."""
    input:
        visits="results/{catalog}/visits.fits",
        periods=batches("results/{catalog}/{system_model}/periods/{batch}.nc"),
        exact="results/{catalog}/{system_model}/{population_model}/exact.nc",
    output:
        posterior="results/{catalog}/{system_model}/{population_model}/posterior.nc",
        hyper_posterior="results/{catalog}/{system_model}/{population_model}/hyper_posterior.nc",
    params:
        settings=settings(
            "period_range_days",
            "sampler",
            "seed",
            model="system_models/{system_model}",
            population="population_models/{population_model}",
            draws="draws/population",
        ),
        code=source_digest("fit_population"),
    log:
        "logs/fit_population/{catalog}/{system_model}/{population_model}.log",
    benchmark:
        "results/benchmarks/fit_population/{catalog}/{system_model}/{population_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    priority: 1
    script:
        "../scripts/fit_population.py"
