"""The star cluster: parallaxes, simulated or the user's, and the distance and depth behind them."""

if CLUSTER_TABLE:

    rule prepare_stars:
        """Pass the user's table of parallaxes through the gate: the stars used, and the rows rejected with a reason."""
        input:
            table=cluster_table,
        output:
            stars=f"{CLUSTER}/stars.ecsv",
            rejected=f"{CLUSTER}/rejected.ecsv",
        params:
            settings=settings(table="cluster/table"),
            data=digest(cluster_table),
            code=source_digest("prepare_stars"),
        log:
            "logs/prepare_stars.log",
        benchmark:
            "results/benchmarks/prepare_stars.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/prepare_stars.py"

else:

    rule simulate_cluster:
        """The tutorial's simulated parallaxes."""
        output:
            stars=f"{CLUSTER}/stars.ecsv",
        params:
            settings=settings(simulation="cluster/simulation"),
            code=source_digest("simulate_cluster"),
        log:
            "logs/simulate_cluster.log",
        benchmark:
            "results/benchmarks/simulate_cluster.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        script:
            "../scripts/simulate_cluster.py"


rule integrate_cluster:
    """The exact posterior of mean distance and depth, and exact draws of every star's distance."""
    input:
        stars=f"{CLUSTER}/stars.ecsv",
    output:
        exact=f"{CLUSTER}/exact.nc",
    params:
        settings=settings("seed", prior="cluster/prior", draws="draws/exact"),
        code=source_digest("integrate_cluster"),
    log:
        "logs/integrate_cluster.log",
    benchmark:
        "results/benchmarks/integrate_cluster.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/integrate_cluster.py"


rule fit_cluster:
    """Sample the hierarchical model of the cluster: mean distance, depth, and every star's distance."""
    input:
        stars=f"{CLUSTER}/stars.ecsv",
        exact=f"{CLUSTER}/exact.nc",
    output:
        posterior=f"{CLUSTER}/posterior.nc",
    params:
        settings=settings("sampler", "seed", prior="cluster/prior", draws="draws/cluster"),
        code=source_digest("fit_cluster"),
    log:
        "logs/fit_cluster.log",
    benchmark:
        "results/benchmarks/fit_cluster.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    script:
        "../scripts/fit_cluster.py"
