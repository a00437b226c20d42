package result

// WithoutSources returns the result without Sources, for a receiver to whom the whole result is too large. The
// three lists still say the same.
func (r Result) WithoutSources() Result {
	r.Sources = []Source{}
	r.Truncated = true
	return r
}

// WithoutLists returns the result without Sources, the three lists and a 422's detail, for a receiver to whom
// WithoutSources is still too large. Nothing else in a result is long, so this always fits.
func (r Result) WithoutLists() Result {
	r = r.WithoutSources()
	r.RefreshedSources, r.InProgressSources, r.FailedSources = []string{}, []string{}, []string{}
	r.Detail = nil
	return r
}
