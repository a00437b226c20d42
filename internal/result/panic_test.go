package result_test

import (
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAPanicIsAnInternalFailureThatQuotesNoPayload(t *testing.T) {
	for name, c := range map[string]struct {
		panics func()
		logged string
	}{
		"of the runtime": {func() { var list []int; i := 0; _ = list[i] }, "panic: runtime error: index out of range [0] with length 0"},
		"of somebody":    {func() { panic("a payload") }, "panic: string"},
	} {
		t.Run(name, func(t *testing.T) {
			var f *result.Failure
			func() {
				defer func() { f = result.FromPanic(recover()) }()
				c.panics()
			}()
			if f.Code != result.Internal || f.Text() != "internal error" {
				t.Errorf("the caller is told %s: %s", f.Code, f.Text())
			}
			cause := f.Cause.Error()
			if !strings.HasPrefix(cause, c.logged+"\n") || !strings.Contains(cause, "panic_test.go") || strings.Contains(cause, "a payload") {
				t.Errorf("the log has %s", cause)
			}
		})
	}
}
