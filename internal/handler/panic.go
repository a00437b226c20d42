package handler

import "github.com/junction-refresh/junction-refresh/internal/result"

// withoutPanic calls f. A panic is an error: it would fail the other messages and refreshes too.
func withoutPanic(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = result.FromPanic(cause)
		}
	}()
	return f()
}
