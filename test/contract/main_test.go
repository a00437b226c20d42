// Package contract holds what the function promises at its edges: each event is answered as its trigger expects,
// Junction is called as documented, each of its answers becomes the documented result, the HTTP API is as
// docs/openapi.yaml describes it, and Junction's SDKs work with it.
package contract

import (
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// The requests to Junction that tests expect, without the timeout.
const (
	refreshPartial   = "POST /v2/user/refresh/" + junctiontest.DefaultUserID + "?timeout="
	refreshCompleted = "POST /v2/user/refresh/" + junctiontest.CompletedUserID + "?timeout="
	refreshSlow      = "POST /v2/user/refresh/" + junctiontest.SlowUserID + "?timeout="
	explainPartial   = "GET /v2/user/providers/" + junctiontest.DefaultUserID // why a source failed
	resolveCompleted = "GET /v2/user/resolve/" + junctiontest.CompletedClientUserID
)

// refreshOf is a direct call.
func refreshOf(user string) string { return `{"user_id":"` + user + `"}` }
