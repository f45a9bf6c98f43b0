"""The table of features by name."""

from clusteropt.optimizers.learned.features import angles, neighbours, radial, schedule, second_moments
from clusteropt.optimizers.learned.features.base import Feature

FEATURES: dict[str, Feature] = {
    "neighbours": neighbours.FEATURE,
    "schedule": schedule.FEATURE,
    "second-moments": second_moments.FEATURE,
    "angles": angles.FEATURE,
    "radial": radial.FEATURE,
}
