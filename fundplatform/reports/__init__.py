"""Self-contained HTML reports. In: a `Store`, read through `query`. Out: one file, no network."""
