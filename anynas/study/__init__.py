"""Studies: populations drawn from spaces, trained alike, and claims about them that are declared before and judged."""
