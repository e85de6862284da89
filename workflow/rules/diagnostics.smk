"""Whether each fit can be believed, and whether it says what the tutorial printed."""


rule diagnose_cluster:
    """Diagnostics and summary of the cluster's fit, its stars, and posterior predictive checks of its parallaxes."""
    input:
        stars=f"{CLUSTER}/stars.ecsv",
        exact=f"{CLUSTER}/exact.nc",
        posterior=f"{CLUSTER}/posterior.nc",
    output:
        criticism=f"{CLUSTER}/criticism.csv",
        diagnostics=f"{CLUSTER}/diagnostics.csv",
        summary=f"{CLUSTER}/summary.csv",
        distances=f"{CLUSTER}/distances.csv",
    params:
        settings=settings(
            "seed",
            "criticism",
            "diagnostics",
            prior="cluster/prior",
            max_treedepth="sampler/max_treedepth",
        ),
        code=source_digest("diagnose_cluster"),
    log:
        "logs/diagnose_cluster.log",
    benchmark:
        "results/benchmarks/diagnose_cluster.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/diagnose_cluster.py"


rule diagnose_systems:
    """Diagnostics of every system's own fit, the summary of the one that the tutorial shows, and the certificate.

    The certificate sets the exact answers of cluster, systems and populations beside those of NUTS, in Monte Carlo
    errors: each checks the other.
    """
    input:
        periods=batches("results/{catalog}/{system_model}/periods/{batch}.nc"),
        exact=batches("results/{catalog}/{system_model}/exact/{batch}.nc"),
        posteriors=batches("results/{catalog}/{system_model}/posteriors/{batch}.nc"),
        exact_cluster=[f"{CLUSTER}/exact.nc"] if WITH_CLUSTER else [],
        cluster=[f"{CLUSTER}/posterior.nc"] if WITH_CLUSTER else [],
        exact_populations=populations("results/{catalog}/{system_model}/{population_model}/exact.nc"),
        populations=populations("results/{catalog}/{system_model}/{population_model}/posterior.nc"),
        hyper_parameters=populations("results/{catalog}/{system_model}/{population_model}/hyper_posterior.nc"),
    output:
        diagnostics="results/{catalog}/{system_model}/diagnostics.csv",
        focus_system="results/{catalog}/{system_model}/focus_system/summary.csv",
        agreement="results/{catalog}/{system_model}/agreement.csv",
        agreement_status="results/{catalog}/{system_model}/agreement_status.csv",
    params:
        settings=settings("diagnostics", "focus_system", max_treedepth="sampler/max_treedepth"),
        code=source_digest("diagnose_systems"),
    log:
        "logs/diagnose_systems/{catalog}/{system_model}.log",
    benchmark:
        "results/benchmarks/diagnose_systems/{catalog}/{system_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/diagnose_systems.py"


rule diagnose_population:
    """Diagnostics and summary of a population's fit, and posterior predictive checks of all systems' orbits."""
    input:
        exact="results/{catalog}/{system_model}/{population_model}/exact.nc",
        posterior="results/{catalog}/{system_model}/{population_model}/posterior.nc",
        hyper_posterior="results/{catalog}/{system_model}/{population_model}/hyper_posterior.nc",
    output:
        criticism="results/{catalog}/{system_model}/{population_model}/criticism.csv",
        diagnostics="results/{catalog}/{system_model}/{population_model}/diagnostics.csv",
        summary="results/{catalog}/{system_model}/{population_model}/summary.csv",
    params:
        settings=settings(
            "seed",
            "criticism",
            "diagnostics",
            population="population_models/{population_model}",
            max_treedepth="sampler/max_treedepth",
        ),
        code=source_digest("diagnose_population"),
    log:
        "logs/diagnose_population/{catalog}/{system_model}/{population_model}.log",
    benchmark:
        "results/benchmarks/diagnose_population/{catalog}/{system_model}/{population_model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/diagnose_population.py"


rule criticise_systems:
    """Prior and posterior predictive checks of the visits of a batch's systems, and the residuals of their best fits."""
    input:
        visits="results/{catalog}/visits.fits",
        periods="results/{catalog}/{system_model}/periods/{batch}.nc",
        exact="results/{catalog}/{system_model}/exact/{batch}.nc",
    output:
        criticism="results/{catalog}/{system_model}/criticism/{batch}.csv",
        residuals="results/{catalog}/{system_model}/residuals/{batch}.csv",
    params:
        settings=settings("period_range_days", "seed", "criticism", model="system_models/{system_model}"),
        code=source_digest("criticise_systems"),
    log:
        "logs/criticise_systems/{catalog}/{system_model}/{batch}.log",
    benchmark:
        "results/benchmarks/criticise_systems/{catalog}/{system_model}/{batch}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/criticise_systems.py"


rule collect_diagnostics:
    """All fits of a run in one table; with diagnostics.strict, a failed one ends the run."""
    input:
        cluster=[f"{CLUSTER}/diagnostics.csv"] if WITH_CLUSTER else [],
        systems=expand(
            "results/{catalog}/{system_model}/diagnostics.csv",
            system_model=SYSTEM_MODELS,
            allow_missing=True,
        ),
        populations=all_pairs("results/{catalog}/{system_model}/{population_model}/diagnostics.csv"),
        agreement=expand(
            "results/{catalog}/{system_model}/agreement_status.csv", system_model=SYSTEM_MODELS, allow_missing=True
        ),
    output:
        diagnostics="results/{catalog}/diagnostics.csv",
    params:
        settings=settings("strict"),
        code=source_digest("collect_diagnostics"),
    log:
        "logs/collect_diagnostics/{catalog}.log",
    benchmark:
        "results/benchmarks/collect_diagnostics/{catalog}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/collect_diagnostics.py"


if PUBLISHED:

    rule compare_published:
        """Each number that the tutorial prints beside this run's."""
        input:
            published=given(at_home("data/published.csv")),
            cluster=f"{CLUSTER}/summary.csv",
            focus_system="results/{catalog}/tutorial/focus_system/summary.csv",
            population="results/{catalog}/tutorial/normal/summary.csv",
        output:
            published="results/{catalog}/published.csv",
        params:
            data=digest(at_home("data/published.csv")),
            code=source_digest("compare_published"),
        log:
            "logs/compare_published/{catalog}.log",
        benchmark:
            "results/benchmarks/compare_published/{catalog}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/compare_published.py"


if SIMULATION and FRACTIONS:

    rule check_reliability:
        """Whether stars are binaries as often as they have that probability: of a simulated catalogue."""
        input:
            systems=expand("results/{catalog}/{pair}/systems.csv", pair=FRACTIONS, allow_missing=True),
            truth=TRUTHS,
        output:
            **{f"table_{pair}": f"results/{{catalog}}/{pair}/reliability.csv" for pair in FRACTIONS},
            **{
                f"figure_{pair}": picture(f"results/{{catalog}}/{pair}", "reliability", "Population")
                for pair in FRACTIONS
            },
        params:
            settings=settings("figures"),
            code=source_digest("check_reliability"),
            pairs=FRACTIONS,
        log:
            "logs/check_reliability/{catalog}.log",
        benchmark:
            "results/benchmarks/check_reliability/{catalog}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/check_reliability.py"
