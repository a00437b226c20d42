package quota

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// FuzzStoredResult checks that whatever is stored as a result is either not one, or is the user's, can be
// answered as JSON, and is the same after it is stored again.
func FuzzStoredResult(f *testing.F) {
	f.Add(hour.encode(refreshedWith(result.Answer{Status: 202, Refreshed: sourceNames(3), Failed: []string{"oura", "/"}})))
	f.Add(hour.encode(refreshedWith(result.Answer{Status: 200, Refreshed: sourceNames(40_000)})))
	f.Add(hour.encode(ended()))
	for _, text := range []string{"", "{}", "null", "[]", `{"u":"` + user + `","s":200,"r":{"":["",null],"a/":null},"c":1e3}`, `{"u":"` + user + `","s":200,"f":{"a/":["b"]},"b":{"a":"not a word","":"x","c":""}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, ok := decode(text, user, "r")
		if !ok {
			return
		}
		if out.UserID != user || !out.Success || out.Status == "" {
			t.Errorf("%+v", out)
		}
		if _, err := json.Marshal(out); err != nil {
			t.Errorf("the result cannot be answered: %v", err)
		}
		again, ok := decode(hour.encode(out), user, "r")
		if diff := cmp.Diff(out, again, cmpopts.IgnoreUnexported(result.Result{})); !ok || diff != "" && !again.Truncated {
			t.Errorf("stored again (-first +second):\n%s", diff)
		}
	})
}
