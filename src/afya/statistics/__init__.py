"""Statistics that hold when items come in clusters: intervals, paired comparisons, the bootstrap.

The cluster is the group: the same entry in all its languages. Rows of a cluster resemble one another, so that treating
them as independent makes every interval too narrow. `partition` sorts rows into clusters once, and everything else
takes what it returns, so that an estimate, its error, its degrees of freedom and its bootstrap cannot disagree.
Needs numpy only.
"""

from afya.statistics.agreement import Agreement, krippendorff
from afya.statistics.bootstrap import cluster_bootstrap, percentile_interval
from afya.statistics.clusters import Moments, Partition, moments, partition
from afya.statistics.distributions import normal_quantile, t_cdf, t_quantile
from afya.statistics.intervals import Estimate, accuracy_interval, mean_interval, wilson
from afya.statistics.paired import Difference, holm, mcnemar_exact, paired_difference, tango

__all__ = [
    "Agreement",
    "Difference",
    "Estimate",
    "Moments",
    "Partition",
    "accuracy_interval",
    "cluster_bootstrap",
    "holm",
    "krippendorff",
    "mcnemar_exact",
    "mean_interval",
    "moments",
    "normal_quantile",
    "paired_difference",
    "partition",
    "percentile_interval",
    "t_cdf",
    "t_quantile",
    "tango",
    "wilson",
]
