"""Views of an investor: how they are stated, believed and brought together with the market's prior.

Read `view` and `stated_views` (what is claimed), `formulas` (the posterior), `confidences` and `asset_regimes`
(how far a claim is believed), `black_litterman` (all of it in one object), `pooling` (views that are no equations on
means).
"""

from proofolio.forecasts.views.asset_regimes import AssetRegimes, RegimeHistory, RegimeWalk
from proofolio.forecasts.views.black_litterman import BlackLitterman
from proofolio.forecasts.views.confidences import CalibratedConfidence, CdfConfidence, SigmoidConfidence
from proofolio.forecasts.views.formulas import Posterior, drifted, equilibrium, posterior
from proofolio.forecasts.views.pooling import PooledScenarios, entropy_pooling
from proofolio.forecasts.views.stated_views import Views
from proofolio.forecasts.views.view import View
from proofolio.forecasts.views.view_posterior import ViewPosterior

__all__ = [
    "AssetRegimes",
    "BlackLitterman",
    "CalibratedConfidence",
    "CdfConfidence",
    "PooledScenarios",
    "Posterior",
    "RegimeHistory",
    "RegimeWalk",
    "SigmoidConfidence",
    "View",
    "ViewPosterior",
    "Views",
    "drifted",
    "entropy_pooling",
    "equilibrium",
    "posterior",
]
