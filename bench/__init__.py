"""The benchmarks: ratios against a ceiling measured in the same run, since clocks here and there differ."""
