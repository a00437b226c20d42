// Package quota holds that several instances of the function keep Junction's limit per user together: however many
// callers there are, when instances are killed, when webhooks arrive by the thousand, and without the table.
//
// The tests are in real time, so the package runs alone. `make soak` makes them longer.
package quota

import (
	"strconv"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestMain(m *testing.M) { harness.MainAlone(m) }

const (
	limit  = 8
	window = 6 * time.Second
	// tableWindow is the window that the table keeps: longer by the difference that clocks may have.
	tableWindow = window + time.Second

	callersPerMember = 50
	// pause is a caller's mean pause between two refreshes. With it, an engine that shares two cores with everything
	// else answers within the 300 ms that the function gives it.
	pause = 1500 * time.Millisecond
)

// duration returns how long a test lasts.
func duration(t *testing.T) time.Duration {
	t.Helper()
	return harness.Soak(t, 15*time.Second)
}

func environ() map[string]string {
	return map[string]string{"QUOTA_LIMIT": strconv.Itoa(limit), "QUOTA_WINDOW": window.String(), "COALESCE_WINDOW": "0s", "MAX_ATTEMPTS": "1"}
}
