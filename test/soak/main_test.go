// Package soak holds that no queued refresh is lost: a fleet works off a queue while processes are killed and
// everything that the function calls fails at times. And no end of a refresh is lost: sources finish later, and processes
// are killed while they look.
//
// The test is in real time, so the package runs alone. `make soak` makes it bigger.
package soak

import (
	"testing"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestMain(m *testing.M) { harness.MainAlone(m) }
