package quota

import (
	"net/http"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

func TestRefreshIsMadeIfTheTableCannotBeReached(t *testing.T) {
	t.Parallel()
	silent, _ := harness.SilentServer(t)
	for name, endpoint := range map[string]string{
		"connections are refused":   "http://" + harness.Must(harness.FreeAddress())(t),
		"the table does not answer": silent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := harness.New(t, harness.WithEnv(map[string]string{
				"QUOTA_TABLE": "junction", "AWS_ENDPOINT_URL_DYNAMODB": endpoint, "QUOTA_LIMIT": "8", "COALESCE_WINDOW": "60s",
			}))
			for range 2 {
				got := f.PostHTTPAPI(t, harness.RefreshPath(junctiontest.CompletedUserID), nil, "").Result(t, http.StatusOK)
				if !got.Success || got.Attempts != 1 {
					t.Errorf("success %t, %d attempts", got.Success, got.Attempts)
				}
			}
			lines := f.Logged(t, "refresh")
			if len(lines) != 2 || len(f.Junction.Requests()) != 2 {
				t.Errorf("%d log lines and the calls %q", len(lines), f.Junction.Requests())
			}
			for _, line := range lines {
				if cause, _ := line["quota_error"].(string); cause == "" || line["level"] != "WARN" {
					t.Errorf("the log line is %v", line)
				}
			}
		})
	}
}
