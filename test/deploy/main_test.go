// Package deploy holds that what SAM deploys works: template.yaml on a stand-in of AWS, and the example's state machine
// in an interpreter.
package deploy

import (
	"testing"

	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
