"""Many machines: scenarios spread over a cluster.

`sweep` hands scenarios to the workers of dask.distributed (extra ``distributed``).
"""

from .cluster import Summary, Sweep, sweep

__all__ = ["Summary", "Sweep", "sweep"]
