"""Pure computation on frames: rules, adjustment, returns, indices, metrics, tiers."""
