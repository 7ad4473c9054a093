"""Statistics of populations: tables in, tables or frozen results out; knows no run, and draws nothing."""
