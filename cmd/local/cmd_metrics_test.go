package main

import "testing"

func TestMetricsAreShownOnlyWithVerbose(t *testing.T) {
	got := local(t)
	mustNotContain(t, got.stdout+got.stderr, `"_aws"`)
	got = local(t, "--verbose")
	mustContain(t, got.stderr, `"Namespace":"JunctionRefresh"`, `"Refreshes":1`)
	mustNotContain(t, got.stdout, `"_aws"`)
}
