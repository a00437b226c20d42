package main

import (
	"net/http"
	"time"
)

// printResponse prints a request and the status of its response in one line.
func (s *screen) printResponse(r *http.Request, status int, began time.Time) {
	// Line breaks are encoded in RequestURI, so that no request can forge a line.
	s.printf("%s %s %s %d %s\n", began.Format(time.TimeOnly), r.Method, r.URL.RequestURI(), status, duration(time.Since(began)))
}
