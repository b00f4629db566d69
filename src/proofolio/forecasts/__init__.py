"""What the data says: prices, returns, market regimes, moments in each of them, and forecasts."""

from proofolio.forecasts.covariance import ewma, ledoit_wolf, sample
from proofolio.forecasts.forecast import Forecast, Forecaster
from proofolio.forecasts.hidden_markov import fit_regimes
from proofolio.forecasts.historical import Historical
from proofolio.forecasts.moments import (
    forecast_probabilities,
    mixed_moments,
    regime_moments,
)
from proofolio.forecasts.prices import (
    load_market,
    load_prices,
    read_prices,
    read_returns,
    simple_returns,
    validate_prices,
    validate_returns,
)
from proofolio.forecasts.regime_fit import RegimeFit
from proofolio.forecasts.rolling_regimes import RollingRegimes

__all__ = [
    "Forecast",
    "Forecaster",
    "Historical",
    "RegimeFit",
    "RollingRegimes",
    "ewma",
    "fit_regimes",
    "forecast_probabilities",
    "ledoit_wolf",
    "load_market",
    "load_prices",
    "mixed_moments",
    "read_prices",
    "read_returns",
    "regime_moments",
    "sample",
    "simple_returns",
    "validate_prices",
    "validate_returns",
]
