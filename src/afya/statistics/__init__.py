"""Statistics that hold when items come in clusters: intervals, paired comparisons, the bootstrap.

The cluster is the group: the same entry in all its languages. Rows of a cluster resemble one another, so that treating
them as independent makes every interval too narrow. `partition` sorts rows into clusters once, and everything else
takes what it returns, so that an estimate, its error, its degrees of freedom and its bootstrap cannot disagree.
Needs numpy only.
"""

from afya.statistics.agreement import Agreement, krippendorff
from afya.statistics.bootstrap import (
    bootstrap_means,
    bootstrap_p_value,
    cluster_bootstrap,
    percentile_interval,
    raised_interval,
)
from afya.statistics.calibration import Calibration, brier_multiclass, calibration, softmax
from afya.statistics.clusters import Moments, Partition, moments, partition
from afya.statistics.disparity import Transfer, chance_corrected, gap_to, gini, transfer, worst_score, worst_to_best
from afya.statistics.distributions import normal_quantile, t_cdf, t_quantile
from afya.statistics.intervals import Estimate, accuracy_interval, mean_interval, wilson
from afya.statistics.judging import JudgeAgreement, judge_agreement, withheld
from afya.statistics.paired import (
    Difference,
    MeanDifference,
    Resampled,
    holm,
    mcnemar_exact,
    mean_difference,
    paired_bootstrap,
    paired_difference,
    tango,
)
from afya.statistics.power import detectable_difference
from afya.statistics.ranks import Ranks, rank_intervals
from afya.statistics.ratio import Ratio, ratio_of_means

__all__ = [
    "Agreement",
    "Calibration",
    "Difference",
    "Estimate",
    "JudgeAgreement",
    "MeanDifference",
    "Moments",
    "Partition",
    "Ranks",
    "Ratio",
    "Resampled",
    "Transfer",
    "accuracy_interval",
    "bootstrap_means",
    "bootstrap_p_value",
    "brier_multiclass",
    "calibration",
    "chance_corrected",
    "cluster_bootstrap",
    "detectable_difference",
    "gap_to",
    "gini",
    "holm",
    "judge_agreement",
    "krippendorff",
    "mcnemar_exact",
    "mean_difference",
    "mean_interval",
    "moments",
    "normal_quantile",
    "paired_bootstrap",
    "paired_difference",
    "partition",
    "percentile_interval",
    "raised_interval",
    "rank_intervals",
    "ratio_of_means",
    "softmax",
    "t_cdf",
    "t_quantile",
    "tango",
    "transfer",
    "wilson",
    "withheld",
    "worst_score",
    "worst_to_best",
]
