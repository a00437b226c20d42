package result

// WithoutSources returns the result without Sources, for a receiver to whom the whole result is too large. The
// three lists still say the same.
func (r Result) WithoutSources() Result {
	r.Sources = []Source{}
	r.Truncated = true
	return r
}

// WithoutLists returns the result without Sources, the three lists and what Junction or the caller is quoted
// with, for a receiver to whom WithoutSources is still too large. Nothing else in a result is long, so this
// always fits. The quoted text has 500 bytes at most, but JSON escapes can make 3,500 of them.
func (r Result) WithoutLists() Result {
	r = r.WithoutSources()
	r.RefreshedSources, r.InProgressSources, r.FailedSources = []string{}, []string{}, []string{}
	r.Detail = nil
	if r.failure != nil {
		r.Error = r.failure.Message
	}
	return r
}
