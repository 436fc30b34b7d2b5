"""Gates: one condition for shipping each. They turn scores into verdicts with the tests of `stats`."""
