"""equiload against general solvers: the same instances, threads, tolerances and checks.

``python -m benchmarks.peers --help`` (from the repository's root) lists the options.
"""
