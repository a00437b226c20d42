// Package docs holds that the documentation is true: the tests that it names exist, its tables are what the calculator
// prints, its example events are as Junction's SDK knows them, and what it says never ships does not.
package docs

import (
	"testing"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
