package junctiontest

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The timeout parameter ("Refresh user data"), in seconds.
const (
	minTimeout     = 5
	maxTimeout     = 60
	defaultTimeout = 10
)

// refresh answers POST /v2/user/refresh/{user_id}?timeout=. A call that is rejected before the refresh starts does
// not count against the rate limit; whether it does in Junction is not documented.
func (s *Simulator) refresh(w http.ResponseWriter, r *http.Request, argument string) {
	var problems []problem
	id, ok := canonicalID(argument)
	if !ok {
		problems = append(problems, problem{[2]string{"path", "user_id"}, "Input should be a valid UUID", "uuid_parsing"})
	}
	timeout, bad := parseTimeout(r)
	if problems = append(problems, bad...); len(problems) > 0 {
		writeInvalid(w, problems)
		return
	}
	user, ok := s.users.find(id)
	if !ok {
		writeDetail(w, http.StatusNotFound, "User not found")
		return
	}
	if len(user.Sources) == 0 {
		writeJSON(w, http.StatusBadRequest, RefreshError{
			UserID: id, Error: "user has no connected sources", FailedSources: []string{},
		})
		return
	}
	if retryAfter, ok := s.limit.take(id, s.now()); !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
		writeDetail(w, http.StatusTooManyRequests, "rate limit exceeded")
		return
	}
	s.ingestion.start(user, s.now(), s.takes)
	status, answer, waited := outcome(user, timeout)
	if !wait(r.Context(), waited) {
		return // the client has disconnected
	}
	writeJSON(w, status, answer)
}

// outcome returns the answer to a refresh, and how long it takes: until every source is done or the timeout is
// over. A source that takes exactly the timeout is done. Each refresh starts every source again, even if an
// earlier refresh of it is in progress. A source that is in progress ends at its own time, also if the client
// disconnects; introspection shows it.
func outcome(user User, timeout time.Duration) (status int, answer RefreshAnswer, waited time.Duration) {
	answer = RefreshAnswer{
		Success: true, UserID: user.ID,
		RefreshedSources: []string{}, InProgressSources: []string{}, FailedSources: []string{},
	}
	status = http.StatusOK
	for _, source := range user.Sources {
		switch {
		case source.Takes > timeout:
			answer.InProgressSources = append(answer.InProgressSources, source.Name)
			status = http.StatusAccepted
		case user.fails(source):
			answer.FailedSources = append(answer.FailedSources, source.Name)
		default:
			answer.RefreshedSources = append(answer.RefreshedSources, source.Name)
		}
		waited = max(waited, min(source.Takes, timeout))
	}
	return status, answer, waited
}

// parseTimeout returns the timeout parameter. If there are several, the last one counts, as in FastAPI.
func parseTimeout(r *http.Request) (time.Duration, []problem) {
	seconds := float64(defaultTimeout)
	if values := r.URL.Query()["timeout"]; len(values) > 0 {
		text := strings.TrimSpace(values[len(values)-1])
		parsed, err := strconv.ParseFloat(text, 64)
		if (err != nil && !math.IsInf(parsed, 0)) || strings.ContainsAny(text, "xX") {
			return 0, timeoutProblem("Input should be a valid number, unable to parse string as a number", "float_parsing")
		}
		seconds = parsed
	}
	switch {
	case !(seconds >= minTimeout): // NaN too
		return 0, timeoutProblem("Input should be greater than or equal to 5", "greater_than_equal")
	case seconds > maxTimeout:
		return 0, timeoutProblem("Input should be less than or equal to 60", "less_than_equal")
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func timeoutProblem(msg, kind string) []problem {
	return []problem{{[2]string{"query", "timeout"}, msg, kind}}
}
