"""What every vendor on the web shares: requests, limits, errors by kind, redaction, the archive."""
